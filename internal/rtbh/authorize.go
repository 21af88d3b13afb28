package rtbh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Longest free texts, in bytes.
const (
	maxReason = 512
	maxTicket = 64
)

// shortest masks that no setting can go below: the whole Internet, or a whole
// continent's registry block, is never a blackhole.
const (
	floorLen4 = 8
	floorLen6 = 19
)

func refuse(code RefusalCode, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Authorize tells whether the actor may do this now; nil means yes. At the node
// where a command was typed it gives the friendly refusal, in Apply the one
// that counts. A customer's answer is the same for what is not there and what
// is not its own.
func (s *State) Authorize(a Actor, c Command, now Instant) *Refusal {
	role, customer, refusal := s.rights(a)
	if refusal != nil {
		return refusal
	}
	if refusal := s.CheckVersion([]Command{c}); refusal != nil {
		return refusal
	}
	if a.Door == DoorNode {
		if isClusterCommand(c) {
			return s.checkCluster(c)
		}
		role = RoleOperator
	}
	switch x := c.(type) {
	case Announce:
		if role == RoleOperator || (role == RoleCustomer && x.Customer == customer) {
			if refusal := s.authorizeAnnounce(x, now); refusal != nil || a.Door == DoorNode {
				return refusal
			}
			return s.checkPending(s.customers[x.Customer], x)
		}
	case Withdraw:
		if role == RoleOperator || (role == RoleCustomer && x.Customer == customer) {
			return s.authorizeWithdraw(x, now)
		}
	default:
		if role == RoleOperator {
			return s.checkOperator(a, c)
		}
	}
	return refuse(RefusedRole, "Your role (%s) does not allow this.", role)
}

// rights looks up what an actor may do; the log only says who it is.
func (s *State) rights(a Actor) (Role, string, *Refusal) {
	if a.Door == DoorNode || a.Door == DoorLocal {
		return RoleOperator, "", nil
	}
	u, ok := s.users[a.User]
	if !ok || u.Disabled {
		return 0, "", refuse(RefusedRole, "User %q does not exist any more or is disabled.", a.User)
	}
	return u.Role, u.Customer, nil
}

func (s *State) authorizeAnnounce(x Announce, now Instant) *Refusal {
	c, ok := s.customers[x.Customer]
	if !ok {
		return refuse(RefusedUnknown, "There is no customer %q; make it with `customer %s` first.", x.Customer, x.Customer)
	}
	for _, rule := range []func() *Refusal{
		func() *Refusal { return checkPrefix(x.Prefix) },
		func() *Refusal { return c.checkGrant(x.Prefix) },
		func() *Refusal { return c.checkLength(x.Prefix) },
		func() *Refusal {
			if !s.overlapsProtected(x.Prefix) {
				return nil
			}
			return checkProtected(s.Protected(), x.Prefix)
		},
		func() *Refusal { return s.checkRouteMap(c, x.Prefix, x.RouteMap) },
		func() *Refusal { return s.checkLifetime(x, now) },
		func() *Refusal { return checkText("reason", x.Reason, maxReason) },
		func() *Refusal { return checkWord("ticket", x.Ticket, maxTicket) },
		func() *Refusal { return s.checkBudgets(c, x, now) },
	} {
		if refusal := rule(); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (s *State) authorizeWithdraw(x Withdraw, now Instant) *Refusal {
	if refusal := checkPrefix(x.Prefix); refusal != nil {
		return refusal
	}
	if _, ok := s.Blackhole(x.Prefix, x.Customer, now); !ok && s.waiting(x.Prefix, x.Customer) == 0 {
		return refuse(RefusedAbsent, "%s is not blackholed; nothing to withdraw.", x.Prefix)
	}
	return checkText("reason", x.Reason, maxReason)
}

// checkPrefix refuses what is not exactly one prefix.
func checkPrefix(p netip.Prefix) *Refusal {
	switch {
	case !p.IsValid():
		return refuse(RefusedSyntax, "Not a prefix; type it as A.B.C.D/32 or X:X::X:X/128.")
	case p.Addr().Is4In6():
		return refuse(RefusedFamily, "%s is an IPv4 address in IPv6 form; type %s instead.", p, unmapped(p))
	case p != p.Masked():
		return refuse(RefusedHostBits, "%s has bits set beyond its mask; type %s for the one address, or %s for the network.",
			p, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), p.Masked())
	}
	return nil
}

func unmapped(p netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(p.Addr().Unmap(), max(p.Bits()-96, 0))
}

// Granted returns everything that the customer may blackhole within, from its
// own prefixes and from RPKI, sorted.
func (c Customer) Granted() []netip.Prefix {
	all := append(slices.Clone(c.Prefixes), c.ROAPrefixes...)
	slices.SortFunc(all, ComparePrefixes)
	return slices.Compact(all)
}

// Covers tells whether a whole prefix, mask included, lies within the grant.
func (c Customer) Covers(p netip.Prefix) bool {
	within := func(g netip.Prefix) bool { return g.Bits() <= p.Bits() && g.Contains(p.Addr()) }
	return slices.ContainsFunc(c.Prefixes, within) || slices.ContainsFunc(c.ROAPrefixes, within)
}

func (c Customer) checkGrant(p netip.Prefix) *Refusal {
	if c.Covers(p) {
		return nil
	}
	granted := c.Granted()
	if len(granted) == 0 {
		return refuse(RefusedGrant, "%s is not within your prefixes (you have none yet; ask your provider).", p)
	}
	names := make([]string, 0, len(granted))
	for _, g := range granted {
		if len(names) == 8 && len(granted) > 9 {
			names = append(names, fmt.Sprintf("and %d more", len(granted)-8))
			break
		}
		names = append(names, g.String())
	}
	return refuse(RefusedGrant, "%s is not within your prefixes (%s).", p, strings.Join(names, ", "))
}

// MinLen returns the shortest mask that the customer may blackhole in the
// address family of p.
func (c Customer) MinLen(p netip.Prefix) int {
	if p.Addr().Is4() {
		if c.MinLen4 == 0 {
			return 32
		}
		return max(int(c.MinLen4), floorLen4)
	}
	if c.MinLen6 == 0 {
		return 128
	}
	return max(int(c.MinLen6), floorLen6)
}

func (c Customer) checkLength(p netip.Prefix) *Refusal {
	least := c.MinLen(p)
	if p.Bits() >= least {
		return nil
	}
	return refuse(RefusedLength, "%s is a whole network of mask /%d; you may blackhole masks of /%d and longer only, such as %s.",
		p, p.Bits(), least, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
}

// checkProtected refuses what overlaps a protected prefix, in either direction:
// a network around one would blackhole it too.
func checkProtected(protected []netip.Prefix, p netip.Prefix) *Refusal {
	for _, q := range protected {
		if p.Overlaps(q) {
			return refuse(RefusedProtected, "%s overlaps %s, which is protected by the operator and never blackholed.", p, q)
		}
	}
	return nil
}

// Protected returns everything that is never blackholed: what blackholed traffic
// is sent to, the nodes of the cluster, and what the operator says. A blackhole
// for a next-hop would be its own next-hop, one for a node would cut off those who
// could end it.
func (s *State) Protected() []netip.Prefix {
	all := append(s.nextHops(), s.nodes()...)
	return append(all, s.settings.Protected...)
}

// overlapsProtected tells whether p overlaps anything in Protected. It makes no
// list, since every blackhole is asked about.
func (s *State) overlapsProtected(p netip.Prefix) bool {
	if p.Overlaps(host(DiscardNextHop4)) || p.Overlaps(host(DiscardNextHop6)) {
		return true
	}
	for _, m := range s.routeMaps {
		for _, c := range m.Clauses {
			if p.Overlaps(host(c.NextHop4)) || p.Overlaps(host(c.NextHop6)) { // an invalid one overlaps nothing
				return true
			}
		}
	}
	for _, m := range s.members {
		if a, ok := m.host(); ok && p.Overlaps(a) {
			return true
		}
	}
	return slices.ContainsFunc(s.settings.Protected, p.Overlaps)
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// nodes returns the members' addresses. A member that is dialled by name is not
// among them: every node has to decide alike, and a name may mean another address
// at each.
func (s *State) nodes() []netip.Prefix {
	var all []netip.Prefix
	for _, m := range s.Members() {
		if a, ok := m.host(); ok {
			all = append(all, a)
		}
	}
	return all
}

// host is the member's address, false when it is dialled by name.
func (m Member) host() (netip.Prefix, bool) {
	a, err := netip.ParseAddrPort(m.Addr)
	if err != nil {
		return netip.Prefix{}, false
	}
	return host(a.Addr().Unmap().WithZone("")), true
}

// nextHops returns what blackholed traffic is sent to, the well-known discard
// addresses first.
func (s *State) nextHops() []netip.Prefix {
	all := []netip.Prefix{host(DiscardNextHop4), host(DiscardNextHop6)}
	for _, m := range s.RouteMaps() {
		for _, c := range m.Clauses {
			for _, a := range []netip.Addr{c.NextHop4, c.NextHop6} {
				if a.IsValid() {
					all = append(all, host(a))
				}
			}
		}
	}
	return all
}

func (s *State) checkRouteMap(c Customer, p netip.Prefix, name string) *Refusal {
	name = Blackhole{RouteMap: name}.routeMap()
	m, exists := s.routeMaps[name]
	allowed := name == DefaultRouteMap || slices.Contains(c.RouteMaps, name)
	if !exists || !allowed {
		names := edited([]string{DefaultRouteMap}, c.RouteMaps, false, strings.Compare)
		return refuse(RefusedRouteMap, "Route-map %s is not defined for you; nothing was announced. You may use: %s.",
			name, strings.Join(names, ", "))
	}
	if _, permit := s.evaluate(m, baseRoute(p)); !permit {
		return refuse(RefusedRouteMap, "Route-map %s denies %s; nothing was announced.", name, p)
	}
	return nil
}

// maxLife is the longest lifetime that is not Forever, so that no deadline is
// beyond what the clock can count.
const maxLife = Lifetime(100 * 365 * 24 * time.Hour / time.Millisecond)

// Bounds are the lifetimes that hold for a customer.
type Bounds struct{ Default, Min, Max Lifetime }

// Lifetimes returns the customer's bounds, with the cluster's where its own
// record says nothing. The default never exceeds the longest.
func (s *State) Lifetimes(customer string) Bounds {
	c := s.customers[customer]
	pick := func(own, all Lifetime) Lifetime {
		if own != 0 {
			return own
		}
		return all
	}
	b := Bounds{
		Default: pick(c.DefaultLife, s.settings.DefaultLife),
		Min:     pick(c.MinLife, s.settings.MinLife),
		Max:     pick(c.MaxLife, s.settings.MaxLife),
	}
	if b.Max != Forever && (b.Default == Forever || b.Default > b.Max) {
		b.Default = b.Max
	}
	return b
}

func (s *State) checkLifetime(x Announce, now Instant) *Refusal {
	b := s.Lifetimes(x.Customer)
	life := x.Life
	switch {
	case x.Life == 0 && x.Until == 0:
		return nil
	case x.Until != 0:
		if x.Until <= now {
			return refuse(RefusedLifetime, "%s is over already; it is %s on the cluster's clock.", x.Until, now)
		}
		// Milliseconds, not a Duration: that overflows after 292 years.
		if life = Lifetime(x.Until - now); b.Max != Forever && life <= b.Max {
			return nil // the shortest lifetime is about typing mistakes, not about a given time
		}
	case x.Life < 0 && x.Life != Forever:
		return refuse(RefusedLifetime, "A lifetime cannot be negative.")
	}
	switch {
	case life > maxLife && b.Max == Forever:
		return refuse(RefusedLifetime, "A lifetime is at most %s; type `expire never` for one without an end.", maxLife)
	case life == Forever && b.Max != Forever:
		return refuse(RefusedLifetime, "`expire never` is not allowed for you; the longest is %s.", b.Max)
	case life != Forever && b.Max != Forever && life > b.Max:
		return refuse(RefusedLifetime, "The longest lifetime that you may ask for is %s.", b.Max)
	case life != Forever && x.Until == 0 && life < b.Min:
		return refuse(RefusedLifetime, "The shortest lifetime that you may ask for is %s.", b.Min)
	}
	return nil
}

func checkText(what, s string, most int) *Refusal {
	switch {
	case len(s) > most:
		return refuse(RefusedSyntax, "The %s is too long: %d bytes, at most %d.", what, len(s), most)
	case !utf8.ValidString(s):
		return refuse(RefusedSyntax, "The %s is not valid UTF-8.", what)
	case strings.ContainsFunc(s, isHidden):
		return refuse(RefusedSyntax, "The %s has control or invisible characters in it.", what)
	case s != "" && (isBlank(s[0]) || isBlank(s[len(s)-1])):
		return refuse(RefusedSyntax, "The %s begins or ends with a blank.", what)
	}
	return nil
}

// checkWord is checkText for what is one word on the command line.
func checkWord(what, s string, most int) *Refusal {
	if strings.Contains(s, " ") {
		return refuse(RefusedSyntax, "The %s has a blank in it; use one word.", what)
	}
	return checkText(what, s, most)
}

func isBlank(b byte) bool { return b == ' ' }

// isHidden tells whether a character would act on a terminal rather than show,
// or not show at all: controls, line separators, and Unicode's format characters
// (class Cf), such as those that turn the direction of writing. What is printed
// escapes them, so that it would not read back as what it was. The list is spelt
// out because Unicode's own classes grow with each version of Go, and every node
// has to decide alike.
func isHidden(r rune) bool {
	for _, h := range hidden {
		if h[0] <= r && r <= h[1] {
			return true
		}
	}
	return r == utf8.RuneError // printed for bytes that are no UTF-8
}

// hidden holds the first and last of each range, as of Unicode 17.
var hidden = [...][2]rune{
	{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f}, {0x890, 0x891}, {0x8e2, 0x8e2},
	{0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2064}, {0x2066, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
	{0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0001, 0xe0001}, {0xe0020, 0xe007f},
}
