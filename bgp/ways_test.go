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

func TestNeighborsOfARangeComeAndGo(t *testing.T) {
	t.Parallel()
	c := routerConf(passive("127.0.0.1", 64501))
	template := config.Neighbor{RemoteAS: 64502, IPv4: true, IPv6: true}
	c.Ranges = []config.Range{{Prefix: pfx("127.0.9.0/24"), Group: "EDGES", Neighbor: template}}
	speaker, x := receiving(t, want(hole("192.0.2.12/32")), c)
	one := dialing(t, speaker.address(), "127.0.9.1", sink.Config{LocalAS: 64502})
	two := dialing(t, speaker.address(), "127.0.9.2", sink.Config{LocalAS: 64502})
	stranger := dialing(t, speaker.address(), "127.0.10.1", sink.Config{LocalAS: 64502})
	eventually(t, "routes", func() bool { return one.hasRoute("192.0.2.12/32")() && two.hasRoute("192.0.2.12/32")() })
	one.same(t, hole("192.0.2.12/32"), 64500)
	eventually(t, "status", func() bool {
		n := speaker.neighbor("127.0.9.1")
		return n.Up() && n.Dynamic && n.RemoteAS == 64502 && speaker.writtenTo("127.0.9.1", "192.0.2.12/32")()
	})
	speaker.set(hole("192.0.2.13/32"))
	eventually(t, "the next route", two.hasRoute("192.0.2.13/32"))
	if err := one.Send("trigger", feed("203.0.113.0/24")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "received", func() bool { r, ok := x.get("203.0.113.0/24", "127.0.9.1"); return ok && r.PeerAS == 64502 })

	c.Listen = speaker.Listening()
	if restart, err := speaker.Reconfigure(c); restart || err != nil || !speaker.neighbor("127.0.9.2").Up() {
		t.Errorf("a reload: %v %v", restart, err)
	}
	one.Close()
	eventually(t, "forgotten", func() bool { return speaker.neighbor("127.0.9.1").RemoteAS == 0 && x.holds(0)() })
	if len(speaker.Neighbors()) != 2 || speaker.alarmed("neighbor-down", "127.0.9.1") || stranger.count(sink.Established) != 0 {
		t.Errorf("neighbors %v, alarms %v", speaker.Neighbors(), speaker.alarms.List())
	}
	back := dialing(t, speaker.address(), "127.0.9.1", sink.Config{LocalAS: 64502})
	eventually(t, "back", func() bool { return back.holds(2)() })
}
