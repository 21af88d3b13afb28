package rtbh

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

func defaultRouteMap() RouteMap {
	return RouteMap{Name: DefaultRouteMap, Clauses: []Clause{{
		Seq:         10,
		Description: "RFC 7999 blackhole, kept inside the neighboring AS",
		Communities: []Community{BlackholeWellKnown, NoExport},
		NextHop4:    DiscardNextHop4,
		NextHop6:    DiscardNextHop6,
	}}}
}

// Desired returns the routes that every announcing node has out at now, sorted
// by prefix.
func (s *State) Desired(now Instant) []Route {
	prefixes := s.Prefixes()
	slices.SortFunc(prefixes, ComparePrefixes)
	out := make([]Route, 0, len(prefixes))
	for _, p := range prefixes {
		if r, ok := s.RouteFor(p, now); ok {
			out = append(out, r)
		}
	}
	return out
}

// Prefixes returns those of all blackholes, in no order, whether they are over or
// not.
func (s *State) Prefixes() []netip.Prefix {
	return slices.AppendSeq(make([]netip.Prefix, 0, len(s.byPrefix)), maps.Keys(s.byPrefix))
}

// RoutesDigest returns SHA-256 over routes, attribute by attribute, in the order
// that Desired has them in. A field that Route gains later must not change the
// digest of routes that do not use it: two versions compare theirs.
func RoutesDigest(routes []Route) (d [32]byte) {
	h := sha256.New()
	var line []byte
	var attributes string // of the route before: most have the same
	for i, r := range routes {
		if i == 0 || !r.Equal(routes[i-1].At(r.Prefix)) {
			attributes = r.attributesText()
		}
		line = append(r.Prefix.AppendTo(line[:0]), attributes...)
		h.Write(line)
	}
	h.Sum(d[:0])
	return d
}

// attributesText is all of a route behind its prefix, with the end of the line.
func (r Route) attributesText() string {
	return fmt.Sprintf(" %s %d %d %d %d %d %d %d\n", r.NextHop, uint8(r.Origin),
		[2]uint32{bit(r.LocalPref.Set), r.LocalPref.Value}, [2]uint32{bit(r.MED.Set), r.MED.Value},
		r.Communities, r.Large, r.Ext, r.Prepend)
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// RouteFor returns the route for one prefix at now. Of several customers'
// blackholes of that prefix the earliest committed one decides the attributes.
func (s *State) RouteFor(p netip.Prefix, now Instant) (Route, bool) {
	for _, b := range s.byPrefix[p] {
		if b.Active(now) {
			return s.routeOf(b)
		}
	}
	return Route{}, false
}

// routeOf applies a blackhole's route-map. A map that denies or that is gone
// can't happen after Authorize; should it, the default map keeps the traffic
// stopped: losing a blackhole is worse than a wrong community.
func (s *State) routeOf(b *Blackhole) (Route, bool) {
	base := baseRoute(b.Prefix)
	if m, ok := s.routeMaps[b.routeMap()]; ok {
		if r, permit := s.evaluate(m, base); permit {
			return r, true
		}
	}
	return s.evaluate(s.routeMaps[DefaultRouteMap], base)
}

func (b Blackhole) routeMap() string {
	if b.RouteMap == "" {
		return DefaultRouteMap
	}
	return b.RouteMap
}

// baseRoute is what a route-map starts from: it points at the discard next-hop
// until a `set` line says otherwise.
func baseRoute(p netip.Prefix) Route {
	r := Route{Prefix: p, NextHop: DiscardNextHop4, Origin: OriginIGP}
	if p.Addr().Is6() {
		r.NextHop = DiscardNextHop6
	}
	return r
}

// evaluate runs a route through a route-map. Nothing matching means deny.
func (s *State) evaluate(m RouteMap, r Route) (Route, bool) {
	for i := range m.Clauses {
		c := &m.Clauses[i]
		if !s.matches(c, r) {
			continue
		}
		if c.Deny {
			return Route{}, false
		}
		return c.apply(r), true
	}
	return Route{}, false
}

func (s *State) matches(c *Clause, r Route) bool {
	if c.MatchCommunity != "" && !s.communityLists[c.MatchCommunity].Permits(r.Communities) {
		return false
	}
	name, other := c.MatchPrefix4, c.MatchPrefix6
	if r.Prefix.Addr().Is6() {
		name, other = other, name
	}
	if name != "" {
		return s.prefixLists[name].Permits(r.Prefix)
	}
	return other == "" // a match on the other family only never matches this one
}

func (c *Clause) apply(r Route) Route {
	if len(c.Communities) > 0 {
		r.Communities = merged(r.Communities, c.Communities, c.Additive, compareNumbers)
	}
	if len(c.Large) > 0 {
		r.Large = merged(r.Large, c.Large, c.LargeAdditive, compareLarge)
	}
	if len(c.Ext) > 0 {
		r.Ext = merged(nil, c.Ext, false, compareNumbers)
	}
	if c.NextHop4.IsValid() && r.Prefix.Addr().Is4() {
		r.NextHop = c.NextHop4
	}
	if c.NextHop6.IsValid() && r.Prefix.Addr().Is6() {
		r.NextHop = c.NextHop6
	}
	if c.LocalPref.Set {
		r.LocalPref = c.LocalPref
	}
	if c.MED.Set {
		r.MED = c.MED
	}
	if c.Origin.Set {
		r.Origin = Origin(c.Origin.Value)
	}
	if len(c.Prepend) > 0 {
		r.Prepend = append(slices.Clone(c.Prepend), r.Prepend...)
	}
	return r
}

func compareNumbers[T Community | ExtCommunity | uint32](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func compareLarge(a, b LargeCommunity) int {
	for _, d := range [...]int{
		compareNumbers(a.Global, b.Global), compareNumbers(a.Local1, b.Local1), compareNumbers(a.Local2, b.Local2),
	} {
		if d != 0 {
			return d
		}
	}
	return 0
}

// merged returns the set values, with those that were there when additive,
// sorted and without duplicates.
func merged[T comparable](was, set []T, additive bool, cmp func(a, b T) int) []T {
	out := slices.Clone(set)
	if additive {
		out = append(out, was...)
	}
	slices.SortFunc(out, cmp)
	return slices.Compact(out)
}

// Permits tells whether the list lets p through. An empty or missing list
// denies.
func (l PrefixList) Permits(p netip.Prefix) bool {
	for _, r := range l.Rules {
		if r.matches(p) {
			return !r.Deny
		}
	}
	return false
}

// matches follows Quagga: without ge and le only the exact length, with ge
// alone up to the family's longest.
func (r PrefixRule) matches(p netip.Prefix) bool {
	if r.Any {
		return true
	}
	if p.Addr().BitLen() != r.Prefix.Addr().BitLen() || p.Bits() < r.Prefix.Bits() || !r.Prefix.Contains(p.Addr()) {
		return false
	}
	low, high := r.Prefix.Bits(), r.Prefix.Bits()
	if r.Ge > 0 {
		low, high = int(r.Ge), p.Addr().BitLen()
	}
	if r.Le > 0 {
		high = int(r.Le)
	}
	return low <= p.Bits() && p.Bits() <= high
}

// Permits tells whether the list lets a route with these communities through. An
// empty or missing list denies.
func (l CommunityList) Permits(have []Community) bool {
	for _, r := range l.Rules {
		if !slices.ContainsFunc(r.Communities, func(c Community) bool { return !slices.Contains(have, c) }) {
			return !r.Deny
		}
	}
	return false
}
