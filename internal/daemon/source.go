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

// Routes returns everything that is to be announced now.
func (d desired) Routes() (all []rtbh.Route) {
	d.node.View(func(s *rtbh.State, now rtbh.Instant) { all = s.Desired(now) })
	return slices.DeleteFunc(all, func(r rtbh.Route) bool { return d.not.has(r.Prefix) })
}

// Route returns what is to be announced for one prefix now.
func (d desired) Route(p netip.Prefix) (r rtbh.Route, ok bool) {
	d.node.View(func(s *rtbh.State, now rtbh.Instant) { r, ok = s.RouteFor(p, now) })
	return r, ok && !d.not.has(p)
}

// Export runs routes through a route-map of the cluster's configuration.
func (d desired) Export(routeMap string, routes []rtbh.Route) (out []rtbh.Route, defined bool) {
	d.node.View(func(s *rtbh.State, _ rtbh.Instant) { out, defined = s.Export(routeMap, routes) })
	return out, defined
}
