package consensus

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// The time is virtual, so it is that of the timers alone.
func TestNextLeaderIsThereSoonAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		var longest time.Duration
		for range 40 {
			dead := s.leader()
			dead.isolate()
			began := time.Now()
			s.until("another trigger leads", func() bool {
				for _, n := range s.nodes {
					if n != dead && n.leads() && n.Role() == rtbh.Voter {
						return true
					}
				}
				return false
			})
			longest = max(longest, time.Since(began))
			dead.heal()
			s.until("one leads", func() bool { return !dead.leads() })
			time.Sleep(5 * time.Second)
		}
		t.Logf("at most %v", longest)
		if longest > 700*time.Millisecond {
			t.Errorf("it took up to %v", longest)
		}
	})
}

// Who was cut off for a while and believes that the leader is gone ends no
// leadership.
func TestFollowerThatWasCutOffLeavesTheLeaderInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		leads := s.leader()
		term := leads.Status(context.Background()).Term
		for _, n := range s.nodes {
			if n == leads {
				continue
			}
			for _, away := range []time.Duration{300 * time.Millisecond, time.Second, 5 * time.Second} {
				n.isolate()
				time.Sleep(away)
				n.heal()
				time.Sleep(3 * time.Second)
			}
		}
		if now := leads.Status(context.Background()).Term; !leads.leads() || now != term {
			t.Errorf("term %d, was %d", now, term)
		}
	})
}
