package bgp

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// A router that has sent OPEN and not yet KEEPALIVE stands for the window in
// which GoBGP loses writes.
func TestWriteWaitsWhileASessionComesUp(t *testing.T) {
	speaker := open(t, want(), routerConf(passive("127.0.0.1", 64501)))
	// Before that GoBGP hangs up on whoever dials.
	eventually(t, "Active", func() bool { return speaker.neighbor("127.0.0.1").State == Active })
	conn, err := net.Dial("tcp", speaker.address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(sink.Open(64501, adr("10.0.0.2"), 90*time.Second)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "OpenConfirm", func() bool { return speaker.neighbor("127.0.0.1").State == OpenConfirm })
	speaker.engine.settling.most = time.Minute
	speaker.engine.settling.comingUp("127.0.0.1")
	written := make(chan struct{})
	go func() {
		speaker.engine.put("", []rtbh.Route{hole("192.0.2.12/32")})
		close(written)
	}()
	select {
	case <-written:
		t.Fatal("written while the session came up")
	case <-time.After(50 * time.Millisecond):
	}
	_ = conn.Close() // the window ends, this time without a session
	<-written
	if speaker.engine.inWindow("127.0.0.1") {
		t.Error("written in the window")
	}
}

// The wait hangs on a message in GoBGP's log.
func TestGoBGPSaysWhenASessionComesUp(t *testing.T) {
	var said atomic.Int32
	speaker := rig{t: t, Speaker: New(Options{Config: routerConf(passive("127.0.0.1", 64501)), Source: want()})}
	before := speaker.engine.log.events.comingUp
	speaker.engine.log.events.comingUp = func(addr string) {
		if addr == "127.0.0.1" {
			said.Add(1)
		}
		before(addr)
	}
	if err := speaker.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { speaker.shut(false) })
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return speaker.neighbor("127.0.0.1").Up() && len(r.Up()) == 1 })
	if said.Load() != 1 {
		t.Errorf("GoBGP said %d times that the session comes up", said.Load())
	}
}

// Every session comes up just while a route is written.
func TestNothingIsLostWhileSessionsComeUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs many loopback addresses")
	}
	t.Parallel()
	const sessions = 60
	conf := routerConf()
	for i := range byte(sessions) {
		from := netip.AddrFrom4([4]byte{127, 2, 0, i + 1})
		conf.Neighbors = append(conf.Neighbors, passive(from.String(), 64501))
	}
	holes := manyHoles(sessions)
	speaker := open(t, want(), conf)
	var routers []*router
	for i, n := range conf.Neighbors {
		r := dialing(t, speaker.address(), n.Addr.String(), sink.Config{LocalAS: 64501})
		for len(r.Up()) == 0 { // no pause: this is a race
			runtime.Gosched()
		}
		speaker.set(holes[i])
		routers = append(routers, r)
	}
	for i, r := range routers {
		eventually(t, fmt.Sprintf("router %d has all routes", i), r.holds(sessions))
	}
}
