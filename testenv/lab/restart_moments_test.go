package lab

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestRestartAtBadMoments: a trigger is killed while it has just begun to tell the
// routers, twice in a row, while a customer types many lines at its partner, together
// with its partner, and comes back with another configuration. With graceful restart
// neither router sees one withdrawal, and no packet of the attack arrives.
func TestRestartAtBadMoments(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 60)
	many := append(hosts("198.51.100.100", 40), everyone...)
	h.alice.At(h.trigger1).Blackholes(many...)
	h.waitSources(many, h.trigger1, h.trigger2)
	stopped := h.packetsStop()
	whole := func(moment string) {
		t.Helper()
		h.waitSessions(h.trigger1)
		h.waitFresh(h.trigger1)
		for _, r := range h.routers {
			h.lab.MustHold(r, h.trigger1.Host, many...)
		}
		h.untouched(t, h.trigger1, moment, many...)
		stopped.held(t, "lost by "+moment)
	}

	h.trigger1.Kill9()
	h.trigger1.Start()
	h.frr.WaitEstablished(h.trigger1.Host.Addr4()) // the first table is on its way
	h.trigger1.Kill9()
	h.trigger1.Start()
	h.trigger1.Kill9() // it has not even opened a session
	h.trigger1.Start()
	whole("a kill in the first dump and one before it")

	bulk := hosts("198.51.100.150", 60)
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		if out, status := h.alice.At(h.trigger2).Runs(commands(h.alice.AS, bulk)); status != 0 {
			t.Errorf("the bulk ended with status %d: %s", status, out)
		}
	}()
	h.lab.WaitSome(h.frr, h.trigger1.Host, bulk...)
	h.trigger1.Kill9()
	<-typed
	h.trigger1.Start()
	many = append(many, bulk...)
	h.waitSources(bulk, h.trigger1, h.trigger2)
	whole("a kill in a bulk")

	h.trigger1.Kill9()
	h.trigger2.Kill9()
	h.waitDead(h.trigger1)
	h.trigger1.Neighbor(netip.MustParseAddr("10.20.0.1"), "description the edge in Frankfurt")
	h.trigger1.Neighbor(netip.MustParseAddr("10.20.0.1"), "maximum-announced 5000")
	h.trigger1.Start()
	h.trigger2.Start()
	whole("a crash of both triggers, and a changed configuration")
	h.waitSessions(h.trigger2)
	h.waitFresh(h.trigger2)
	h.untouched(t, h.trigger2, "a crash of both triggers", many...)
}

// hosts are n host prefixes from an address on.
func hosts(first string, n int) (all []netip.Prefix) {
	for a := netip.MustParseAddr(first); len(all) < n; a = a.Next() {
		all = append(all, netip.PrefixFrom(a, 32))
	}
	return all
}

// commands blackholes IPv4 prefixes in one line.
func commands(as uint32, prefixes []netip.Prefix) string {
	line := fmt.Sprintf("configure terminal; router bgp %d", as)
	for _, p := range prefixes {
		line += "; network " + p.String()
	}
	return line
}

// TestStuckRouterIsAnAlarmAndCountsForNothing: an FRR that stands still keeps its
// connection, and its kernel takes what it does not read. Long before the hold time ends
// the session it does not count as having been told, and the operator knows which router
// it is.
func TestStuckRouterIsAnAlarmAndCountsForNothing(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openssh-client")
	lab := testenv.NewLab(t)
	host, frrHost, birdHost, desk := lab.Host("trigger"), lab.Host("frr"), lab.Host("bird"), lab.Host("desk")
	lab.LAN(host.On("10.20.0.11/24"), frrHost.On("10.20.0.1/24"), birdHost.On("10.20.0.2/24"), desk.On("10.20.0.50/24"))
	back := []testenv.Neighbor{{Peer: host, Addr: host.Addr4(), AS: triggerAS, IPv4: true}}
	frr := lab.FRRSpeaker(frrHost, testenv.RouterOptions{AS: frrEdgeAS, Neighbors: back, Hold: 15})
	bird := lab.BIRD(birdHost, testenv.RouterOptions{AS: birdEdgeAS, Neighbors: back})
	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Hold: 180, Neighbors: []testenv.Neighbor{
		{Peer: frrHost, Addr: frrHost.Addr4(), AS: frrEdgeAS, IPv4: true}, {Peer: birdHost, Addr: birdHost.Addr4(), AS: birdEdgeAS, IPv4: true}}})
	frr.Start()
	bird.Start()
	cluster := lab.Cluster(trigger)
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24")
	cluster.Define(alice)
	trigger.WaitEstablished(frrHost.Addr4(), birdHost.Addr4())
	alice.At(trigger).Blackholes(kept4)
	trigger.WaitShows("show blackhole "+kept4.String(), "to 2 of 2 routers")

	frr.Process().Freeze()
	alice.At(trigger).Blackholes(victim4)
	lab.WaitSources(bird, victim4, host)
	trigger.WaitShows("show alarms", "neighbor-stuck", frrHost.Addr4().String())
	trigger.WaitShows("show blackhole "+victim4.String(), "to 1 of 2 routers")

	frr.Process().Thaw()
	lab.WaitSources(frr, victim4, host)
	trigger.WaitShows("show blackhole "+victim4.String(), "to 2 of 2 routers")
}
