package bgp

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestRoutesLoadedBeforeTheSessionAreThereAtEndOfRIB(t *testing.T) {
	n := passive("127.0.0.1", 64501)
	n.RestartTime = 20 // GoBGP sends End-of-RIB only with graceful restart
	speaker := open(t, want(append(manyHoles(2000), hole("2001:db8:113::1/128"))...), routerConf(n))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501, RemoteAS: 64500, Graceful: 20 * time.Second})
	eventually(t, "End-of-RIB of both families", func() bool { return r.count(sink.EndOfRIB) == 2 })

	before := map[bool]int{} // routes announced before the marker, by family
	done := map[bool]bool{}
	for _, e := range r.seen() {
		if e.Kind == sink.EndOfRIB {
			done[e.IPv6] = true
		}
		if e.Kind == sink.Announce {
			v6 := e.Route.Prefix.Addr().Is6()
			if done[v6] {
				t.Fatalf("%s came after End-of-RIB", e.Route.Prefix)
			}
			before[v6]++
		}
	}
	if before[false] != 2000 || before[true] != 1 {
		t.Fatalf("announced before End-of-RIB: %d IPv4 and %d IPv6 routes", before[false], before[true])
	}
}

func TestAnnounceReplaceWithdraw(t *testing.T) {
	speaker := open(t, want(), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return len(r.Up()) == 1 })

	speaker.set(hole("192.0.2.12/32"), hole("2001:db8:113::12/128"))
	eventually(t, "both routes", r.holds(2))

	changed := hole("192.0.2.12/32")
	changed.Communities = []rtbh.Community{rtbh.BlackholeWellKnown}
	speaker.set(changed)
	eventually(t, "changed community", func() bool {
		got, ok := r.route("192.0.2.12/32")
		return ok && slices.Equal(got.Communities, changed.Communities)
	})
	if n := r.count(sink.Withdraw); n != 0 {
		t.Fatalf("the change was sent with %d withdrawals; it must be one replacing UPDATE", n)
	}
	if n := r.count(sink.Announce); n != 3 {
		t.Fatalf("%d announcements, want 3", n)
	}

	speaker.set(gone("192.0.2.12/32"), gone("2001:db8:113::12/128"))
	eventually(t, "no route", r.holds(0))
	if got := speaker.Announced(); len(got) != 0 {
		t.Fatalf("Announced = %v", got)
	}
}

// full is a route with every attribute set.
func full(prefix string) rtbh.Route {
	r := hole(prefix)
	r.Origin = rtbh.OriginEGP
	r.MED = rtbh.Some(7)
	r.LocalPref = rtbh.Some(300)
	r.Large = []rtbh.LargeCommunity{{Global: 64500, Local1: 666, Local2: 1}, {Global: 4200000000, Local1: 2, Local2: 3}}
	r.Ext = []rtbh.ExtCommunity{0x0002fde800000001, 0x800600000000dead, 0x4399000000000001}
	r.Prepend = []uint32{64510, 4200000001}
	return r
}

func TestAttributesOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name      string
		as, local uint32
		path      []uint32
		localPref rtbh.Optional
	}{
		{name: "eBGP", as: 64501, path: []uint32{64500, 64510, 4200000001}},
		{name: "eBGP with 4-octet AS", as: 4200000009, path: []uint32{64500, 64510, 4200000001}},
		{name: "eBGP with local-as", as: 64501, local: 4200000500, path: []uint32{4200000500, 64510, 4200000001}},
		{name: "iBGP", as: 64500, path: []uint32{64510, 4200000001}, localPref: rtbh.Some(300)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := passive("127.0.0.1", c.as)
			n.LocalAS = c.local
			speaker := open(t, want(full("192.0.2.0/24"), full("2001:db8::/32")), routerConf(n))
			r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: c.as})
			eventually(t, "both routes", r.holds(2))
			for _, route := range r.Routes() {
				w := full(route.Prefix.String())
				if route.NextHop != w.NextHop || route.Origin != w.Origin || route.MED != w.MED || route.LocalPref != c.localPref {
					t.Errorf("%s: %+v", route.Prefix, route.Attributes)
				}
				if !slices.Equal(route.ASPath, c.path) {
					t.Errorf("%s: path %v, want %v", route.Prefix, route.ASPath, c.path)
				}
				if !slices.Equal(route.Communities, w.Communities) || !slices.Equal(route.Large, w.Large) || !slices.Equal(route.Ext, w.Ext) {
					t.Errorf("%s: communities %+v", route.Prefix, route.Attributes)
				}
			}
		})
	}
}

func TestBareRouteHasEmptyPathOnIBGPAndOurASOnEBGP(t *testing.T) {
	for as, path := range map[uint32][]uint32{64500: nil, 64501: {64500}} {
		speaker := open(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", as)))
		r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: as})
		eventually(t, "route", r.hasRoute("192.0.2.12/32"))
		if got, _ := r.route("192.0.2.12/32"); !slices.Equal(got.ASPath, path) || got.MED.Set {
			t.Errorf("AS %d: %+v", as, got.Attributes)
		}
	}
}

func TestBothFamiliesOverAnIPv6Session(t *testing.T) {
	c := routerConf(passive("::1", 64501))
	c.Listen = []netip.AddrPort{netip.MustParseAddrPort("[::1]:0")}
	speaker := open(t, want(hole("192.0.2.12/32"), hole("2001:db8::1/128")), c)
	r := dialing(t, speaker.address(), "::1", sink.Config{LocalAS: 64501})
	eventually(t, "both routes", r.holds(2))
	if got, _ := r.route("192.0.2.12/32"); got.NextHop != rtbh.DiscardNextHop4 {
		t.Errorf("IPv4 next-hop %s", got.NextHop)
	}
	if got, _ := r.route("2001:db8::1/128"); got.NextHop != rtbh.DiscardNextHop6 {
		t.Errorf("IPv6 next-hop %s", got.NextHop)
	}
}

func TestOnlyActivatedFamiliesAreSent(t *testing.T) {
	n := passive("127.0.0.1", 64501)
	n.IPv4 = false
	speaker := open(t, want(hole("192.0.2.12/32"), hole("2001:db8::1/128")), routerConf(n))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "IPv6 route", r.hasRoute("2001:db8::1/128"))
	if _, ok := r.route("192.0.2.12/32"); ok {
		t.Error("an IPv4 route came over a session without IPv4")
	}
	eventually(t, "one announced", func() bool { return speaker.neighbor("127.0.0.1").Announced6 == 1 })
}

func TestActiveSpeakerConnects(t *testing.T) {
	t.Parallel()
	r := listener(t, sink.Config{LocalAS: 64501})
	at, err := r.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	c := routerConf(config.Neighbor{Addr: adr("127.0.0.1"), RemoteAS: 64501, Port: at.Port(), IPv4: true})
	c.NoListen = true
	speaker := open(t, want(hole("192.0.2.12/32")), c)
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	if speaker.Listening() != nil {
		t.Error("the speaker listens")
	}
}

func TestNothingReceivedIsSentOn(t *testing.T) {
	speaker := open(t, want(hole("192.0.2.12/32")), routerConf(passive("127.0.0.1", 64501), passive("127.0.0.2", 64502)))
	a := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	b := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64502})
	eventually(t, "sessions", func() bool { return len(a.Up())+len(b.Up()) == 2 })
	// 198.51.100.0/24 and, against us, 192.0.2.12/32 with a better path.
	eventually(t, "feed", func() bool { return a.Send("trigger", feed("198.51.100.0/24", "192.0.2.12/32")) == nil })
	eventually(t, "received by the speaker", func() bool { return speaker.neighbor("127.0.0.1").Received4 == 2 })

	speaker.set(hole("192.0.2.99/32")) // whatever was to be sent on left before this
	eventually(t, "marker", b.hasRoute("192.0.2.99/32"))
	if _, ok := b.route("198.51.100.0/24"); ok {
		t.Error("a received route was sent on")
	}
	if got, _ := b.route("192.0.2.12/32"); got.NextHop != rtbh.DiscardNextHop4 {
		t.Errorf("our route was replaced by a received one: %+v", got)
	}
	if got := speaker.Announced(); len(got) != 2 {
		t.Errorf("Announced = %v", got)
	}
}

// feed is an UPDATE that announces IPv4 prefixes from AS 64501.
func feed(prefixes ...string) []byte {
	attrs := []byte{
		0x40, 1, 1, 0, // ORIGIN IGP
		0x40, 2, 6, 2, 1, 0, 0, 0xfb, 0xf5, // AS_PATH 64501
		0x40, 3, 4, 127, 0, 0, 9, // NEXT_HOP
	}
	body := []byte{0, 0, 0, byte(len(attrs))}
	body = append(body, attrs...)
	for _, p := range prefixes {
		a := pfx(p).Addr().As4()
		body = append(body, byte(pfx(p).Bits()))
		body = append(body, a[:(pfx(p).Bits()+7)/8]...)
	}
	return sink.Message(2, body)
}

func TestTenThousandRoutes(t *testing.T) {
	t.Parallel()
	routes := manyHoles(10_000)
	speaker := open(t, want(routes...), routerConf(passive("127.0.0.1", 64501)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	start := time.Now()
	eventually(t, "10,000 routes", r.holds(10_000))
	t.Logf("10,000 routes in %s after the dial", time.Since(start))

	for i := range routes {
		routes[i].MED = rtbh.Some(5)
	}
	start = time.Now()
	speaker.set(routes...)
	eventually(t, "10,000 changes", func() bool { return r.count(sink.Announce) == 20_000 })
	t.Logf("10,000 changes in %s", time.Since(start))
	if n := r.count(sink.Withdraw); n != 0 {
		t.Fatalf("%d withdrawals", n)
	}
	for i := range routes {
		routes[i] = gone(routes[i].Prefix.String())
	}
	speaker.set(routes...)
	eventually(t, "none", r.holds(0))
}
