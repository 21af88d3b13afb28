package rtbh

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The model below says the rules of a blackhole request a second time, as
// plainly as possible and with other means: prefixes are ranges of addresses,
// state is a list that is searched from the front.

type modelHole struct {
	customer string
	prefix   netip.Prefix
	deadline Instant
	born     int
}

type modelCustomer struct {
	grants  []netip.Prefix
	minLen4 int
	minLen6 int
	most    int
	maxLife Lifetime
}

type model struct {
	customers map[string]*modelCustomer
	protected []netip.Prefix
	most      int
	neighbor  int // the smallest budget; 0 = none
	holes     []modelHole
	born      int
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

func (m *model) at(now Instant) {
	m.holes = slices.DeleteFunc(m.holes, func(h modelHole) bool { return h.deadline != Never && h.deadline <= now })
}

func (m *model) find(p netip.Prefix, customer string) int {
	return slices.IndexFunc(m.holes, func(h modelHole) bool { return h.prefix == p && h.customer == customer })
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

func (m *model) allows(x Announce, now Instant) bool {
	c := m.customers[x.Customer]
	p := x.Prefix
	if c == nil || !p.IsValid() || p.Addr().Is4In6() || x.RouteMap != "" {
		return false
	}
	if first, _ := span(p); !bytes.Equal(first, p.Addr().AsSlice()) {
		return false
	}
	if !slices.ContainsFunc(c.grants, func(g netip.Prefix) bool { return modelWithin(p, g) }) {
		return false
	}
	least := c.minLen4
	if p.Addr().Is6() {
		least = c.minLen6
	}
	if p.Bits() < least {
		return false
	}
	for _, q := range append([]netip.Prefix{pfx("192.0.2.1/32"), pfx("100::1/128")}, m.protected...) {
		if modelWithin(p, q) || modelWithin(q, p) {
			return false
		}
	}
	switch longest := c.maxLife; {
	case x.Until != 0:
		if x.Until <= now || (longest != Forever && x.Until > now+Instant(longest)) || x.Until > now+Instant(maxLife) {
			return false
		}
	case x.Life == Forever:
		if longest != Forever {
			return false
		}
	case x.Life != 0:
		if x.Life < 60_000 || (longest != Forever && x.Life > longest) || x.Life > maxLife {
			return false
		}
	}
	if m.find(p, x.Customer) >= 0 {
		return true
	}
	own := 0
	for _, h := range m.holes {
		if h.customer == x.Customer {
			own++
		}
	}
	if own >= c.most || (m.most > 0 && len(m.holes) >= m.most) {
		return false
	}
	return m.neighbor == 0 || slices.Contains(m.prefixes(), p) || len(m.prefixes()) < m.neighbor
}

// announce does what an accepted request does.
func (m *model) announce(x Announce, now Instant) {
	deadline := now + day
	if longest := m.customers[x.Customer].maxLife; longest != Forever && longest < Lifetime(day) {
		deadline = now + Instant(longest)
	}
	switch {
	case x.Until != 0:
		deadline = x.Until
	case x.Life == Forever:
		deadline = Never
	case x.Life != 0:
		deadline = now + Instant(x.Life)
	}
	i := m.find(x.Prefix, x.Customer)
	if i < 0 {
		m.born++
		m.holes = append(m.holes, modelHole{x.Customer, x.Prefix, deadline, m.born})
		return
	}
	was := m.holes[i].deadline
	if plain := x.Until == 0 && x.Life == 0; plain && (was == Never || (deadline != Never && was > deadline)) {
		return
	}
	m.holes[i].deadline = deadline
}

func (m *model) nextEnd(now Instant) (first Instant, found bool) {
	for _, h := range m.holes {
		if h.deadline != Never && h.deadline > now && (!found || h.deadline < first) {
			first, found = h.deadline, true
		}
	}
	return first, found
}

// modelStory draws a world of three customers and puts it into both.
func modelStory(t *rapid.T) (*story, *model) {
	st, m := newStory(), &model{customers: map[string]*modelCustomer{}}
	for _, name := range []string{"one", "two", "three"} {
		c := &modelCustomer{minLen4: 32, minLen6: 128, most: 1000, maxLife: Lifetime(30 * day)}
		m.customers[name] = c
		c.grants = rapid.SliceOfNDistinct(rapid.SampledFrom(universe), 0, 4, rapid.ID).Draw(t, name+" grants")
		st.must(local, EditCustomer{Name: name})
		if len(c.grants) > 0 {
			st.must(local, EditCustomer{Name: name, Field: CustomerPrefixes, Value: Customer{Prefixes: c.grants}})
		}
		if rapid.IntRange(0, 2).Draw(t, "widened") > 0 {
			c.minLen4 = rapid.SampledFrom([]int{8, 9, 15, 16, 24, 31}).Draw(t, "minlen4")
			c.minLen6 = rapid.SampledFrom([]int{19, 31, 32, 48, 127}).Draw(t, "minlen6")
			st.must(local, EditCustomer{Name: name, Field: CustomerMinLen4, Value: Customer{MinLen4: uint8(c.minLen4)}},
				EditCustomer{Name: name, Field: CustomerMinLen6, Value: Customer{MinLen6: uint8(c.minLen6)}})
		}
		if rapid.Bool().Draw(t, "limited") {
			c.most = rapid.IntRange(1, 3).Draw(t, "most")
			st.must(local, EditCustomer{Name: name, Field: CustomerMaxBlackholes, Value: Customer{MaxBlackholes: uint32(c.most)}})
		}
		if rapid.Bool().Draw(t, "lives") {
			c.maxLife = rapid.SampledFrom([]Lifetime{Forever, Lifetime(hour), Lifetime(7 * day)}).Draw(t, "maxlife")
			st.must(local, EditCustomer{Name: name, Field: CustomerMaxLife, Value: Customer{MaxLife: c.maxLife}})
		}
	}
	if m.protected = rapid.SliceOfNDistinct(rapid.SampledFrom(universe[8:24]), 0, 2, rapid.ID).Draw(t, "protected"); len(m.protected) > 0 {
		st.must(local, EditSettings{Field: SettingsProtected, Value: Settings{Protected: m.protected}})
	}
	if rapid.IntRange(0, 3).Draw(t, "crowded") == 0 {
		m.most, m.neighbor = rapid.IntRange(1, 6).Draw(t, "most"), rapid.IntRange(1, 4).Draw(t, "neighbor")
		st.must(local, EditSettings{Field: SettingsMaxBlackholes, Value: Settings{MaxBlackholes: uint32(m.most)}})
		st.must(thenode, SetBudget{Node: "trigger1", Neighbor: "192.0.2.250", Max: uint32(m.neighbor)},
			SetBudget{Node: "trigger2", Neighbor: "192.0.2.251", Max: uint32(m.neighbor + 1)})
	}
	return st, m
}

func TestRequestsAreAcceptedExactlyWhenTheModelAllowsThem(t *testing.T) {
	yes, no := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		st, m := modelStory(t)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			st.now += rapid.SampledFrom([]Instant{0, 1, minute, hour, day}).Draw(t, "step")
			m.at(st.now)
			name := drawName(t, "one two three nosuch")
			p := drawTyped(t)
			if c := m.customers[name]; c != nil && len(c.grants) > 0 && rapid.Bool().Draw(t, "near the grant") {
				g := rapid.SampledFrom(c.grants).Draw(t, "grant")
				p = netip.PrefixFrom(g.Addr(), min(max(g.Bits()+rapid.IntRange(-1, 1).Draw(t, "bits"), 0), g.Addr().BitLen())).Masked()
			}
			if rapid.IntRange(0, 3).Draw(t, "withdraw") == 0 {
				if r := st.do(olga, Withdraw{Customer: name, Prefix: p}); (r.Outcomes[0].Refusal == nil) != (m.find(p, name) >= 0) {
					t.Fatalf("no network %s of %s: %+v, the model holds %+v", p, name, r.Outcomes[0].Refusal, m.holes)
				}
				m.holes = slices.DeleteFunc(m.holes, func(h modelHole) bool { return h.prefix == p && h.customer == name })
			} else {
				x := Announce{Customer: name, Prefix: p,
					Life:     rapid.SampledFrom([]Lifetime{0, 0, 0, 1, 60_000, Lifetime(hour), Lifetime(40 * day), maxLife + 1, Forever, -2}).Draw(t, "life"),
					RouteMap: rapid.SampledFrom([]string{"", "", "", "", "", "NOSUCH"}).Draw(t, "map")}
				if rapid.IntRange(0, 4).Draw(t, "until") == 0 {
					x.Life = 0
					x.Until = st.now + rapid.SampledFrom([]Instant{-1, 0, 1, hour, 31 * day, 1 << 62, 18446744073710}).Draw(t, "until")
				}
				allowed := m.allows(x, st.now) && x.Life >= Forever
				if friendly := st.s.Authorize(olga, x, st.now); (friendly == nil) != allowed {
					t.Fatalf("Authorize(%+v): %v, the model says %v", x, friendly, allowed)
				}
				r := st.do(olga, x)
				if got := r.Outcomes[0].Refusal; (got == nil) != allowed {
					t.Fatalf("%+v: %v, the model says %v", x, got, allowed)
				}
				if allowed {
					yes++
					m.announce(x, st.now)
					if want := m.holes[m.find(p, name)].deadline; r.Outcomes[0].Deadline != want {
						t.Fatalf("%+v ends %d, the model says %d", x, r.Outcomes[0].Deadline, want)
					}
				} else {
					no++
				}
			}
			compareWithModel(t, st, m)
		}
	})
	if yes == 0 || no == 0 {
		t.Errorf("%d accepted and %d refused: the test draws from too small a world", yes, no)
	}
}

// compareWithModel looks at both now and at the moments around each deadline.
func compareWithModel(t *rapid.T, st *story, m *model) {
	moments := []Instant{st.now, st.now + hour, st.now + 100*day}
	for _, h := range m.holes {
		if h.deadline != Never {
			moments = append(moments, h.deadline-1, h.deadline)
		}
	}
	for _, now := range moments {
		if now < st.now {
			continue
		}
		then := *m
		then.holes = slices.Clone(m.holes)
		then.at(now)
		var got []netip.Prefix
		for _, r := range st.s.Desired(now) {
			got = append(got, r.Prefix)
		}
		want := then.prefixes()
		slices.SortFunc(want, ComparePrefixes)
		if !slices.Equal(got, want) {
			t.Fatalf("at %s Desired holds %v, the model %v", now, got, want)
		}
		if n := len(st.s.Blackholes("", now)); n != len(then.holes) {
			t.Fatalf("at %s there are %d blackholes, in the model %d", now, n, len(then.holes))
		}
		gotEnd, ok := st.s.NextEnd(now)
		if wantEnd, wantOK := then.nextEnd(now); gotEnd != wantEnd || ok != wantOK {
			t.Fatalf("at %s NextEnd says %s %v, the model %s %v", now, gotEnd, ok, wantEnd, wantOK)
		}
	}
}
