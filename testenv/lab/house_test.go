package lab

import (
	"net/netip"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// house is the normal installation: two triggers and a witness, an FRR edge and a
// BIRD edge under attack, and the customer alice.
//
//	trigger1  trigger2  witness   alice
//	   |         |         |        |
//	---+---------+----+----+--+-----+---  peering LAN 10.20.0.0/24, fd00:20::/64
//	                  |       |
//	                 frr     bird         each with attacker and victim, see site
//
// The FRR edge has one session with each trigger, over IPv4, for both families. The
// BIRD edge has one over IPv4 for IPv4 and one over IPv6 for IPv6. All use MD5.
type house struct {
	lab                *testenv.Lab
	lan                *testenv.Host // the peering LAN
	trigger1, trigger2 *testenv.Trigger
	witness            *testenv.Trigger
	cluster            *testenv.Cluster
	frr                *testenv.FRR
	bird               *testenv.BIRD
	routers            []testenv.Router
	alice              *testenv.Customer
	flows              []*testenv.Flow // to victim4 and victim6 through both edges
}

// slipsOfBIRD are the packets forgiven on IPv6 through the BIRD edge, 30 ms of them. BIRD
// 2.0.12 replaces an IPv6 route in the kernel by deleting it and adding it again, 0.1 ms
// later on an idle machine, when its better source comes or goes. That is seldom between
// two packets, and never with graceful restart, where the source stays.
const slipsOfBIRD = 3

// newHouse builds it all and returns when every session is up, traffic flows and
// nothing is blackholed. restartTime is the triggers' graceful restart time in
// seconds, 0 for none.
func newHouse(t *testing.T, restartTime int) *house {
	t.Helper()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openssh-client")
	lab := testenv.NewLab(t)
	h := &house{lab: lab}
	frrSite, birdSite := newSite(lab, "frr", 1), newSite(lab, "bird", 2)
	host1, host2, host3, desk := lab.Host("trigger1"), lab.Host("trigger2"), lab.Host("witness"), lab.Host("desk")
	h.lan = lab.LAN(
		frrSite.edge.On("10.20.0.1/24", "fd00:20::1/64"), birdSite.edge.On("10.20.0.2/24", "fd00:20::2/64"),
		host1.On("10.20.0.11/24", "fd00:20::11/64"), host2.On("10.20.0.12/24", "fd00:20::12/64"),
		host3.On("10.20.0.13/24", "fd00:20::13/64"), desk.On("10.20.0.50/24", "fd00:20::50/64"))

	at := netip.MustParseAddr
	edges := []testenv.Neighbor{
		{Peer: frrSite.edge, Addr: at("10.20.0.1"), AS: frrEdgeAS, Password: md5, IPv4: true, IPv6: true},
		{Peer: birdSite.edge, Addr: at("10.20.0.2"), AS: birdEdgeAS, Password: md5, IPv4: true},
		{Peer: birdSite.edge, Addr: at("fd00:20::2"), AS: birdEdgeAS, Password: md5, IPv6: true}}
	speaking := testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: edges, RestartTime: restartTime}
	h.trigger1, h.trigger2 = lab.Trigger(host1, speaking), lab.Trigger(host2, speaking)
	h.witness = lab.Trigger(host3, testenv.TriggerOptions{Role: testenv.Witness})

	toFRR, toBIRD := []testenv.Neighbor{}, []testenv.Neighbor{}
	for _, host := range []*testenv.Host{host1, host2} {
		one := testenv.Neighbor{Peer: host, Addr: host.Addr4(), AS: triggerAS, Password: md5, IPv4: true}
		both := one
		both.IPv6 = true
		toFRR = append(toFRR, both)
		toBIRD = append(toBIRD, one,
			testenv.Neighbor{Peer: host, Addr: host.Addr6(), AS: triggerAS, Password: md5, IPv6: true})
	}
	h.frr = lab.FRR(frrSite.edge, testenv.RouterOptions{AS: frrEdgeAS, Neighbors: toFRR})
	h.bird = lab.BIRD(birdSite.edge, testenv.RouterOptions{AS: birdEdgeAS, Neighbors: toBIRD})
	h.routers = []testenv.Router{h.frr, h.bird}

	for _, r := range h.routers {
		r.Start()
	}
	h.cluster = lab.Cluster(h.trigger1, h.trigger2, h.witness)
	h.alice = lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	h.cluster.Define(h.alice)
	for _, s := range []*site{frrSite, birdSite} {
		four, six := s.attack()
		if s == birdSite && restartTime == 0 {
			six.Slips = slipsOfBIRD
		}
		h.flows = append(h.flows, four, six)
	}
	h.waitSessions(h.trigger1)
	h.waitSessions(h.trigger2)
	h.packetsFlow()
	return h
}

// waitSessions waits until both routers have their sessions with the trigger.
func (h *house) waitSessions(trigger *testenv.Trigger) {
	h.frr.WaitEstablished(trigger.Host.Addr4())
	h.bird.WaitEstablished(trigger.Host.Addr4(), trigger.Host.Addr6())
}

// waitDead waits until both routers have noticed that the trigger is gone.
func (h *house) waitDead(trigger *testenv.Trigger) {
	h.frr.WaitDown(trigger.Host.Addr4())
	h.bird.WaitDown(trigger.Host.Addr4())
	h.bird.WaitDown(trigger.Host.Addr6())
}

// waitSources waits until both routers hold each prefix from exactly these triggers.
func (h *house) waitSources(prefixes []netip.Prefix, triggers ...*testenv.Trigger) {
	var hosts []*testenv.Host
	for _, trigger := range triggers {
		hosts = append(hosts, trigger.Host)
	}
	for _, r := range h.routers {
		for _, p := range prefixes {
			h.lab.WaitSources(r, p, hosts...)
		}
	}
}

// spans is one span for each flow.
type spans []*testenv.Span

func (h *house) packetsFlow() (all spans) {
	for _, f := range h.flows {
		all = append(all, f.Flows())
	}
	return all
}

func (h *house) packetsStop() (all spans) {
	for _, f := range h.flows {
		all = append(all, f.Stops())
	}
	return all
}

// held checks every flow's span and logs how many packets that were.
func (s spans) held(t *testing.T, what string) {
	t.Helper()
	packets := 0
	for _, span := range s {
		packets += span.Held()
	}
	t.Logf("           %s: %d packets", what, packets)
}
