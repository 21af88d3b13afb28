package bgp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
)

func TestReconfigureTouchesOnlyTheNeighborThatChanged(t *testing.T) {
	kept, edited, dropped := passive("127.0.0.1", 64501), passive("127.0.0.2", 64502), passive("127.0.0.3", 64503)
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(kept, edited, dropped))
	a := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	b := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64502})
	c := dialing(t, speaker.address(), "127.0.0.3", sink.Config{LocalAS: 64503})
	for _, r := range []*router{a, b, c} {
		eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	}

	kept.Description = "edge1" // needs no new session
	edited.LocalAS = 64999
	added := passive("127.0.0.4", 64504)
	d := dialing(t, speaker.address(), "127.0.0.4", sink.Config{LocalAS: 64504})
	restart, err := speaker.Reconfigure(routerConf(kept, edited, added))
	if err != nil || restart {
		t.Fatalf("restart %v, error %v", restart, err)
	}
	eventually(t, "route to the new neighbor", d.hasRoute("192.0.2.12/32"))
	eventually(t, "new session with the changed neighbor", func() bool {
		route, ok := b.route("192.0.2.12/32")
		return ok && route.ASPath[0] == 64999
	})
	eventually(t, "the removed neighbor is out", func() bool { return len(c.Routes()) == 0 && len(c.Up()) == 0 })
	if n := a.count(sink.Established); n != 1 {
		t.Errorf("the unchanged neighbor had %d sessions", n)
	}
	if n := a.count(sink.Withdraw); n != 0 {
		t.Errorf("the unchanged neighbor saw %d withdrawals", n)
	}
	if got := speaker.neighbor("127.0.0.1"); got.Description != "edge1" || !got.Up() {
		t.Errorf("status %+v", got)
	}
	if len(speaker.Neighbors()) != 3 {
		t.Errorf("neighbors %+v", speaker.Neighbors())
	}
}

func TestReconfigureSaysWhenTheRouterItselfChanged(t *testing.T) {
	speaker := open(t, want(), routerConf())
	for name, edit := range map[string]func(*config.BGP){
		"AS":        func(b *config.BGP) { b.ASN++ },
		"router-id": func(b *config.BGP) { b.RouterID = adr("10.9.9.9") },
		"listener":  func(b *config.BGP) { b.NoListen = true },
		"address":   func(b *config.BGP) { b.Listen[0] = netip.MustParseAddrPort("127.0.0.9:0") },
	} {
		c := routerConf()
		edit(&c)
		if restart, err := speaker.Reconfigure(c); !restart || err != nil {
			t.Errorf("%s changed: restart %v, %v", name, restart, err)
		}
	}
}

func TestNeighborThatCannotWorkIsAnAlarmAndStopsNoOther(t *testing.T) {
	bad := passive("127.0.0.2", 64502)
	bad.Multihop, bad.TTLSecurity = 2, 2
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", 64501), bad))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "route to the good neighbor", r.hasRoute("192.0.2.12/32"))
	if !speaker.alarmed(alarm.NeighborConfig, "127.0.0.2") {
		t.Fatal("no alarm about the bad neighbor")
	}
	if st := speaker.neighbor("127.0.0.2"); !strings.Contains(st.LastError, "exclude each other") {
		t.Errorf("status %+v", st)
	}

	bad.Multihop = 0
	if _, err := speaker.Reconfigure(routerConf(passive("127.0.0.1", 64501), bad)); err != nil {
		t.Fatal(err)
	}
	if speaker.alarmed(alarm.NeighborConfig, "127.0.0.2") {
		t.Error("the alarm stays after the repair")
	}
	bad.RemoteAS = 0
	if _, err := speaker.Reconfigure(routerConf(passive("127.0.0.1", 64501), bad)); err == nil {
		t.Error("a bad neighbor is not reported by Reconfigure")
	}
	if !speaker.alarmed(alarm.NeighborConfig, "127.0.0.2") {
		t.Error("no alarm about the neighbor that became bad")
	}
}

func TestLostSessionIsAnAlarmUntilItIsBack(t *testing.T) {
	t.Parallel()
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return speaker.neighbor("127.0.0.1").Up() })
	if speaker.alarmed(alarm.NeighborDown, "127.0.0.1") {
		t.Error("alarm about an established neighbor")
	}
	up := speaker.neighbor("127.0.0.1")
	if up.In.Total == 0 || up.Out.Opens != 1 || up.Announced4 != 1 || up.RemoteAS != 64501 || up.LocalAS != 64500 {
		t.Errorf("status %+v", up)
	}
	r.Close()
	eventually(t, "alarm", func() bool { return speaker.alarmed(alarm.NeighborDown, "127.0.0.1") })
	if down := speaker.neighbor("127.0.0.1"); down.Up() || down.LastError == "" || down.Announced4 != 0 || !down.Since.After(up.Since) {
		t.Errorf("status %+v", down)
	}
	again := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "route again", again.hasRoute("192.0.2.12/32"))
	eventually(t, "alarm cleared", func() bool { return !speaker.alarmed(alarm.NeighborDown, "127.0.0.1") })
}

func TestShutdownNeighborIsDownWithoutAnAlarm(t *testing.T) {
	n := passive("127.0.0.1", 64501)
	speaker := open(t, want(), routerConf(n))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return len(r.Up()) == 1 })
	n.Shutdown = true
	if _, err := speaker.Reconfigure(routerConf(n)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "session closed", func() bool { return len(r.Up()) == 0 })
	eventually(t, "status", func() bool { st := speaker.neighbor("127.0.0.1"); return st.Shutdown && st.State == Idle })
	if speaker.alarmed(alarm.NeighborDown, "127.0.0.1") {
		t.Error("alarm about a neighbor that was shut down on purpose")
	}
	n.Shutdown = false
	if _, err := speaker.Reconfigure(routerConf(n)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "session again", func() bool { return len(r.Up()) == 1 })
}

func TestResetAndRefresh(t *testing.T) {
	t.Parallel()
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	if err := speaker.Refresh(adr("127.0.0.1"), true, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the route once more", func() bool { return r.count(sink.Announce) == 2 })
	if r.count(sink.Established) != 1 || r.count(sink.Withdraw) != 0 {
		t.Error("a soft refresh cost the session or the route")
	}
	// A router may ask by itself (RFC 2918).
	eventually(t, "request sent", func() bool { return r.Send("trigger", sink.Message(5, []byte{0, 1, 0, 1})) == nil })
	eventually(t, "the route a third time", func() bool { return r.count(sink.Announce) == 3 })
	if err := speaker.Reset(adr("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a second session", func() bool { return r.count(sink.Established) == 2 })
	if err := speaker.Reset(adr("127.0.0.99")); err == nil {
		t.Error("reset of an unknown neighbor is no error")
	}
}

func TestPasswordIsTakenOffTheListenerWithItsNeighbor(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("TCP MD5 by address exists only on Linux")
	}
	n := passive("127.0.0.3", 64503)
	n.Password = "secret"
	speaker := open(t, want(), routerConf(n))
	if speaker.alarmed(alarm.NeighborConfig, "127.0.0.3") {
		t.Fatalf("alarms: %v", speaker.alarms.List())
	}
	unsigned := func(d time.Duration) error {
		dialer := net.Dialer{Timeout: d, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}}
		conn, err := dialer.Dial("tcp", speaker.address().String())
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	if unsigned(200*time.Millisecond) == nil {
		t.Fatal("a connection without the password was accepted")
	}
	if _, err := speaker.Reconfigure(routerConf()); err != nil {
		t.Fatal(err)
	}
	if err := unsigned(5 * time.Second); err != nil {
		t.Errorf("the password of the removed neighbor is still on the listener: %v", err)
	}
	// And a change of the password must take the old one off too.
	if _, err := speaker.Reconfigure(routerConf(n)); err != nil {
		t.Fatal(err)
	}
	n.Password = ""
	if _, err := speaker.Reconfigure(routerConf(n)); err != nil {
		t.Fatal(err)
	}
	if err := unsigned(5 * time.Second); err != nil {
		t.Errorf("the password is still on the listener: %v", err)
	}
}

func TestStatusSaysWhyANeighborCannotBeReached(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().(*net.TCPAddr).AddrPort().Port()
	_ = l.Close()
	speaker := open(t, want(), routerConf(config.Neighbor{Addr: adr("127.0.0.1"), RemoteAS: 64501, Port: nobody, IPv4: true}))
	eventually(t, "reason", func() bool { return strings.Contains(speaker.neighbor("127.0.0.1").LastError, "refused") })
}

// The kernel bounds the memory for keys on one socket (net.core.optmem_max).
// GoBGP only warns when a listener takes no more, and would then accept the
// neighbor without its password.
func TestNeighborWhosePasswordTheListenerRefusesIsLeftOut(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("TCP MD5 by address exists only on Linux")
	}
	conf := routerConf()
	a := adr("127.3.0.1")
	for range 1200 {
		n := passive(a.String(), 64501)
		n.Password = strings.Repeat("x", maxPassword)
		n.Shutdown = true
		conf.Neighbors = append(conf.Neighbors, n)
		a = a.Next()
	}
	speaker := open(t, want(), conf)
	left := 0
	for _, n := range speaker.Neighbors() {
		if strings.Contains(n.LastError, errMD5.Error()) {
			left++
			if !speaker.alarmed(alarm.NeighborConfig, n.Addr.String()) {
				t.Errorf("no alarm about %s", n.Addr)
			}
		}
	}
	if left == 0 {
		t.Skip("this kernel takes 1,200 keys on one socket")
	}
	t.Logf("%d of 1,200 neighbors left out", left)
}

// fakePeers takes neighbors, or refuses them.
type fakePeers struct {
	mu     sync.Mutex
	refuse error
	added  int
}

func (f *fakePeers) addPeer(context.Context, config.Neighbor, bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.added++
	return f.refuse
}

func (f *fakePeers) tries() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.added
}

func (f *fakePeers) answer(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

func (f *fakePeers) updatePeer(context.Context, config.Neighbor) error { return nil }
func (f *fakePeers) deletePeer(context.Context, config.Neighbor) error { return nil }
func (f *fakePeers) shutDown(context.Context, config.Neighbor) error   { return nil }
func (f *fakePeers) enable(context.Context, config.Neighbor) error     { return nil }
func (f *fakePeers) addDialect(context.Context, string) error          { return nil }
func (f *fakePeers) dropDialect(context.Context, string) error         { return nil }

// tending is a speaker whose neighbors are looked after in virtual time.
func tending(t *testing.T, f *fakePeers, conf config.Neighbor, story func(*rig, *neighbor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, alarms: alarm.New(discard), Speaker: &Speaker{
			log: discard, conf: routerConf(conf), peers: f, neighbors: map[netip.Addr]*neighbor{},
			routes: newReconciler(want(), newFakeTable(), discard, nil), ledger: newLedger(),
		}}
		r.Speaker.alarms = r.alarms
		n := r.remember(conf)
		_ = r.setUp(t.Context(), n)
		go r.tend(t.Context())
		story(r, n)
	})
}

func TestNewNeighborHasAGraceBeforeItIsAnAlarm(t *testing.T) {
	tending(t, &fakePeers{}, passive("127.0.0.1", 64501), func(r *rig, _ *neighbor) {
		time.Sleep(downGrace - time.Second)
		synctest.Wait()
		if r.alarmed(alarm.NeighborDown, "127.0.0.1") {
			t.Error("alarm within the grace")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !r.alarmed(alarm.NeighborDown, "127.0.0.1") {
			t.Error("no alarm after the grace")
		}
		r.onDialFailed("127.0.0.1", "no route to host")
		time.Sleep(time.Second)
		synctest.Wait()
		if text := r.alarms.List()[0].Text; !strings.Contains(text, "no route to host") {
			t.Errorf("the alarm does not say why: %s", text)
		}
		r.onPeer(peerEvent{addr: adr("127.0.0.1"), state: Established, at: time.Now()})
		if r.alarmed(alarm.NeighborDown, "127.0.0.1") {
			t.Error("alarm about an established neighbor")
		}
		r.onPeer(peerEvent{addr: adr("127.0.0.1"), state: Idle, reason: "hold-timer-expired", at: time.Now()})
		if !r.alarmed(alarm.NeighborDown, "127.0.0.1") {
			t.Error("a session that was up has no grace")
		}
	})
}

func TestNeighborThatGoBGPRefusesIsTriedAgain(t *testing.T) {
	f := &fakePeers{}
	f.answer(errors.New("out of optmem"))
	tending(t, f, passive("127.0.0.1", 64501), func(r *rig, n *neighbor) {
		if !r.alarmed(alarm.NeighborConfig, "127.0.0.1") {
			t.Error("no alarm")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := f.tries(); n < 3 || n > 5 {
			t.Errorf("%d tries in 10 s", n)
		}
		f.answer(nil)
		time.Sleep(retryMost)
		synctest.Wait()
		r.mu.Lock()
		set := n.set
		r.mu.Unlock()
		if !set || r.alarmed(alarm.NeighborConfig, "127.0.0.1") {
			t.Error("not set up although GoBGP takes it now")
		}
	})
}
