package daemon

import (
	"net/netip"

	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// desired is the replicated state as the speaker's source of routes.
type desired struct{ node *consensus.Node }

// Routes returns everything that is to be announced now.
func (d desired) Routes() (all []rtbh.Route) {
	d.node.View(func(s *rtbh.State, now rtbh.Instant) { all = s.Desired(now) })
	return all
}

// Route returns what is to be announced for one prefix now.
func (d desired) Route(p netip.Prefix) (r rtbh.Route, ok bool) {
	d.node.View(func(s *rtbh.State, now rtbh.Instant) { r, ok = s.RouteFor(p, now) })
	return r, ok
}
