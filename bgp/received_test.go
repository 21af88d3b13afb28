package bgp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/route"
)

// index is a receiver that keeps what is there.
type index struct {
	mu     sync.Mutex
	routes map[route.Key]route.Route
	downs  []netip.Addr
}

func newIndex() *index { return &index{routes: map[route.Key]route.Route{}} }

func (x *index) Apply(all []route.Update) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, u := range all {
		if x.routes[u.Key] = u.Route; u.Withdrawn {
			delete(x.routes, u.Key)
		}
	}
}

func (x *index) PeerDown(peer netip.Addr) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.downs = append(x.downs, peer)
	for k := range x.routes {
		if k.Peer == peer {
			delete(x.routes, k)
		}
	}
}

func (x *index) get(prefix, peer string) (route.Route, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r, ok := x.routes[route.Key{Prefix: pfx(prefix), Peer: adr(peer)}]
	return r, ok
}

func (x *index) holds(n int) func() bool {
	return func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.routes) == n
	}
}

// receiving is an open speaker with a receiver.
func receiving(t *testing.T, w *wanted, c config.BGP) (*rig, *index) {
	t.Helper()
	x, alarms := newIndex(), alarm.New(discard)
	r := &rig{t: t, want: w, alarms: alarms, Speaker: New(Options{
		Config: c, Source: w, Alarms: alarms, Receiver: x,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})}
	if err := r.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.shut(false) })
	return r, x
}

func monitored(addr string, as uint32) config.Neighbor {
	n := passive(addr, as)
	n.Monitor = true
	return n
}

// withMonitor is routerConf with a listener for monitor sessions.
func withMonitor(neighbors ...config.Neighbor) config.BGP {
	c := routerConf(neighbors...)
	c.MonitorListen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	return c
}

func TestReceivedRoutesReachTheReceiver(t *testing.T) {
	t.Parallel()
	speaker, x := receiving(t, want(hole("192.0.2.12/32")), withMonitor(passive("127.0.0.1", 64501), monitored("127.0.0.2", 64502)))
	to := map[string]netip.AddrPort{"127.0.0.1": speaker.address(), "127.0.0.2": speaker.MonitorListening()[0]}
	for addr, as := range map[string]uint32{"127.0.0.1": 64501, "127.0.0.2": 64502} {
		r := dialing(t, to[addr], addr, sink.Config{LocalAS: as})
		eventually(t, "session", func() bool { return len(r.Up()) == 1 && speaker.neighbor(addr).Up() })
		if err := r.Send("trigger", feed("203.0.113.0/24", "203.0.113.128/25")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "routes", x.holds(2))
		got, _ := x.get("203.0.113.0/24", addr)
		if got.PeerAS != as || !got.NextHop.IsValid() || len(got.Path.ASNs) == 0 || got.Path.Kind != route.OriginAS {
			t.Errorf("received %+v", got)
		}
		if err := r.Send("trigger", sink.Message(2, []byte{0, 4, 24, 203, 0, 113, 0, 0})); err != nil {
			t.Fatal(err)
		}
		eventually(t, "withdrawal", x.holds(1))
		r.Close()
		eventually(t, "nothing is left of a lost session", x.holds(0))
		x.mu.Lock()
		if !slices.Equal(x.downs[len(x.downs)-1:], []netip.Addr{adr(addr)}) {
			t.Errorf("told of the loss of %v", x.downs)
		}
		x.mu.Unlock()
	}
}

// Real eBGP neighbors send LOCAL_PREF though they must not. GoBGP's own watch of
// updates died of it; see gobgp_received.go. This is for the race detector.
func TestLocalPrefFromOutsideHarmsNobody(t *testing.T) {
	t.Parallel()
	speaker, x := receiving(t, want(), withMonitor(monitored("127.0.0.2", 64501)))
	r := dialing(t, speaker.MonitorListening()[0], "127.0.0.2", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return len(r.Up()) == 1 && speaker.neighbor("127.0.0.2").Up() })
	for i := range byte(200) {
		attrs := []byte{0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfb, 0xf5, 0x40, 3, 4, 127, 0, 0, 9, 0x40, 5, 4, 0, 0, 0, 100}
		body := append([]byte{0, 0, 0, byte(len(attrs))}, attrs...)
		if err := r.Send("trigger", sink.Message(2, append(body, 24, 10, 0, i))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "routes", x.holds(200))
}

// An UPDATE with broken attributes withdraws what it names (RFC 7606), and the
// next one is whole again.
func TestBrokenUpdateWithdrawsWhatItNames(t *testing.T) {
	t.Parallel()
	speaker, x := receiving(t, want(), withMonitor(monitored("127.0.0.2", 64501)))
	r := dialing(t, speaker.MonitorListening()[0], "127.0.0.2", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return len(r.Up()) == 1 && speaker.neighbor("127.0.0.2").Up() })
	send := func(raw []byte) {
		t.Helper()
		if err := r.Send("trigger", raw); err != nil {
			t.Fatal(err)
		}
	}
	send(feed("203.0.113.0/24", "198.51.100.0/24"))
	eventually(t, "routes", x.holds(2))
	broken := feed("203.0.113.0/24")
	broken[26] = 9 // an ORIGIN that does not exist
	send(broken)
	eventually(t, "one is left", x.holds(1))
	send(feed("203.0.113.0/24"))
	eventually(t, "both again", x.holds(2))
	if r.count(sink.Established) != 1 {
		t.Error("the session was reset")
	}
}

func TestMonitorIsSentNothing(t *testing.T) {
	t.Parallel()
	speaker, _ := receiving(t, want(manyHoles(50)...), withMonitor(passive("127.0.0.1", 64501), monitored("127.0.0.2", 64502)))
	m := dialing(t, speaker.MonitorListening()[0], "127.0.0.2", sink.Config{LocalAS: 64502})
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "sessions", func() bool { return r.holds(50)() && speaker.neighbor("127.0.0.2").Up() })
	speaker.set(hole("192.0.2.12/32"))
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	if n := speaker.neighbor("127.0.0.2"); m.count(sink.Announce) != 0 || n.Announced4 != 0 || n.Written4 != 0 || n.RouterID != adr("10.255.0.9") {
		t.Errorf("the monitor has %v; status %+v", m.Routes(), n)
	}
	if _, ok := speaker.ExportedRoute(adr("127.0.0.2"), pfx("192.0.2.12/32")); ok {
		t.Error("a route is exported to a monitor")
	}
	// A router has nothing to say at the monitor's door, nor the other way.
	stranger := dialing(t, speaker.MonitorListening()[0], "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "refusal", func() bool { return stranger.count(sink.Down) > 0 })
	if stranger.count(sink.Established) != 0 {
		t.Error("the monitor took a router's session")
	}

	// It becomes a router by configuration, in the other server.
	c := withMonitor(passive("127.0.0.1", 64501), passive("127.0.0.2", 64502))
	c.Listen, c.MonitorListen = speaker.Listening(), speaker.MonitorListening()
	if _, err := speaker.Reconfigure(c); err != nil {
		t.Fatal(err)
	}
	now := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64502})
	eventually(t, "routes", now.holds(51))
}

func TestRouterThatSendsATableIsAnAlarmAndKeepsItsSession(t *testing.T) {
	t.Parallel()
	speaker, x := receiving(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return len(r.Up()) == 1 && speaker.neighbor("127.0.0.1").Up() })
	var prefixes []string
	for i := range receivedMost + 1 {
		prefixes = append(prefixes, fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))
	}
	for some := range slices.Chunk(prefixes, 500) {
		if err := r.Send("trigger", feed(some...)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "alarm", func() bool { return speaker.alarmed(alarm.TableLimit, "127.0.0.1") })
	if text := speaker.alarms.List()[0].Text; !strings.Contains(text, "has sent 10001 routes") {
		t.Error(text)
	}
	eventually(t, "all received", x.holds(receivedMost+1))
	if r.count(sink.Established) != 1 || !r.hasRoute("192.0.2.12/32")() {
		t.Error("the session was torn down")
	}
	if err := r.Send("trigger", sink.Message(2, []byte{0, 4, 24, 10, 0, 0, 0, 0})); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no alarm below the bound", func() bool { return !speaker.alarmed(alarm.TableLimit, "127.0.0.1") })
}

func TestAnnouncerAndMonitorCannotShareAnAddress(t *testing.T) {
	at := netip.MustParseAddrPort
	for _, c := range []struct {
		announcer, monitor []netip.AddrPort
		ok                 bool
	}{
		{nil, []netip.AddrPort{at("192.0.2.1:179")}, false},
		{nil, []netip.AddrPort{at("192.0.2.1:1790")}, true},
		{[]netip.AddrPort{at("192.0.2.1:179")}, []netip.AddrPort{at("192.0.2.2:179")}, true},
		{[]netip.AddrPort{at("192.0.2.1:179")}, []netip.AddrPort{at("0.0.0.0:179")}, false},
		{[]netip.AddrPort{at("192.0.2.1:179")}, []netip.AddrPort{at("[::]:179")}, true},
		{nil, []netip.AddrPort{at("192.0.2.1:1790"), at("192.0.2.2:1791")}, false},
	} {
		conf := config.BGP{ASN: 64500, RouterID: adr("192.0.2.1"), Listen: c.announcer, MonitorListen: c.monitor}
		if err := CheckRouter(conf); (err == nil) != c.ok {
			t.Errorf("routers at %v, monitors at %v: %v", c.announcer, c.monitor, err)
		}
	}
}
