package daemon

import (
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// desired is the replicated state as the speaker's source of routes, without
// what an operator keeps this node from announcing.
type desired struct {
	node *consensus.Node
	not  *suppression
}

// atOnce is how many routes are made in one view of the state. Nothing is applied
// while somebody views it, and all routes of a large state take a second.
const atOnce = 1000

// Routes returns everything that is to be announced now, sorted by prefix.
func (d desired) Routes() (all []rtbh.Route) {
	var prefixes []netip.Prefix
	d.node.View(func(s *rtbh.State, _ rtbh.Instant) { prefixes = s.Prefixes() })
	slices.SortFunc(prefixes, rtbh.ComparePrefixes)
	return d.RoutesAt(prefixes)
}

// RoutesAt returns what is to be announced now for each of these prefixes.
func (d desired) RoutesAt(prefixes []netip.Prefix) []rtbh.Route {
	all := make([]rtbh.Route, 0, len(prefixes))
	for some := range slices.Chunk(prefixes, atOnce) {
		d.node.View(func(s *rtbh.State, now rtbh.Instant) {
			for _, p := range some {
				if r, ok := s.RouteFor(p, now); ok {
					all = append(all, r)
				}
			}
		})
	}
	return slices.DeleteFunc(all, func(r rtbh.Route) bool { return d.not.has(r.Prefix) })
}

// Route returns what is to be announced for one prefix now.
func (d desired) Route(p netip.Prefix) (r rtbh.Route, ok bool) {
	d.node.View(func(s *rtbh.State, now rtbh.Instant) { r, ok = s.RouteFor(p, now) })
	return r, ok && !d.not.has(p)
}

// Export runs routes through a route-map of the cluster's configuration.
func (d desired) Export(routeMap string, routes []rtbh.Route) (out []rtbh.Route, defined bool) {
	out = make([]rtbh.Route, 0, len(routes))
	for begin := 0; begin == 0 || begin < len(routes); begin += atOnce {
		some := routes[begin:min(begin+atOnce, len(routes))]
		d.node.View(func(s *rtbh.State, _ rtbh.Instant) { some, defined = s.Export(routeMap, some) })
		if !defined {
			return nil, false
		}
		out = append(out, some...)
	}
	return out, true
}
