package bgp

import (
	"errors"
	"testing"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/config"
)

// reconfigured gives the speaker these neighbors.
func (r *rig) reconfigured(neighbors ...config.Neighbor) {
	r.t.Helper()
	c := routerConf(neighbors...)
	c.Listen = r.Listening()
	if _, err := r.Reconfigure(c); err != nil {
		r.t.Fatal(err)
	}
}

func TestShutdownTellsTheNeighborWhy(t *testing.T) {
	t.Parallel()
	n := passive("127.0.0.1", 64501)
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(n))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	n.Shutdown, n.Reason = true, "moved to edge3, ticket 4711"
	speaker.reconfigured(n)
	eventually(t, "session closed", func() bool { return r.count(sink.Down) > 0 })
	var why *sink.Notification
	for _, e := range r.seen() {
		if e.Kind == sink.Down && errors.As(e.Err, &why) {
			break
		}
	}
	// RFC 9003 section 2: Cease, Administrative Shutdown, length, text.
	if why == nil || why.Code != 6 || why.Subcode != 2 || string(why.Data) != "\x1bmoved to edge3, ticket 4711" {
		t.Errorf("the neighbor was told %+v", why)
	}
	if st := speaker.neighbor("127.0.0.1"); st.Up() || !st.Shutdown {
		t.Errorf("status %+v", st)
	}
	n.Shutdown, n.Reason = false, ""
	speaker.reconfigured(n)
	eventually(t, "route again", func() bool { return r.count(sink.Established) > 1 && r.hasRoute("192.0.2.12/32")() })
}

func TestLocalASIsTheWholePath(t *testing.T) {
	t.Parallel()
	n := passive("127.0.0.1", 64501)
	n.LocalAS = 4200000007
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(n))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501, RemoteAS: 4200000007})
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	r.same(t, hole("192.0.2.12/32"), 4200000007)
}
