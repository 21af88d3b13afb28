package bgp

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// again opens a second speaker where a closed one was.
func again(t *testing.T, old *rig, w *wanted) *rig {
	t.Helper()
	c := routerConf(old.Speaker.conf.Neighbors...)
	c.Listen = old.Speaker.conf.Listen
	return open(t, w, c)
}

func restartable(addr string, as uint32) config.Neighbor {
	n := passive(addr, as)
	n.RestartTime = 20
	return n
}

func TestPlannedRestartIsInvisible(t *testing.T) {
	first := open(t, want(manyHoles(1000)...), routerConf(restartable("127.0.0.1", 64501)))
	r := dialing(t, first.address(), "127.0.0.1", sink.Config{LocalAS: 64501, Graceful: time.Minute})
	eventually(t, "routes", func() bool { return r.holds(1000)() && r.count(sink.EndOfRIB) == 2 })
	first.shut(true)
	eventually(t, "session lost", func() bool { return len(r.Up()) == 0 })
	if len(r.Routes()) != 1000 {
		t.Fatalf("the router has %d routes while we are away", len(r.Routes()))
	}

	routes := manyHoles(1001) // one more was committed meanwhile, and one ended
	again(t, first, want(routes[1:]...))
	eventually(t, "End-of-RIB again", func() bool { return r.count(sink.EndOfRIB) == 4 })
	eventually(t, "the new set", func() bool { return r.holds(1000)() && r.hasRoute(routes[1000].Prefix.String())() })
	if n := r.count(sink.Withdraw); n != 1 {
		t.Errorf("%d withdrawals over the restart, want the one that ended", n)
	}
}

func TestCloseSendsACease(t *testing.T) {
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(restartable("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501, Graceful: time.Minute})
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	speaker.shut(false)
	eventually(t, "the route is dropped at once", r.holds(0))
	var n *sink.Notification
	eventually(t, "CEASE", func() bool {
		return slices.ContainsFunc(r.seen(), func(e sink.Event) bool { return e.Kind == sink.Down && errors.As(e.Err, &n) })
	})
	if n.Code != 6 || n.Sent {
		t.Errorf("the router saw %v", n)
	}
}

func TestRouteIsNotHeldBackByAnotherNeighborThatIsDown(t *testing.T) {
	// Both have graceful restart, and the second never comes: the first waits
	// for the deferral of a second or so, not for minutes.
	t.Parallel()
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(restartable("127.0.0.1", 64501), restartable("127.0.0.2", 64502)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501, Graceful: time.Minute})
	start := time.Now()
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	t.Logf("first routes %s after the start", time.Since(start))
	speaker.set(hole("192.0.2.13/32"))
	start = time.Now()
	eventually(t, "next route", r.hasRoute("192.0.2.13/32"))
	t.Logf("next route %s after the wake-up", time.Since(start))
}

// gobgpPump is one goroutine a removed peer that GoBGP now and then leaves
// behind: its drainChannel can miss what is still in the queue.
var gobgpPump = goleak.IgnoreAnyFunction("github.com/eapache/channels.(*InfiniteChannel).infiniteBuffer")

func TestMain(m *testing.M) {
	if child() {
		return
	}
	goleak.VerifyTestMain(m, gobgpPump)
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", 64501), restartable("127.0.0.2", 64502)))
	a := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	b := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64502, Graceful: time.Minute})
	eventually(t, "routes", func() bool { return a.holds(1)() && b.holds(1)() })
	speaker.shut(true)
	a.Close()
	b.Close()
	goleak.VerifyNone(t, before, gobgpPump)
	if err := speaker.Close(context.Background(), false); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if _, err := speaker.Reconfigure(routerConf()); !errors.Is(err, errClosed) {
		t.Errorf("reconfigure after close: %v", err)
	}
	speaker.Wake(nil, true)
	_ = speaker.Neighbors()
}

func TestOpenFailsWhenThePortIsTaken(t *testing.T) {
	speaker := open(t, want(), routerConf())
	c := routerConf()
	c.Listen = []netip.AddrPort{speaker.address()}
	second := New(Options{Config: c, Source: want()})
	if err := second.Open(t.Context()); err == nil {
		t.Fatal("two speakers on one address")
	}
	if err := second.Close(t.Context(), false); err != nil {
		t.Error(err)
	}
	third := open(t, want(), routerConf()) // and a failed one disturbs no other
	if len(third.Listening()) != 1 {
		t.Error("third speaker does not listen")
	}
}

// Several speakers live in the process of the dev mode, and come and go while
// the others work.
func TestSpeakersOfOneProcessDoNotDisturbOneAnother(t *testing.T) {
	first := open(t, want(hole("192.0.2.1/32")), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, first.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "route of the first", r.hasRoute("192.0.2.1/32"))
	stop := make(chan struct{})
	work := make(chan struct{})
	go func() {
		defer close(work)
		for i := byte(0); ; i++ {
			select {
			case <-stop:
				return
			default:
				route := hole("192.0.2.2/32")
				route.MED = rtbh.Some(uint32(i))
				first.set(route)
				_ = r.Send("trigger", feed("198.51.100.0/24"))
				_ = first.Neighbors()
			}
		}
	}()
	for range 5 {
		other := open(t, want(hole("192.0.2.3/32")), routerConf(passive("127.0.0.2", 64502)))
		o := dialing(t, other.address(), "127.0.0.2", sink.Config{LocalAS: 64502})
		eventually(t, "route of another", o.hasRoute("192.0.2.3/32"))
		o.Close()
		other.shut(false)
	}
	close(stop)
	<-work
	if r.count(sink.Established) != 1 {
		t.Error("the first lost its session")
	}
}
