package consensus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// history is what the customer was told, per prefix.
type history struct {
	want  map[string]bool // acknowledged last: announced or withdrawn
	doubt map[string]bool // the last command's outcome is unknown
}

// TestWhatWasAcknowledgedHoldsUnderRandomFaults lets links break, nodes die and
// come back, machines restart and wall clocks jump, for eight minutes of
// virtual time, and compares what is in the state with what was answered.
// CONSENSUS_SEED repeats a run.
func TestWhatWasAcknowledgedHoldsUnderRandomFaults(t *testing.T) {
	seed := rand.Uint64()
	if v := os.Getenv("CONSENSUS_SEED"); v != "" {
		seed, _ = strconv.ParseUint(v, 10, 64)
	}
	t.Logf("seed %d (repeat with CONSENSUS_SEED)", seed)
	synctest.Test(t, func(t *testing.T) { randomFaults(t, seed, 8*time.Minute) })
}

func randomFaults(t *testing.T, seed uint64, length time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newSim(t, tuning{snapshotEvery: 30 * time.Second, snapshotAfter: 20, trailing: 10}, append(twoTriggersAndWitness, rtbh.Speaker)...)
	defer s.closeAll()
	h := history{want: map[string]bool{}, doubt: map[string]bool{}}
	var accepted, rejected, unknown, faults int
	for end := time.Now().Add(length); time.Now().Before(end); {
		if rng.IntN(4) == 0 {
			faults++
			s.randomFault(rng)
		}
		n := s.nodes[rng.IntN(len(s.nodes))]
		if n.Node == nil {
			time.Sleep(time.Second)
			continue
		}
		p := fmt.Sprintf("203.0.113.%d/32", rng.IntN(40))
		on := rng.IntN(2) == 0
		e := withdraw(p)
		if on {
			e = announce(p)
		}
		_, err := n.Propose(context.Background(), e)
		var unsure *NotConfirmed
		switch {
		case err == nil: // a refusal too: then it is so already
			accepted++
			h.want[p] = on
			delete(h.doubt, p)
		case errors.As(err, &unsure):
			unknown++
			h.doubt[p] = true
		default:
			rejected++
		}
		s.clocksAgree()
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
	}
	s.healAll()
	for _, n := range s.nodes {
		s.until(n.name+" is fresh", func() bool { _, fresh := n.Fresh(context.Background()); return fresh })
	}
	s.mustAgree()
	for p, want := range h.want {
		for _, n := range s.nodes {
			if got := n.holds(p); got != want && !h.doubt[p] {
				t.Errorf("%s: %s announced=%v, acknowledged %v", n.name, p, got, want)
			}
		}
	}
	t.Logf("%d accepted, %d refused, %d unknown, %d faults", accepted, rejected, unknown, faults)
	if accepted < 50 || faults < 20 {
		t.Error("too little happened for this test to mean anything")
	}
}

// randomFault does one bad thing, or repairs one.
func (s *sim) randomFault(rng *rand.Rand) {
	n := s.nodes[rng.IntN(len(s.nodes))]
	other := s.nodes[rng.IntN(len(s.nodes))]
	switch rng.IntN(9) {
	case 0:
		n.isolate()
	case 1, 2, 3:
		n.heal()
	case 4:
		if other != n {
			n.cutFrom(other)
		}
	case 5:
		if n.Node != nil {
			n.down()
			n.isolateAgain(rng)
		}
	case 6:
		n.skew.Add(int64(time.Duration(rng.IntN(7200)-3600) * time.Second))
	case 7:
		if n.Node != nil {
			n.down()
			n.reboot()
		}
		n.up()
	case 8:
		for _, d := range s.nodes {
			if d.Node == nil {
				d.up()
			}
		}
	}
}

// isolateAgain may leave a stopped node cut off for when it starts.
func (n *simNode) isolateAgain(rng *rand.Rand) {
	if rng.IntN(3) == 0 {
		n.isolate()
	}
}

func (s *sim) healAll() {
	for _, n := range s.nodes {
		n.heal()
		if n.Node == nil {
			n.up()
		}
	}
}

// clocksAgree holds the rule that a wall clock's jump moves nobody's idea of
// the present: whoever carried the log's clock on is within a second.
func (s *sim) clocksAgree() {
	s.t.Helper()
	var lowest, highest *simNode
	for _, n := range s.running() {
		if !n.clock.isLive() {
			continue
		}
		if lowest == nil || n.Now() < lowest.Now() {
			lowest = n
		}
		if highest == nil || n.Now() > highest.Now() {
			highest = n
		}
	}
	if lowest != nil && highest.Now().Sub(lowest.Now()) > time.Second {
		s.t.Errorf("%s is at %s, %s at %s", lowest.name, lowest.Now(), highest.name, highest.Now())
	}
}
