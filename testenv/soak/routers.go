package soak

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/testenv/soak/history"
)

const triggerAS = 64500

// restartTime is how long the second router keeps a silent trigger's routes: any
// restart in a soak is over by then.
const restartTime = 120 * time.Second

// router is one receiving router, with a session to each trigger.
type router struct {
	name     string
	as       uint32
	addr     netip.Addr
	graceful time.Duration // it is a helper of graceful restart
	sink     *sink.Sink
}

// newRouters are the two: one drops what it has with a session, as most do; the
// other keeps it, and so sees every route that a restarted trigger forgets.
func newRouters() []*router {
	return []*router{
		{name: "edge1", as: 64501, addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})},
		{name: "edge2", as: 64502, addr: netip.AddrFrom4([4]byte{127, 0, 0, 2}), graceful: restartTime},
	}
}

// open dials the triggers. What happens goes to w, and what is measured to f.
// deadline is when a trigger has to end a route by itself.
func (r *router) open(triggers []*node, w *history.Wire, log *timeline, f *figures, deadline func(string, netip.Prefix) (time.Time, bool)) (err error) {
	r.sink, err = sink.New(sink.Config{
		LocalAS: r.as, RouterID: r.addr, RemoteAS: triggerAS, Hold: 9 * time.Second,
		Graceful: r.graceful, Pause: 100 * time.Millisecond,
		OnEvent: func(e sink.Event) { r.event(e, w, log, f, deadline) },
	})
	if err != nil {
		return fmt.Errorf("router %s: %w", r.name, err)
	}
	for _, t := range triggers {
		if err := r.sink.Dial(t.name, t.conf.BGP.Listen[0], r.addr); err != nil {
			return fmt.Errorf("router %s: %w", r.name, err)
		}
	}
	return nil
}

func (r *router) event(e sink.Event, w *history.Wire, log *timeline, f *figures, deadline func(string, netip.Prefix) (time.Time, bool)) {
	s := history.Session{Router: r.name, Trigger: e.Peer}
	switch e.Kind {
	case sink.Established:
		w.Up(s, e.At)
		log.note("%s: session up, holds %d routes", s, w.Routes(s))
		if r.graceful == 0 {
			// Without graceful restart no trigger marks the end of its first dump.
			w.EndOfRIB(s, e.At)
			w.EndOfRIB(s, e.At)
		}
	case sink.Down:
		if w.Down(s, e.At) {
			log.note("%s: session down: %v", s, e.Err)
		}
	case sink.Announce:
		if w.Announce(s, e.Route.Prefix, e.At) {
			f.arrived(s, e.Route.Prefix, e.At)
		}
	case sink.Withdraw:
		// The sink says the same of a route that went with its session; but by then
		// the session is not up any more.
		if slices.Contains(r.sink.Up(), e.Peer) {
			w.Withdraw(s, e.Route.Prefix, e.At)
			if end, ok := deadline(e.Peer, e.Route.Prefix); ok {
				f.expired(e.At.Sub(end))
			}
		} else {
			w.Drop(s, e.Route.Prefix, e.At)
		}
	case sink.EndOfRIB:
		if r.graceful > 0 {
			w.EndOfRIB(s, e.At)
		}
	}
}

func (r *router) close() {
	if r.sink != nil {
		r.sink.Close()
	}
}
