package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/testenv"
)

// ring is the cluster with a network of its own between its members, so that it
// can be broken while BGP goes on:
//
//	        back LAN 10.30.0.0/24
//	---+----------+----------+--------+---
//	   |          |          |        |
//	trigger1   trigger2   witness    desk (alice)
//	   |          |
//	---+----------+---+-------+--- peering LAN 10.20.0.0/24, fd00:20::/64
//	                 frr     bird
//
// Every session has graceful restart, and a hold time that outlasts each scenario:
// what the routers see is what the triggers do, not what a timer does.
type ring struct {
	house
	back *testenv.Host
}

// What alice has blackholed before, during and throughout a fault.
var (
	lasting = []netip.Prefix{victim4, victim6, kept4}
	during4 = netip.MustParsePrefix("198.51.100.20/32")
	ending4 = netip.MustParsePrefix("198.51.100.30/32")
)

func newRing(t *testing.T) *ring {
	t.Helper()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openssh-client")
	const hold = 90
	lab := testenv.NewLab(t)
	frr, bird := lab.Host("frr"), lab.Host("bird")
	host1, host2, host3, desk := lab.Host("trigger1"), lab.Host("trigger2"), lab.Host("witness"), lab.Host("desk")
	r := &ring{house: house{lab: lab}}
	r.back = lab.LAN(host1.On("10.30.0.11/24"), host2.On("10.30.0.12/24"), host3.On("10.30.0.13/24"), desk.On("10.30.0.50/24"))
	r.lan = lab.LAN(frr.On("10.20.0.1/24", "fd00:20::1/64"), bird.On("10.20.0.2/24", "fd00:20::2/64"),
		host1.On("10.20.0.11/24", "fd00:20::11/64"), host2.On("10.20.0.12/24", "fd00:20::12/64"))

	at := netip.MustParseAddr
	speaking := testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, RestartTime: 80, Hold: hold, Extra: []string{"cluster boot-wait 3"},
		Neighbors: []testenv.Neighbor{
			{Peer: frr, Addr: at("10.20.0.1"), AS: frrEdgeAS, Password: md5, IPv4: true, IPv6: true},
			{Peer: bird, Addr: at("10.20.0.2"), AS: birdEdgeAS, Password: md5, IPv4: true},
			{Peer: bird, Addr: at("fd00:20::2"), AS: birdEdgeAS, Password: md5, IPv6: true}}}
	r.trigger1, r.trigger2 = lab.Trigger(host1, speaking), lab.Trigger(host2, speaking)
	r.witness = lab.Trigger(host3, testenv.TriggerOptions{Role: testenv.Witness})
	var toFRR, toBIRD []testenv.Neighbor
	for i, host := range []*testenv.Host{host1, host2} {
		four := testenv.Neighbor{Peer: host, Addr: at(fmt.Sprintf("10.20.0.%d", 11+i)), AS: triggerAS, Password: md5, IPv4: true}
		six := testenv.Neighbor{Peer: host, Addr: at(fmt.Sprintf("fd00:20::%d", 11+i)), AS: triggerAS, Password: md5, IPv6: true}
		toBIRD = append(toBIRD, four, six)
		four.IPv6 = true
		toFRR = append(toFRR, four)
	}
	r.frr = lab.FRR(frr, testenv.RouterOptions{AS: frrEdgeAS, Neighbors: toFRR, Hold: hold})
	r.bird = lab.BIRD(bird, testenv.RouterOptions{AS: birdEdgeAS, Neighbors: toBIRD, Hold: hold})
	r.routers = []testenv.Router{r.frr, r.bird}
	r.frr.Start()
	r.bird.Start()
	r.cluster = lab.Cluster(r.trigger1, r.trigger2, r.witness)
	r.alice = lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	r.cluster.Define(r.alice)
	r.trigger1.Operator("configure terminal", "blackhole minimum-lifetime 1s", "end")
	r.waitPeers()
	return r
}

// waitPeers waits until both routers have their sessions with both triggers.
func (r *ring) waitPeers() {
	at := netip.MustParseAddr
	r.frr.WaitEstablished(at("10.20.0.11"), at("10.20.0.12"))
	r.bird.WaitEstablished(at("10.20.0.11"), at("10.20.0.12"), at("fd00:20::11"), at("fd00:20::12"))
}

// leader returns the trigger that leads and the other one.
func (r *ring) leader(t *testing.T) (leads, other *testenv.Trigger) {
	t.Helper()
	testenv.Eventually(t, "a trigger leads", func() (bool, string) {
		leads = r.cluster.Leader()
		return leads == r.trigger1 || leads == r.trigger2, fmt.Sprint(leads)
	})
	if leads == r.trigger1 {
		return leads, r.trigger2
	}
	return leads, r.trigger1
}

// begin blackholes what lasts, and something that ends by itself. It returns the
// moment before which that must not end.
func (r *ring) begin(seconds int) (notBefore time.Time) {
	r.alice.At(r.trigger1).Blackholes(lasting...)
	r.waitSources(lasting, r.trigger1, r.trigger2)
	notBefore = time.Now().Add(time.Duration(seconds) * time.Second)
	r.alice.At(r.trigger2).Types("configure terminal", fmt.Sprintf("router bgp %d", r.alice.AS), fmt.Sprintf("network %s expire %ds", ending4, seconds), "end")
	r.waitSources([]netip.Prefix{ending4}, r.trigger1, r.trigger2)
	return notBefore
}

// ends waits until neither router has what ends by itself.
func (r *ring) ends(t *testing.T, notBefore time.Time) {
	t.Helper()
	r.waitSources([]netip.Prefix{ending4})
	late := time.Since(notBefore)
	if late < 0 {
		t.Errorf("%s ended %v too early", ending4, -late)
	}
	t.Logf("           seen to have ended %v after the earliest moment", late.Round(10*time.Millisecond))
}

// nothingLost checks what the routers have counted since they started: no
// withdrawal and no removal of what lasts, from either trigger.
func (r *ring) nothingLost(t *testing.T, over string) {
	t.Helper()
	at := netip.MustParseAddr
	for i, d := range []*testenv.Trigger{r.trigger1, r.trigger2} {
		for _, p := range append(slices.Clone(lasting), during4) {
			if n := r.bird.Removals(d.Host, p); n != 0 {
				t.Errorf("the BIRD edge removed %s of %s %d times over %s", p, d.Name(), n, over)
			}
			if n := r.frr.Withdrawals(at(fmt.Sprintf("10.20.0.%d", 11+i)), p); n != 0 {
				t.Errorf("the FRR edge took %d withdrawals of %s by %s over %s", n, p, d.Name(), over)
			}
		}
		for _, router := range r.routers {
			r.lab.MustHold(router, d.Host, append(slices.Clone(lasting), during4)...)
		}
		if alarms := d.Operator("show alarms"); strings.Contains(alarms, "digest-mismatch") {
			t.Errorf("%s after %s:\n%s", d.Name(), over, alarms)
		}
	}
}

// whole waits until everything is right again and both triggers announce all.
func (r *ring) whole() {
	r.cluster.WaitComplete()
	r.waitSources(append(slices.Clone(lasting), during4), r.trigger1, r.trigger2)
}

// TestFaultLinkDown: the leader's link to the other members goes down. It announces
// what it has and ends what ends; the customer goes on at the other trigger.
func TestFaultLinkDown(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	notBefore := r.begin(12)
	cut, other := r.leader(t)

	cut.Host.LinkDown(r.back)
	r.alice.At(other).Blackholes(during4)
	r.waitSources([]netip.Prefix{during4}, other)
	r.ends(t, notBefore) // also at the one that is cut off

	cut.Host.LinkUp(r.back)
	r.whole()
	r.nothingLost(t, "a link that was down")
}

// TestFaultFrozen: the leader's process stops running for a while (SIGSTOP).
func TestFaultFrozen(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	notBefore := r.begin(12)
	frozen, other := r.leader(t)

	frozen.Process().Freeze()
	r.alice.At(other).Blackholes(during4)
	r.waitSources([]netip.Prefix{during4}, other)
	r.waitSources([]netip.Prefix{ending4}, frozen) // it cannot; the other did

	frozen.Process().Thaw()
	r.ends(t, notBefore)
	r.whole()
	r.nothingLost(t, "a process that was frozen")
}

// TestFaultOneWayCut: nobody hears the leader any more, though it hears all others;
// then the next leader hears nobody, though all hear it.
func TestFaultOneWayCut(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	notBefore := r.begin(12)

	mute, other := r.leader(t)
	for _, n := range []*testenv.Trigger{other, r.witness} {
		mute.Host.Loses(r.back, n.Host)
	}
	r.alice.At(other).Blackholes(during4)
	r.waitSources([]netip.Prefix{during4}, other)
	for _, n := range []*testenv.Trigger{other, r.witness} {
		mute.Host.Delivers(r.back, n.Host)
	}
	r.whole()

	deaf, other := r.leader(t)
	for _, n := range []*testenv.Trigger{other, r.witness} {
		n.Host.Loses(r.back, deaf.Host)
	}
	again := netip.MustParsePrefix("198.51.100.21/32")
	r.alice.At(other).Blackholes(again)
	r.waitSources([]netip.Prefix{again}, other)
	r.ends(t, notBefore)
	for _, n := range []*testenv.Trigger{other, r.witness} {
		n.Host.Delivers(r.back, deaf.Host)
	}
	r.waitSources([]netip.Prefix{again}, r.trigger1, r.trigger2)
	r.alice.At(deaf).Withdraws(again)
	r.waitSources([]netip.Prefix{again})
	r.whole()
	r.nothingLost(t, "a cut in one direction")
}

// TestFaultPowerOffOfAll: all three machines lose their power. What ended meanwhile
// stays ended; one trigger that boots alone announces what it had applied, and the
// routers never lose it.
func TestFaultPowerOffOfAll(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	notBefore := r.begin(6)
	r.alice.At(r.trigger2).Blackholes(during4)
	r.waitSources([]netip.Prefix{during4}, r.trigger1, r.trigger2)

	nodes := []*testenv.Trigger{r.trigger1, r.trigger2, r.witness}
	for _, n := range nodes {
		n.Kill9()
	}
	testenv.Eventually(t, "what ends by itself has ended", func() (bool, string) { return time.Now().After(notBefore), "" })
	r.trigger1.Start()
	r.waitTrigger1()
	for _, router := range r.routers {
		r.lab.MustHold(router, r.trigger1.Host, append(slices.Clone(lasting), during4)...)
	}
	r.trigger2.Start()
	r.witness.Start()
	r.waitPeers()
	for _, router := range r.routers {
		r.lab.WaitFresh(router, r.trigger2.Host)
	}
	r.ends(t, notBefore)
	r.whole()
	r.nothingLost(t, "a power cut of all nodes")
}

// waitTrigger1 waits until trigger1 alone has announced all that it has.
func (r *ring) waitTrigger1() {
	at := netip.MustParseAddr
	r.frr.WaitEstablished(at("10.20.0.11"))
	r.bird.WaitEstablished(at("10.20.0.11"), at("fd00:20::11"))
	for _, router := range r.routers {
		r.lab.WaitFresh(router, r.trigger1.Host)
	}
}
