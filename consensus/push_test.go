package consensus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// slowStream makes the log stream say a commit late, so that only the push can
// be quick.
var slowStream = tuning{commit: 400 * time.Millisecond}

func TestPushTellsTheFollowersAtOnce(t *testing.T) {
	for _, push := range []bool{true, false} {
		t.Run(fmt.Sprintf("push=%v", push), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tune := slowStream
				tune.noPush = !push
				s := newSim(t, tune, twoTriggersAndWitness...)
				defer s.closeAll()
				time.Sleep(3 * time.Second)
				began := time.Now()
				mustAccept(t, s.leader().Node, announce("203.0.113.7/32"))
				if took := time.Since(began); push != (took < 50*time.Millisecond) {
					t.Errorf("applied on both after %s", took)
				}
			})
		})
	}
}

// Pushes are dropped, doubled, delayed beyond changes of the leader and
// overtake one another; the states stay equal and nothing accepted is lost.
func TestPushesMayGoWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seed := uint64(time.Now().UnixNano()) ^ rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		s := newSim(t, tuning{commit: 100 * time.Millisecond}, twoTriggersAndWitness...)
		defer s.closeAll()
		pushed := 0
		s.net.set(func(net *simNet) {
			net.tamper = func(_, _ string, _ *raft.AppendEntriesRequest) tampering {
				net.mu.Lock()
				defer net.mu.Unlock()
				pushed++
				return tampering{drop: rng.IntN(3) == 0, twice: rng.IntN(3) == 0, delay: time.Duration(rng.IntN(3000)) * time.Millisecond}
			}
		})
		count := func() (n int) {
			s.net.set(func(*simNet) { n = pushed })
			return n
		}
		var accepted []string
		choose := rand.New(rand.NewPCG(seed, 2))
		// A push that is delayed holds up its peer's next ones, so how many there
		// are depends on how long it all takes: it goes on until there are enough.
		for i := 0; i < 120 || len(accepted) < 100 || count() < 100; i++ {
			if i == 2000 {
				t.Fatalf("only %d accepted, %d pushed: the test tests nothing", len(accepted), count())
			}
			n := s.nodes[choose.IntN(3)]
			p := fmt.Sprintf("10.1.%d.%d/32", i/250, i%250)
			if _, err := n.Propose(context.Background(), announce(p)); err == nil {
				accepted = append(accepted, p)
			}
			if i%10 == 9 {
				_ = s.leader().TransferLeadership(context.Background(), "") // may fail, then the old one goes on
			}
			if i%30 == 29 {
				l := s.leader()
				l.isolate()
				time.Sleep(2 * time.Second)
				l.heal()
			}
		}
		time.Sleep(5 * time.Second)
		s.mustAgree()
		for _, n := range s.nodes {
			for _, p := range accepted {
				if !n.holds(p) {
					t.Errorf("%s has lost %s", n.name, p)
				}
			}
		}
	})
}
