package lab

import (
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestBFDNoticesATriggerThatStandsStill: the process stands still and its sockets
// stay open, so that nothing but BFD, or the hold time much later, can tell.
func TestBFDNoticesATriggerThatStandsStill(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "bird2", "openssh-client")
	lab := testenv.NewLab(t)
	edge, host, desk := lab.Host("edge"), lab.Host("trigger"), lab.Host("desk")
	lab.LAN(edge.On("10.20.0.1/24", "fd00:20::1/64"), host.On("10.20.0.11/24", "fd00:20::11/64"), desk.On("10.20.0.50/24", "fd00:20::50/64"))
	bird := lab.BIRD(edge, testenv.RouterOptions{AS: birdEdgeAS, Neighbors: []testenv.Neighbor{
		{Peer: host, Addr: host.Addr4(), AS: triggerAS, IPv4: true, BFD: true}}})
	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: []testenv.Neighbor{
		{Peer: edge, Addr: edge.Addr4(), AS: birdEdgeAS, IPv4: true, BFD: true}}})
	bird.Start()
	cluster := lab.Cluster(trigger)
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24")
	cluster.Define(alice)
	bird.WaitEstablished(host.Addr4())
	testenv.Eventually(t, "the BFD session is up", func() (bool, string) {
		saw := strings.Join(bird.Ask("show bfd sessions"), "; ")
		return strings.Contains(saw, host.Addr4().String()) && strings.Contains(saw, " Up "), saw
	})

	trigger.Process().Freeze()
	bird.WaitDown(host.Addr4())
	if saw := strings.Join(bird.Ask("show protocols all peer_10_20_0_11"), "; "); !strings.Contains(saw, "BFD") {
		t.Errorf("the edge lost the trigger, but not by BFD: %s", saw)
	}
	trigger.Process().Thaw()
	bird.WaitEstablished(host.Addr4())
}
