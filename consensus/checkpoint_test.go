package consensus

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// corrupt lets a node's state lose a blackhole, as a bad bit of memory might.
func (n *simNode) corrupt(p string) {
	n.fsm.mu.Lock()
	defer n.fsm.mu.Unlock()
	e := withdraw(p)
	e.Stamp = n.fsm.state.LastStamp()
	n.fsm.state.Apply(n.fsm.state.Index(), e)
}

func TestWrongStateIsSeenQuarantinedAndHealed(t *testing.T) {
	for name, pick := range map[string]func(s *sim) *simNode{
		"a follower": (*sim).follower,
		"the leader": (*sim).leader,
		"a speaker":  func(s *sim) *simNode { return s.trigger("trigger4") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
				defer s.closeAll()
				mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
				mustAccept(t, s.leader().Node, announce("203.0.113.2/32"))
				time.Sleep(30 * time.Second)
				bad := pick(s)
				bad.corrupt("203.0.113.1/32")
				o := bad.watch("203.0.113.2/32")
				var good []*onlooker
				for _, n := range bad.others() {
					good = append(good, n.watch("203.0.113.1/32", "203.0.113.2/32"))
				}
				mustAccept(t, s.nodes[0].Node, announce("203.0.113.3/32")) // something for a checkpoint
				s.until("the alarm is up", func() bool { return bad.raised(alarm.DigestMismatch) })
				s.until("it is a member in a new incarnation", func() bool { return bad.identity().Incarnation == 2 && !bad.fsm.holding() })
				if !bad.holds("203.0.113.1/32") || !bad.holds("203.0.113.3/32") {
					t.Error("it was not healed")
				}
				o.mustHaveLostNothing(t)
				for _, g := range good {
					g.mustHaveLostNothing(t)
				}
				mustAccept(t, bad.Node, announce("203.0.113.4/32"))
				for _, n := range s.nodes {
					s.until("no alarm at "+n.name, func() bool { return !n.raised(alarm.DigestMismatch) })
				}
				s.mustAgree()
				if bad.Role().Votes() {
					s.until("it votes again", func() bool { return contains(s.leader().voters(), bad.identity().ServerID()) })
				}
			})
		})
	}
}

// A bit of the log turned over while the node was down. Nobody types anything:
// it must not announce what it made of it until somebody does.
func TestWrongStateReadFromDiskIsSeenInAQuietCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		time.Sleep(30 * time.Second)
		bad := s.follower()
		bad.down()
		time.Sleep(30 * time.Second)
		bad.up()
		bad.mustBeReady()
		bad.corrupt("203.0.113.1/32")
		s.until("it is healed", func() bool {
			return bad.identity().Incarnation == 2 && !bad.fsm.holding() && bad.holds("203.0.113.1/32")
		})
		index := s.leader().Status(t.Context()).LastIndex
		time.Sleep(5 * time.Minute)
		if now := s.leader().Status(t.Context()).LastIndex; now > index+20 {
			t.Errorf("the quiet cluster goes on writing: from %d to %d", index, now)
		}
	})
}

// With two nodes nobody can tell who is right: an alarm on both, and nothing
// else happens.
func TestTwoNodesThatDifferOnlySaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, rtbh.Voter, rtbh.Voter)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		s.follower().corrupt("203.0.113.1/32")
		mustAccept(t, s.leader().Node, announce("203.0.113.2/32"))
		for _, n := range s.nodes {
			s.until("the alarm is up at "+n.name, func() bool { return n.raised(alarm.DigestMismatch) })
		}
		time.Sleep(time.Minute)
		for _, n := range s.nodes {
			if n.identity().Incarnation != 1 || n.fsm.holding() {
				t.Errorf("%s was taken out", n.name)
			}
		}
		mustAccept(t, s.leader().Node, announce("203.0.113.3/32"))
	})
}

// A quarantine that would cost the majority waits.
func TestWrongStateWaitsWhileTheMajorityNeedsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker, rtbh.Speaker)...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		s.trigger("witness3").down()
		time.Sleep(5 * time.Second)
		bad := s.follower()
		bad.corrupt("203.0.113.1/32")
		mustAccept(t, s.leader().Node, announce("203.0.113.2/32"))
		s.until("the alarm is up", func() bool { return bad.raised(alarm.DigestMismatch) })
		time.Sleep(time.Minute)
		if bad.identity().Incarnation != 1 {
			t.Error("it left although the majority needs it")
		}
		mustAccept(t, s.leader().Node, announce("203.0.113.3/32"))
		s.trigger("witness3").up()
		s.until("then it goes", func() bool { return bad.identity().Incarnation == 2 && !bad.fsm.holding() })
		if _, fresh := bad.Fresh(context.Background()); !fresh || !bad.holds("203.0.113.1/32") {
			t.Error("it was not healed")
		}
	})
}

func TestIdleClusterWritesNoCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		time.Sleep(30 * time.Second)
		_, index := s.leader().digests.get()
		if index == 0 {
			t.Fatal("no checkpoint after a change")
		}
		time.Sleep(60 * checkpointEvery)
		if _, now := s.leader().digests.get(); now != index {
			t.Errorf("idle time moved the checkpoint from %d to %d", index, now)
		}
	})
}
