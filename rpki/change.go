package rpki

import (
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// Route is a received route with its state, as it is shown.
type Route struct {
	route.Key
	PeerAS uint32
	Origin vrp.Origin
	State  vrp.State
	Path   vrp.PathState
}

// Change is one route whose state is another now. A new route has Appeared, one
// that ended is Gone; Before counts unless Appeared, and Route.State, the state
// after, unless Gone.
type Change struct {
	Route
	Before     vrp.State
	BeforePath vrp.PathState
	Appeared   bool
	Gone       bool
}

// Cause is why states changed: an answer of a cache, or what a neighbor sent.
type Cause struct {
	Cache   string // "" when a neighbor was it
	Session uint16
	Serial  uint32
	Peer    netip.Addr
	At      time.Time
}

func (x *index) route(r *record) Route {
	p := x.peers.all[r.peer].Peer
	return Route{
		Key:    route.Key{Prefix: r.prefix(), Peer: p.Addr, PathID: r.pathID},
		PeerAS: p.AS, Origin: r.claims(x.views[x.current].own),
		State: r.verdict[x.current].state(), Path: r.verdict[x.current].path(),
	}
}

func (x *index) change(r *record, was verdict) Change {
	return Change{Route: x.route(r), Before: was.state(), BeforePath: was.path()}
}
