package consensus

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
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

// What a cluster at rest costs are the leader's messages.
func TestLeaderAtRestSpeaksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		s.leader()
		time.Sleep(30 * time.Second)
		before := s.net.spoken.Load()
		time.Sleep(time.Minute)
		each := float64(s.net.spoken.Load()-before) / 60 / 2
		t.Logf("%.1f messages a second to each follower", each)
		if each < 5 || each > 11 {
			t.Errorf("%.1f messages a second to each follower", each)
		}
	})
}

// A leader has longer timeouts only for as long as it leads.
func TestLeaderLeavesItsTimeoutsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		for range 5 {
			led := s.leader()
			timeouts := func(n *simNode) bool {
				c, times := n.life().raft.ReloadableConfig(), time.Duration(1)
				if n.life().raft.State() == raft.Leader {
					times = calm
				}
				return c.ElectionTimeout == times*n.opt.tuning.election && c.HeartbeatTimeout > (times-1)*n.opt.tuning.heartbeat && c.HeartbeatTimeout <= times*n.opt.tuning.heartbeat
			}
			for _, n := range s.nodes {
				s.until("it has the timeouts of its part", func() bool { return timeouts(n) })
			}
			led.isolate()
			s.until("another leads", func() bool { now := s.leader(); return now != led })
			led.heal()
			led = s.leader()
		}
	})
}

// heardPipeline counts what goes over a log stream.
type heardPipeline struct {
	raft.AppendPipeline
	net *simNet
}

func (p heardPipeline) AppendEntries(q *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	p.net.spoken.Add(1)
	return p.AppendPipeline.AppendEntries(q, r)
}

// tampering is what happens to one empty AppendEntries.
type tampering struct {
	drop  bool
	twice bool
	delay time.Duration
}

func newSimNet() *simNet {
	return &simNet{nodes: map[string]*simTransport{}, cut: map[[2]string]bool{}}
}

// While its log is written Raft's main loop does nothing else. The heartbeats that it
// sends at each beat are late then, and its own step in. (So does the log stream, if
// it is not as slow as here.)
func TestLeaderWithASlowDiskGoesOnLeading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{commit: 2 * time.Second}, twoTriggersAndWitness...)
		defer s.closeAll()
		leads := s.leader()
		term := leads.Status(context.Background()).Term
		for i, takes := range []time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 350 * time.Millisecond, 700 * time.Millisecond} {
			leads.disk.Store(int64(takes))
			for j := range 40 {
				mustAccept(t, leads.Node, announce(fmt.Sprintf("203.0.113.%d/32", 40*i+j)))
			}
			if now := leads.Status(context.Background()).Term; !leads.leads() || now != term {
				t.Fatalf("a disk that takes %v: term %d, was %d", takes, now, term)
			}
		}
	})
}
