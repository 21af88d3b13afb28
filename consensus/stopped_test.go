package consensus

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// newerEntry is a log record of a version that this binary does not know.
var newerEntry = []byte{1, 99, 0, 0}

func TestUnknownEntryStopsTheStateMachineAndKeepsTheRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.7/32"))
		_ = s.leader().life().raft.Apply(newerEntry, time.Second).Error()
		for _, n := range s.nodes {
			s.until(n.name+" raises the alarm", func() bool { return n.raised(alarm.UnknownEntry) })
			if !n.holds("203.0.113.7/32") {
				t.Errorf("%s dropped its routes", n.name)
			}
			_, err := n.Propose(context.Background(), announce("203.0.113.8/32"))
			var no *NotAccepted
			if !errors.As(err, &no) {
				t.Errorf("%s: proposing beyond it: %v", n.name, err)
			}
			if err := n.life().raft.Snapshot().Error(); err == nil {
				t.Errorf("%s takes a snapshot beyond what it could read", n.name)
			}
		}
		for _, n := range s.nodes {
			n.down()
		}
		for _, n := range s.nodes {
			n.up()
			if !n.holds("203.0.113.7/32") {
				t.Errorf("%s has lost its routes in the restart", n.name)
			}
		}
		s.until("stopped again, not crashed", func() bool { return s.nodes[0].raised(alarm.UnknownEntry) })
	})
}

func TestWallClockJumpIsAnAlarmAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		l := s.leader()
		e := announce("203.0.113.7/32")
		e.Commands = []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: prefix7, Life: rtbh.LifetimeOf(10 * time.Minute)}}
		mustAccept(t, l.Node, e)
		l.skew.Store(int64(time.Hour))
		s.until("alarm", func() bool { return l.raised(alarm.ClockJump) })
		mustAccept(t, l.Node, announce("203.0.113.8/32"))
		time.Sleep(9 * time.Minute)
		for _, n := range s.nodes {
			if !n.holds("203.0.113.7/32") {
				t.Errorf("%s ended it early", n.name)
			}
		}
		time.Sleep(time.Minute)
		for _, n := range s.nodes {
			if n.holds("203.0.113.7/32") {
				t.Errorf("%s has not ended it", n.name)
			}
		}
		l.skew.Store(0)
		s.until("alarm gone", func() bool { return !l.raised(alarm.ClockJump) })
	})
}

// A blackhole ends on time on a node that has lost the majority, and on one
// that was restarted without it.
func TestEndsOnTimeWithoutAMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		e := announce("203.0.113.7/32")
		e.Commands = []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: prefix7, Life: rtbh.LifetimeOf(10 * time.Minute)}}
		mustAccept(t, s.leader().Node, e)
		ends := time.Now().Add(10 * time.Minute)
		alone, restarted := s.nodes[0], s.nodes[1]
		for _, n := range s.nodes {
			n.isolate()
		}
		time.Sleep(5 * time.Minute)
		restarted.down()
		time.Sleep(time.Minute)
		restarted.up()
		restarted.isolate()
		for _, n := range []*simNode{alone, restarted} {
			if !n.holds("203.0.113.7/32") {
				t.Errorf("%s ended it early", n.name)
			}
		}
		time.Sleep(time.Until(ends) + 2*time.Second)
		for _, n := range []*simNode{alone, restarted} {
			if n.holds("203.0.113.7/32") {
				t.Errorf("%s has not ended it, its clock shows %s", n.name, n.Now())
			}
		}
	})
}

func TestIdleClusterHardlyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		before := s.leader().life().raft.LastIndex()
		time.Sleep(21 * time.Minute)
		if wrote := s.leader().life().raft.LastIndex() - before; wrote < 1 || wrote > 3 {
			t.Errorf("21 idle minutes wrote %d entries", wrote)
		}
	})
}

func TestWhatHasEndedIsTakenOutOfTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		e := announce("203.0.113.7/32")
		e.Commands = []rtbh.Command{rtbh.Announce{Customer: "acme", Prefix: prefix7, Life: rtbh.LifetimeOf(5 * time.Minute)}}
		mustAccept(t, s.leader().Node, e)
		time.Sleep(5*time.Minute + 15*time.Second)
		s.leader().View(func(st *rtbh.State, now rtbh.Instant) {
			if h := st.History(prefix7, "acme", now); len(h) != 1 || h[0].AtIndex == 0 {
				t.Errorf("history: %v", h)
			}
		})
	})
}
