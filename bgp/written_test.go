package bgp

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// writtenTo tells whether the prefix counts as sent to the neighbor.
func (r *rig) writtenTo(addr, prefix string) func() bool {
	return func() bool { _, ok := r.Written(pfx(prefix))[adr(addr)]; return ok }
}

// GoBGP tells nobody else what it has written, and its record of it is no API:
// this fails when a new version words it differently.
func TestWrittenIsWhatTheSocketTook(t *testing.T) {
	t.Parallel()
	speaker := open(t, want(), routerConf(passive("127.0.0.1", 64501), passive("127.0.0.2", 64502)))
	first := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return speaker.neighbor("127.0.0.1").Up() })
	before := time.Now()
	speaker.set(hole("192.0.2.12/32"), hole("2001:db8::12/128"), hole("192.0.2.13/32"))
	for _, p := range []string{"192.0.2.12/32", "2001:db8::12/128", "192.0.2.13/32"} {
		eventually(t, p+" written", speaker.writtenTo("127.0.0.1", p))
		if at := speaker.Written(pfx(p))[adr("127.0.0.1")]; at.Before(before) || at.After(time.Now()) {
			t.Errorf("%s written at %s", p, at)
		}
		if speaker.writtenTo("127.0.0.2", p)() {
			t.Errorf("%s counts as written to a neighbor that is down", p)
		}
	}
	if n := speaker.neighbor("127.0.0.1"); n.Written4 != 2 || n.Written6 != 1 || n.Announced4 != 2 || n.Announced6 != 1 || !n.Takes6 ||
		n.RouterID != adr("10.255.0.9") || n.Hold != 90 || n.Keepalive != 30 || n.Out.Opens != 1 || n.Out.Updates == 0 {
		t.Errorf("status %+v", n)
	}
	speaker.set(gone("192.0.2.12/32"), gone("2001:db8::12/128"))
	eventually(t, "withdrawals written", func() bool {
		n := speaker.neighbor("127.0.0.1")
		return n.Written4 == 1 && n.Written6 == 0 && !speaker.writtenTo("127.0.0.1", "192.0.2.12/32")()
	})

	first.Close()
	eventually(t, "session lost", func() bool { return !speaker.neighbor("127.0.0.1").Up() })
	if n := speaker.neighbor("127.0.0.1"); n.Written4 != 0 || speaker.writtenTo("127.0.0.1", "192.0.2.13/32")() || n.Flaps != 1 {
		t.Errorf("what was written to a session that is gone counts still: %+v", n)
	}
	dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "written to the next session", speaker.writtenTo("127.0.0.1", "192.0.2.13/32"))
}

// A first dump of many messages is counted to the last route.
func TestEveryRouteOfADumpIsCountedAsWritten(t *testing.T) {
	t.Parallel()
	speaker := open(t, want(manyHoles(5000)...), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501, NoIPv6: true})
	eventually(t, "routes", r.holds(5000))
	eventually(t, "count", func() bool { return speaker.neighbor("127.0.0.1").Written4 == 5000 })
	if n := speaker.neighbor("127.0.0.1"); n.Takes6 || n.Announced6 != 0 {
		t.Errorf("IPv6 was not negotiated: %+v", n)
	}
}

// deaf is a router that opens the session, goes on sending KEEPALIVEs and never
// reads again. Its receive buffer is small.
func deaf(t *testing.T, to netip.AddrPort) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err := d.DialContext(t.Context(), "tcp4", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(2048); err != nil {
		t.Fatal(err)
	}
	for _, m := range [][]byte{sink.Open(64502, adr("10.0.0.2"), 90*time.Second), sink.Message(4, nil)} {
		if _, err := conn.Write(m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNeighborThatStopsReadingIsAnAlarmAndDoesNotCount(t *testing.T) {
	t.Parallel()
	var routes []rtbh.Route
	for i, r := range manyHoles(60_000) {
		r.MED = rtbh.Some(uint32(i)) // an UPDATE each: no send buffer takes them all
		routes = append(routes, r)
	}
	w := want(routes...)
	alarms := alarm.New(discard)
	r := &rig{t: t, want: w, alarms: alarms, Speaker: New(Options{
		Config: routerConf(passive("127.0.0.1", 64501), passive("127.0.0.2", 64502)), Source: w, Alarms: alarms,
	})}
	r.patience = 500 * time.Millisecond
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.shut(false) })
	reads := dialing(t, r.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "Active", func() bool { return r.neighbor("127.0.0.2").State == Active }) // before that GoBGP hangs up
	deaf(t, r.address())
	eventually(t, "alarm", func() bool { return r.alarmed(alarm.NeighborStuck, "127.0.0.2") })
	n := r.neighbor("127.0.0.2")
	if !n.Up() || !n.Stuck || n.Written4 == 60_000 {
		t.Errorf("status %+v", n)
	}
	for _, route := range routes {
		if r.writtenTo("127.0.0.2", route.Prefix.String())() {
			t.Fatalf("%s counts as sent to a neighbor that does not read", route.Prefix)
		}
	}
	eventually(t, "the other has all", reads.holds(60_000))
	if r.alarmed(alarm.NeighborStuck, "127.0.0.1") || !r.writtenTo("127.0.0.1", routes[0].Prefix.String())() {
		t.Error("the neighbor that reads is not counted")
	}
	if text := fmt.Sprint(alarms.List()); n.Unacked == 0 {
		t.Errorf("no bytes wait for it: %s", text)
	}
	if _, err := r.Reconfigure(config.BGP{ASN: 64500, RouterID: adr("10.255.0.1"), Listen: r.Listening(), Neighbors: []config.Neighbor{passive("127.0.0.1", 64501)}}); err != nil {
		t.Fatal(err)
	}
	if r.alarmed(alarm.NeighborStuck, "127.0.0.2") {
		t.Error("an alarm about a neighbor that is gone")
	}
}

func TestFlowTellsSlowFromStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flow{since: time.Now()}
		look := func(pending bool, moved uint64, p pressure, known bool) bool {
			time.Sleep(time.Second)
			f.look(time.Now(), pending, moved, p, known, stuckAfter)
			return f.stuck
		}
		for i := range uint64(20) { // slow, and moving
			if look(true, i, pressure{}, false) {
				t.Fatal("a slow neighbor is called stuck")
			}
		}
		for range 20 { // nothing to do
			if look(false, 20, pressure{acked: 100}, true) {
				t.Fatal("an idle neighbor is called stuck")
			}
		}
		stuck := 0
		for range 10 { // all is written, and the kernel waits
			if look(false, 20, pressure{unacked: 7, acked: 100}, true) {
				stuck++
			}
		}
		if stuck != 6 || f.unacked != 7 { // from the fifth second on
			t.Errorf("stuck %d times of 10, %d unacknowledged", stuck, f.unacked)
		}
		if look(false, 20, pressure{acked: 107}, true) {
			t.Error("stuck although it has taken everything")
		}
		f.hold = 180 * time.Second
		if look(false, 20, pressure{acked: 107, quiet: 119 * time.Second}, true) {
			t.Error("stuck although a KEEPALIVE may still come")
		}
		if !look(false, 20, pressure{acked: 107, quiet: 121 * time.Second}, true) || !strings.Contains(f.spoken(), "said nothing for 2m1s") {
			t.Error("it has not said anything for two KEEPALIVEs and counts: " + f.spoken())
		}
		if look(false, 20, pressure{acked: 107, quiet: time.Second}, true) {
			t.Error("it speaks again and is stuck")
		}
		if look(true, 20, pressure{}, false); f.unacked != -1 {
			t.Error("knows what nobody told")
		}
	})
}
