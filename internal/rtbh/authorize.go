package rtbh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
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
	if a.Door == DoorNode {
		if isClusterCommand(c) {
			return s.checkCluster(c)
		}
		role = RoleOperator
	}
	switch x := c.(type) {
	case Announce:
		if role == RoleOperator || (role == RoleCustomer && x.Customer == customer) {
			return s.authorizeAnnounce(x, now)
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
		func() *Refusal { return s.checkProtected(x.Prefix) },
		func() *Refusal { return s.checkRouteMap(c, x) },
		func() *Refusal { return s.checkLifetime(x, now) },
		func() *Refusal { return checkText("reason", x.Reason, maxReason) },
		func() *Refusal { return checkText("ticket", x.Ticket, maxTicket) },
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
	if _, ok := s.Blackhole(x.Prefix, x.Customer, now); !ok {
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

func (s *State) checkProtected(p netip.Prefix) *Refusal {
	always := []netip.Prefix{netip.PrefixFrom(DiscardNextHop4, 32), netip.PrefixFrom(DiscardNextHop6, 128)}
	for _, list := range [][]netip.Prefix{always, s.settings.Protected} {
		for _, q := range list {
			if p.Overlaps(q) {
				return refuse(RefusedProtected, "%s overlaps %s, which is protected by the operator and never blackholed.", p, q)
			}
		}
	}
	return nil
}

func (s *State) checkRouteMap(c Customer, x Announce) *Refusal {
	if x.RouteMap == "" {
		return nil
	}
	m, exists := s.routeMaps[x.RouteMap]
	allowed := x.RouteMap == DefaultRouteMap || slices.Contains(c.RouteMaps, x.RouteMap)
	if !exists || !allowed {
		names := append([]string{DefaultRouteMap}, c.RouteMaps...)
		return refuse(RefusedRouteMap, "Route-map %s is not defined for you; nothing was announced. You may use: %s.",
			x.RouteMap, strings.Join(names, ", "))
	}
	if _, permit := s.evaluate(m, baseRoute(x.Prefix)); !permit {
		return refuse(RefusedRouteMap, "Route-map %s denies %s; nothing was announced.", x.RouteMap, x.Prefix)
	}
	return nil
}

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
		if life = LifetimeOf(x.Until.Sub(now)); b.Max != Forever && life <= b.Max {
			return nil // the shortest lifetime is about typing mistakes, not about a given time
		}
	case x.Life < 0 && x.Life != Forever:
		return refuse(RefusedLifetime, "A lifetime cannot be negative.")
	}
	switch {
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
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) }):
		return refuse(RefusedSyntax, "The %s has control characters in it.", what)
	}
	return nil
}

// checkBudgets refuses the one blackhole too many, before it is announced.
func (s *State) checkBudgets(c Customer, x Announce, now Instant) *Refusal {
	if _, refresh := s.Blackhole(x.Prefix, x.Customer, now); refresh {
		return nil
	}
	most := c.MaxBlackholes
	if most == 0 {
		most = s.settings.PerCustomer
	}
	if have := s.countUpTo(c.Name, most, now); most > 0 && have >= most {
		return refuse(RefusedLimit, "You have %d blackholes, and %d is your limit; end one with `no network` first.", have, most)
	}
	if most = s.settings.MaxBlackholes; most > 0 {
		if have := s.countUpTo("", most, now); have >= most {
			return refuse(RefusedLimit, "The cluster has %d blackholes, and %d is its limit; call your provider.", have, most)
		}
	}
	if len(s.byPrefix[x.Prefix]) > 0 {
		return nil // another customer's announcement already counts
	}
	for _, b := range s.Budgets() {
		if have := uint32(len(s.byPrefix)); have >= b.Max && s.routesAt(now) >= b.Max {
			return refuse(RefusedLimit, "%d routes are announced, and neighbor %s of %s takes %d at most; call your provider.", have, b.Neighbor, b.Node, b.Max)
		}
	}
	return nil
}

// countUpTo counts the active blackholes of a customer ("" = all). Only when
// the limit seems to be reached are those that are over at now left out one by
// one: normally they are gone already.
func (s *State) countUpTo(customer string, limit uint32, now Instant) uint32 {
	have := len(s.holes)
	if customer != "" {
		have = s.perCustomer[customer]
	}
	if uint32(have) < limit {
		return uint32(have)
	}
	n := uint32(0)
	for _, b := range s.holes {
		if (customer == "" || b.Customer == customer) && b.Active(now) {
			n++
		}
	}
	return n
}

func (s *State) routesAt(now Instant) uint32 {
	n := uint32(0)
	for _, all := range s.byPrefix {
		if slices.ContainsFunc(all, func(b *Blackhole) bool { return b.Active(now) }) {
			n++
		}
	}
	return n
}
