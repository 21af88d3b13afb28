package lab

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestLabFRR and TestLabBIRD show that the lab itself is true, without triggerd: an
// FRR bgpd plays the trigger, and the edge really drops what it announces.
func TestLabFRR(t *testing.T) {
	t.Parallel()
	blackholeFromFRR(t, func(lab *testenv.Lab, host *testenv.Host, opts testenv.RouterOptions) testenv.Daemon {
		return lab.FRR(host, opts)
	})
}

func TestLabBIRD(t *testing.T) {
	t.Parallel()
	blackholeFromFRR(t, func(lab *testenv.Lab, host *testenv.Host, opts testenv.RouterOptions) testenv.Daemon {
		return lab.BIRD(host, opts)
	})
}

func blackholeFromFRR(t *testing.T, router func(*testenv.Lab, *testenv.Host, testenv.RouterOptions) testenv.Daemon) {
	testenv.Require(t, testenv.Root, "frr", "bird2")
	lab := testenv.NewLab(t)
	site := newSite(lab, "edge", 1)
	origin := lab.Host("origin")
	lab.LAN(site.edge.On("10.20.0.1/24", "fd00:20::1/64"), origin.On("10.20.0.11/24", "fd00:20::11/64"))
	at := func(a string) netip.Addr { return netip.MustParseAddr(a) }

	// Each family has its own session, over its own transport, with MD5.
	edge := router(lab, site.edge, testenv.RouterOptions{AS: frrEdgeAS, Neighbors: []testenv.Neighbor{
		{Peer: origin, Addr: at("10.20.0.11"), AS: triggerAS, Password: md5, IPv4: true},
		{Peer: origin, Addr: at("fd00:20::11"), AS: triggerAS, Password: md5, IPv6: true}}})
	trigger := lab.FRRSpeaker(origin, testenv.RouterOptions{AS: triggerAS, Originate: []netip.Prefix{},
		Neighbors: []testenv.Neighbor{
			{Peer: site.edge, Addr: at("10.20.0.1"), AS: frrEdgeAS, Password: md5, IPv4: true},
			{Peer: site.edge, Addr: at("fd00:20::1"), AS: frrEdgeAS, Password: md5, IPv6: true}}})
	edge.Start()
	trigger.Start()
	four, six := site.attack()
	four.Flows()
	six.Flows()
	edge.WaitEstablished(at("10.20.0.11"), at("fd00:20::11"))
	trigger.WaitEstablished(at("10.20.0.1"), at("fd00:20::1"))

	// The blackholes go out.
	trigger.Configure("router bgp 64500",
		"address-family ipv4 unicast", "network 198.51.100.7/32 route-map ORIGINATE-ipv4", "exit-address-family",
		"address-family ipv6 unicast", "network 2001:db8:a::7/128 route-map ORIGINATE-ipv6")
	lab.WaitSources(edge, victim4, origin)
	lab.WaitSources(edge, victim6, origin)
	quiet4, quiet6 := four.Stops(), six.Stops()
	for _, r := range edge.Routes() {
		if !slices.Contains(r.Communities, "65535:666") || !slices.Contains(r.Communities, "65535:65281") {
			t.Errorf("communities lost on the way: %v", r)
		}
		if len(r.ASPath) != 1 || r.ASPath[0] != triggerAS || !r.Best {
			t.Errorf("not the route that was announced: %v", r)
		}
	}
	if bird, ok := edge.(*testenv.BIRD); ok {
		if got := bird.Received(origin); len(got) != 2 || got[0].Prefix != victim4 || got[1].Prefix != victim6 {
			t.Errorf("BIRD says that it was sent %v", got)
		}
	}
	if n := quiet4.Held(); n == 0 {
		t.Error("no IPv4 packet was counted")
	}
	if n := quiet6.Held(); n == 0 {
		t.Error("no IPv6 packet was counted")
	}

	// The trigger dies: without graceful restart its routes go, and packets flow.
	trigger.Kill9()
	lab.WaitSources(edge, victim4)
	lab.WaitSources(edge, victim6)
	if bird, ok := edge.(*testenv.BIRD); ok && (bird.Removals(origin, victim4) != 1 || bird.Removals(origin, victim6) != 1) {
		t.Errorf("BIRD should have logged each removal once, not %d and %d times", bird.Removals(origin, victim4), bird.Removals(origin, victim6))
	}
	four.Flows()
	six.Flows()
	edge.Stop()
}

// TestLabMD5 shows that the machine really enforces TCP MD5: with different passwords
// there is no session, and the kernel says why.
func TestLabMD5(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr")
	lab := testenv.NewLab(t)
	left, right := lab.Host("left"), lab.Host("right")
	lab.Wire(left.On("10.20.0.1/24"), right.On("10.20.0.2/24"))
	one := lab.FRRSpeaker(left, testenv.RouterOptions{AS: 64501, Neighbors: []testenv.Neighbor{
		{Peer: right, Addr: right.Addr4(), AS: 64502, Password: "correct-horse", IPv4: true}}})
	two := lab.FRRSpeaker(right, testenv.RouterOptions{AS: 64502, Neighbors: []testenv.Neighbor{
		{Peer: left, Addr: left.Addr4(), AS: 64501, Password: "battery-staple", IPv4: true}}})
	one.Start()
	two.Start()
	left.WaitRefusedMD5()
	one.WaitDown(right.Addr4())

	two.Configure("router bgp 64502", "neighbor 10.20.0.1 password correct-horse")
	one.WaitEstablished(right.Addr4())
}
