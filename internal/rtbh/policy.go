package rtbh

import (
	"math"
	"net/netip"
	"slices"
)

// maxCommunities keeps a route's attributes within one BGP message.
const maxCommunities = 128

func (s *State) checkEditClause(x EditClause) *Refusal {
	if refusal := checkName("route-map", x.Map); refusal != nil {
		return refusal
	}
	v := x.Value
	switch {
	case x.Field >= clauseFields:
		return refuse(RefusedSyntax, "Field %d of a route-map is not known here.", x.Field)
	case v.Seq == 0:
		return refuse(RefusedSyntax, "A sequence number is from 1 to 65535.")
	case x.Remove:
		m, ok := s.routeMaps[x.Map]
		if !ok || m.find(v.Seq) < 0 {
			return refuse(RefusedAbsent, "Route-map %s has no clause %d.", x.Map, v.Seq)
		}
		if x.Field == ClauseExists && len(m.Clauses) == 1 {
			return s.checkDeleteRouteMap(DeleteRouteMap{x.Map})
		}
		return nil
	case x.Field == ClauseNextHop4 && (!v.NextHop4.Is4() || !isNextHop(v.NextHop4)):
		return refuse(RefusedFamily, "`set ip next-hop` takes the IPv4 address of a host.")
	case x.Field == ClauseNextHop6 && (!v.NextHop6.Is6() || v.NextHop6.Is4In6() || !isNextHop(v.NextHop6)):
		return refuse(RefusedFamily, "`set ipv6 next-hop global` takes the IPv6 address of a host, without a zone.")
	case x.Field == ClauseMatchCommunity:
		return checkName("community-list", v.MatchCommunity)
	case x.Field == ClauseMatchPrefix4:
		return checkName("prefix-list", v.MatchPrefix4)
	case x.Field == ClauseMatchPrefix6:
		return checkName("prefix-list", v.MatchPrefix6)
	case max(len(v.Communities), len(v.Large), len(v.Ext)) > maxCommunities:
		return refuse(RefusedSyntax, "At most %d communities of a kind fit into one route.", maxCommunities)
	case x.Field == ClauseOrigin && v.Origin.Value > uint32(OriginIncomplete):
		return refuse(RefusedSyntax, "An origin is igp, egp or incomplete.")
	case x.Field == ClausePrepend && len(v.Prepend) > 24:
		return refuse(RefusedSyntax, "At most 24 AS numbers can be prepended.")
	case x.Field == ClauseDescription:
		return checkText("description", v.Description, maxReason)
	}
	if x.Field != ClausePrepend {
		return nil
	}
	for _, n := range v.Prepend {
		if refusal := checkASN(n); refusal != nil {
			return refusal
		}
	}
	return nil
}

// isNextHop tells whether a is an address that a NEXT_HOP may hold: that of a
// host (RFC 4271 section 5.1.3).
func isNextHop(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && a.Zone() == "" && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func (s *State) checkDeleteRouteMap(x DeleteRouteMap) *Refusal {
	if x.Name == DefaultRouteMap {
		return refuse(RefusedInUse, "Route-map %s is the default of every blackhole; it can be edited but not deleted.", x.Name)
	}
	if _, ok := s.routeMaps[x.Name]; !ok {
		return refuse(RefusedAbsent, "There is no route-map %s.", x.Name)
	}
	for _, c := range s.Customers() {
		if slices.Contains(c.RouteMaps, x.Name) {
			return refuse(RefusedInUse, "Customer %s may use route-map %s; take that away first.", c.Name, x.Name)
		}
	}
	if b := s.firstUser(x.Name); b != nil {
		return refuse(RefusedInUse, "Route-map %s is in use by %s of %s.", x.Name, b.Prefix, b.Customer)
	}
	return nil
}

func (s *State) checkEditPrefixList(x EditPrefixList) *Refusal {
	if refusal := checkName("prefix-list", x.Name); refusal != nil {
		return refusal
	}
	l, exists := s.prefixLists[x.Name]
	switch {
	case exists && l.IPv6 != x.IPv6:
		return refuse(RefusedExists, "Prefix-list %s is of the other address family.", x.Name)
	case x.Remove && !exists:
		return refuse(RefusedAbsent, "There is no prefix-list %s.", x.Name)
	case x.Remove:
		return checkRule("Prefix-list", x.Name, l.Rules, x.Rule.Seq, PrefixRule.seq)
	case noRoom(l.Rules, x.Rule.Seq, PrefixRule.seq):
		return refuse(RefusedSyntax, "Prefix-list %s has no sequence number left at its end; type one.", x.Name)
	case x.Rule.Any:
		return nil
	}
	if refusal := checkPrefix(x.Rule.Prefix); refusal != nil {
		return refusal
	}
	p, ge, le := x.Rule.Prefix, int(x.Rule.Ge), int(x.Rule.Le)
	switch {
	case p.Addr().Is6() != x.IPv6:
		return refuse(RefusedFamily, "%s is of the wrong address family for this list.", p)
	case max(ge, le) > p.Addr().BitLen(), ge > 0 && ge <= p.Bits(), le > 0 && le <= max(ge, p.Bits())-1:
		return refuse(RefusedLength, "Invalid prefix range for %s, make sure: len < ge-value <= le-value.", p)
	}
	return nil
}

func (s *State) checkEditCommunityList(x EditCommunityList) *Refusal {
	if refusal := checkName("community-list", x.Name); refusal != nil {
		return refusal
	}
	l, exists := s.communityLists[x.Name]
	switch {
	case x.Remove && !exists:
		return refuse(RefusedAbsent, "There is no community-list %s.", x.Name)
	case x.Remove:
		return checkRule("Community-list", x.Name, l.Rules, x.Rule.Seq, CommunityRule.seq)
	case noRoom(l.Rules, x.Rule.Seq, CommunityRule.seq):
		return refuse(RefusedSyntax, "Community-list %s has no sequence number left at its end; type one.", x.Name)
	case len(x.Rule.Communities) == 0:
		return refuse(RefusedSyntax, "A community is missing.")
	case len(x.Rule.Communities) > maxCommunities:
		return refuse(RefusedSyntax, "At most %d communities of a kind fit into one route.", maxCommunities)
	}
	return nil
}

func (r PrefixRule) seq() uint32    { return r.Seq }
func (r CommunityRule) seq() uint32 { return r.Seq }

// checkRule refuses to remove a rule that is not there; 0 stands for the list.
func checkRule[T any](what, name string, rules []T, n uint32, seq func(T) uint32) *Refusal {
	if n == 0 || slices.ContainsFunc(rules, func(r T) bool { return seq(r) == n }) {
		return nil
	}
	return refuse(RefusedAbsent, "%s %s has no rule %d.", what, name, n)
}

// noRoom tells whether a rule without a sequence number cannot have one.
func noRoom[T any](rules []T, n uint32, seq func(T) uint32) bool {
	return n == 0 && len(rules) > 0 && seq(rules[len(rules)-1]) > math.MaxUint32-5
}
