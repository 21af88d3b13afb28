package lab

import (
	"fmt"
	"slices"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestDialects: three routers expect three things of the same blackhole, and each
// gets its own, also when an operator changes one route-map under live blackholes.
func TestDialects(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openbgpd", "openssh-client")
	lab := testenv.NewLab(t)
	host, desk := lab.Host("trigger"), lab.Host("desk")
	hosts := []*testenv.Host{lab.Host("frr"), lab.Host("bird"), lab.Host("openbgpd")}
	ports := []testenv.Port{host.On("10.20.0.11/24", "fd00:20::11/64"), desk.On("10.20.0.50/24", "fd00:20::50/64")}
	as := []uint32{triggerAS, birdEdgeAS, 64503}
	var neighbors []testenv.Neighbor
	for i, h := range hosts {
		ports = append(ports, h.On(fmt.Sprintf("10.20.0.%d/24", i+1), fmt.Sprintf("fd00:20::%d/64", i+1)))
	}
	lab.LAN(ports...)
	for i, h := range hosts {
		neighbors = append(neighbors, testenv.Neighbor{Peer: h, Addr: h.Addr4(), AS: as[i], IPv4: true, IPv6: true})
	}
	opts := func(i int) testenv.RouterOptions {
		return testenv.RouterOptions{AS: as[i], Neighbors: []testenv.Neighbor{{Peer: host, Addr: host.Addr4(), AS: triggerAS, IPv4: true, IPv6: true}}}
	}
	frr, bird, obgp := lab.FRRSpeaker(hosts[0], opts(0)), lab.BIRD(hosts[1], opts(1)), lab.OpenBGPD(hosts[2], opts(2))
	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: neighbors})
	trigger.Neighbor(hosts[1].Addr4(), "route-map BIRD out")
	trigger.Neighbor(hosts[2].Addr4(), "route-map OBGP out")
	frr.Start()
	bird.Start()
	obgp.Start()
	cluster := lab.Cluster(trigger)
	trigger.Operator("configure terminal",
		"route-map BIRD permit 10", "set community 65535:666", "exit",
		"route-map OBGP permit 10", "set community 64503:666", "set ip next-hop 10.20.0.66", "set as-path prepend 64503 7", "end")
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	cluster.Define(alice)
	alice.At(trigger).Blackholes(victim4)
	for _, r := range []testenv.Daemon{frr, bird, obgp} {
		lab.WaitSources(r, victim4, host)
	}
	sent := func(r []testenv.Route) string {
		for _, route := range r {
			if route.Prefix == victim4 {
				slices.Sort(route.Communities)
				return fmt.Sprintf("via %s path %v communities %v", route.NextHop, route.ASPath, route.Communities)
			}
		}
		return "nothing"
	}
	is := func(what string, routes func() []testenv.Route, want string) {
		testenv.Eventually(t, what+" has its dialect", func() (bool, string) { return sent(routes()) == want, sent(routes()) })
	}
	is("FRR", frr.Routes, "via 192.0.2.1 path [] communities [65535:65281 65535:666]")
	is("BIRD", func() []testenv.Route { return bird.Received(host) }, "via 192.0.2.1 path [64500] communities [65535:666]")
	is("OpenBGPD", obgp.Routes, "via 10.20.0.66 path [64500 64503 7] communities [64503:666]")

	trigger.Operator("configure terminal", "route-map BIRD permit 10", "set community 65535:666 64502:1", "end")
	is("BIRD", func() []testenv.Route { return bird.Received(host) }, "via 192.0.2.1 path [64500] communities [64502:1 65535:666]")
	if n := bird.Removals(host, victim4); n != 0 {
		t.Errorf("the change was seen as %d removals", n)
	}
	is("FRR", frr.Routes, "via 192.0.2.1 path [] communities [65535:65281 65535:666]")
}
