package rtbh

import (
	"bytes"
	"net/netip"
	"slices"
)

// The model below says the rules a second time, as plainly as possible and with
// other means: prefixes are ranges of addresses, state is a list that is searched
// from the front, and nothing is shared with what it checks but the vocabulary.

type modelHole struct {
	customer string
	prefix   netip.Prefix
	routeMap string
	deadline Instant
	born     int // order of the first commits
}

type modelWait struct {
	id  uint64
	by  string
	at  Instant
	ask Announce
}

type modelCustomer struct {
	grants, roas     []netip.Prefix
	minLen4, minLen6 int
	approve4         int // masks shorter than this wait for a second person; 0 = none
	approve6         int
	most             int // 0 = as many as the settings say
	life             Lifetime
	minLife, maxLife Lifetime
	maps             []string
}

// modelUser is a role: "operator", "viewer", "gone" or the name of a customer.
type modelUser struct{ name, role string }

type model struct {
	customers map[string]*modelCustomer
	protected []netip.Prefix
	each      int // most blackholes of a customer whose record says nothing
	most      int // in the cluster; 0 = no limit
	neighbors map[string]int
	holes     []modelHole
	waits     []modelWait
	born      int
	asked     uint64
}

// span returns the first and the last address of a prefix.
func span(p netip.Prefix) (first, last []byte) {
	first = p.Addr().AsSlice()
	last = slices.Clone(first)
	for bit := p.Bits(); bit < 8*len(first); bit++ {
		first[bit/8] &^= 0x80 >> (bit % 8)
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return first, last
}

func modelWithin(inner, outer netip.Prefix) bool {
	f1, l1 := span(inner)
	f2, l2 := span(outer)
	return len(f1) == len(f2) && bytes.Compare(f2, f1) <= 0 && bytes.Compare(l1, l2) <= 0
}

func of6(p netip.Prefix, four, six int) int {
	if len(p.Addr().AsSlice()) == 16 {
		return six
	}
	return four
}

// at lets time go by: what is over goes, and what nobody approved within a day.
func (m *model) at(now Instant) {
	m.holes = slices.DeleteFunc(m.holes, func(h modelHole) bool { return h.deadline != Never && h.deadline <= now })
	m.waits = slices.DeleteFunc(m.waits, func(w modelWait) bool { return now >= w.at+day })
}

func (m *model) find(p netip.Prefix, customer string) int {
	return slices.IndexFunc(m.holes, func(h modelHole) bool { return h.prefix == p && h.customer == customer })
}

func (m *model) waiting(p netip.Prefix, customer string) int {
	return slices.IndexFunc(m.waits, func(w modelWait) bool { return w.ask.Prefix == p && w.ask.Customer == customer })
}

func (m *model) prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, h := range m.holes {
		if !slices.Contains(all, h.prefix) {
			all = append(all, h.prefix)
		}
	}
	return all
}

// modelMetric is what the world's route-maps set, and -1 where they deny.
func modelMetric(name string, p netip.Prefix) int {
	switch {
	case name == "" || name == DefaultRouteMap:
		return 0
	case name == "ONE":
		return 1
	case name == "FOUR" && p.Addr().Is4():
		return 4
	}
	return -1
}

// deciding is the earliest of a prefix's blackholes.
func (m *model) deciding(p netip.Prefix) modelHole {
	first := modelHole{born: m.born + 1}
	for _, h := range m.holes {
		if h.prefix == p && h.born < first.born {
			first = h
		}
	}
	return first
}

// suits tells whether the rules about what a blackhole is allow this one.
func (m *model) suits(customer string, p netip.Prefix, routeMap string) RefusalCode {
	c := m.customers[customer]
	if !slices.ContainsFunc(append(slices.Clone(c.grants), c.roas...), func(g netip.Prefix) bool { return modelWithin(p, g) }) {
		return RefusedGrant
	}
	if p.Bits() < of6(p, c.minLen4, c.minLen6) {
		return RefusedLength
	}
	for _, q := range append(modelAlways(), m.protected...) {
		if modelWithin(p, q) || modelWithin(q, p) {
			return RefusedProtected
		}
	}
	if named := routeMap != "" && routeMap != DefaultRouteMap; named && !slices.Contains(c.maps, routeMap) || modelMetric(routeMap, p) < 0 {
		return RefusedRouteMap
	}
	return 0
}

// judge names the rule that refuses a request whoever makes it; 0 = none.
func (m *model) judge(x Announce, now Instant) RefusalCode {
	c, p := m.customers[x.Customer], x.Prefix
	switch {
	case c == nil:
		return RefusedUnknown
	case !p.IsValid():
		return RefusedSyntax
	case p.Addr().Is4In6():
		return RefusedFamily
	}
	if first, _ := span(p); !bytes.Equal(first, p.Addr().AsSlice()) {
		return RefusedHostBits
	}
	if code := m.suits(x.Customer, p, x.RouteMap); code != 0 {
		return code
	}
	if !c.lasts(x, now) {
		return RefusedLifetime
	}
	if len(x.Reason) > 512 || len(x.Ticket) > 64 || bytes.ContainsAny([]byte(x.Reason), "\n\x1b") {
		return RefusedSyntax
	}
	if m.find(p, x.Customer) < 0 && !m.room(x) {
		return RefusedLimit
	}
	return 0
}

func (c *modelCustomer) lasts(x Announce, now Instant) bool {
	const century = Lifetime(100 * 365 * 24 * 3600 * 1000)
	switch {
	case x.Until != 0:
		return x.Until > now && x.Until <= now+Instant(century) && (c.maxLife == Forever || x.Until <= now+Instant(c.maxLife))
	case x.Life == 0:
		return true
	case x.Life == Forever:
		return c.maxLife == Forever
	}
	return x.Life >= c.minLife && x.Life <= century && (c.maxLife == Forever || x.Life <= c.maxLife)
}

// room tells whether every budget has room for one more.
func (m *model) room(x Announce) bool {
	own, most := 0, m.customers[x.Customer].most
	if most == 0 {
		most = m.each
	}
	for _, h := range m.holes {
		if h.customer == x.Customer {
			own++
		}
	}
	if own >= most || m.most > 0 && len(m.holes) >= m.most {
		return false
	}
	if out := m.prefixes(); !slices.Contains(out, x.Prefix) {
		for _, most := range m.neighbors {
			if len(out) >= most {
				return false
			}
		}
	}
	return true
}

// announces is what becomes of a user's request: refused, waiting or out.
func (m *model) announces(u modelUser, x Announce, now Instant) (code RefusalCode, wait uint64) {
	if u.role != "operator" && u.role != x.Customer {
		return RefusedRole, 0
	}
	if code := m.judge(x, now); code != 0 {
		return code, 0
	}
	if !m.mustWait(x) {
		m.put(x, now)
		return 0, 0
	}
	i := m.waiting(x.Prefix, x.Customer)
	if i < 0 {
		own := 0
		for _, w := range m.waits {
			if w.ask.Customer == x.Customer {
				own++
			}
		}
		if own >= 16 {
			return RefusedLimit, 0
		}
		m.asked++
		m.waits, i = append(m.waits, modelWait{id: m.asked}), len(m.waits)
	}
	m.waits[i].by, m.waits[i].at, m.waits[i].ask = u.name, now, x
	return 0, m.waits[i].id
}

// mustWait tells whether a second person has to agree: the network is larger than
// the threshold, or a protected prefix lies in the network of that size around it.
func (m *model) mustWait(x Announce) bool {
	c := m.customers[x.Customer]
	size := of6(x.Prefix, c.approve4, c.approve6)
	if size == 0 {
		return false
	}
	if x.Prefix.Bits() < size {
		return true
	}
	around, _ := x.Prefix.Addr().Prefix(size)
	return slices.ContainsFunc(append(modelAlways(), m.protected...), func(q netip.Prefix) bool {
		return modelWithin(around, q) || modelWithin(q, around)
	})
}

// modelAlways are the discard next-hops and the nodes.
func modelAlways() []netip.Prefix {
	return []netip.Prefix{pfx("192.0.2.1/32"), pfx("100::1/128"), pfx("127.0.0.1/32"), pfx("10.1.2.99/32")}
}

// put does what an accepted request does.
func (m *model) put(x Announce, now Instant) {
	c := m.customers[x.Customer]
	usual := c.life
	if c.maxLife != Forever && (usual == Forever || usual > c.maxLife) {
		usual = c.maxLife
	}
	ends := func(l Lifetime) Instant {
		if l == Forever {
			return Never
		}
		return now + Instant(l)
	}
	h := modelHole{customer: x.Customer, prefix: x.Prefix, routeMap: x.RouteMap, deadline: ends(usual)}
	switch {
	case x.Until != 0:
		h.deadline = x.Until
	case x.Life != 0:
		h.deadline = ends(x.Life)
	}
	i := m.find(x.Prefix, x.Customer)
	if i < 0 {
		m.born++
		h.born = m.born
		m.holes = append(m.holes, h)
		return
	}
	h.born = m.holes[i].born
	if was := m.holes[i].deadline; x.Until == 0 && x.Life == 0 && (was == Never || h.deadline != Never && was > h.deadline) {
		h.deadline = was
	}
	m.holes[i] = h
}

func (m *model) withdraws(u modelUser, x Withdraw) RefusalCode {
	i, j := m.find(x.Prefix, x.Customer), m.waiting(x.Prefix, x.Customer)
	switch {
	case u.role != "operator" && u.role != x.Customer:
		return RefusedRole
	case !x.Prefix.IsValid():
		return RefusedSyntax
	case x.Prefix.Addr().Is4In6():
		return RefusedFamily
	case x.Prefix != x.Prefix.Masked():
		return RefusedHostBits
	case i < 0 && j < 0:
		return RefusedAbsent
	}
	if i >= 0 {
		m.holes = slices.Delete(m.holes, i, i+1)
	}
	if j >= 0 {
		m.waits = slices.Delete(m.waits, j, j+1)
	}
	return 0
}

func (m *model) approves(u modelUser, x Approve, now Instant) RefusalCode {
	i := slices.IndexFunc(m.waits, func(w modelWait) bool { return w.id == x.ID })
	switch {
	case u.role != "operator":
		return RefusedRole
	case i < 0:
		return RefusedAbsent
	}
	w := m.waits[i]
	if !x.Reject {
		if w.by == u.name {
			return RefusedRole
		}
		if code := m.judge(w.ask, now); code != 0 {
			return code
		}
		m.put(w.ask, now)
	}
	m.waits = slices.Delete(m.waits, i, i+1)
	return 0
}

func (m *model) nextEnd(now Instant) (first Instant, found bool) {
	for _, h := range m.holes {
		if h.deadline != Never && h.deadline > now && (!found || h.deadline < first) {
			first, found = h.deadline, true
		}
	}
	return first, found
}
