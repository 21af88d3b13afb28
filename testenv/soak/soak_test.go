package soak

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/testenv"
	"github.com/triggerd/triggerd/testenv/soak/history"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// logWriter passes what a soak says on to the test's log.
type logWriter struct{ t *testing.T }

func (w logWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// options are those of a short soak, with the files where a failed test leaves
// them.
func options(t *testing.T) Options {
	t.Helper()
	return Options{Binary: testenv.RequireTriggerd(t), Seed: 1, Out: logWriter{t}}
}

// The long form is `make soak`.
func TestTwentyKillsAndSomeFaults(t *testing.T) {
	t.Parallel()
	opt := options(t)
	opt.Kills, opt.Faults, opt.Seed = 20, 12*time.Second, uint64(time.Now().UnixNano()%1_000_000)
	t.Logf("SEED=%d", opt.Seed)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	r, err := Run(ctx, opt)
	if err != nil || !r.Good() {
		t.Fatalf("%v, %v; data and logs are in %s", r, err, r.Kept)
	}
	if r.Kills != 20 || r.Partitions == 0 || r.Acknowledged < 100 {
		t.Errorf("too little was tried: %v", r)
	}
}

// A soak that finds nothing proves something only if it would find something:
// here an operator withdraws a customer's blackhole behind its back.
func TestASoakSeesWhatIsDoneBehindItsBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	opt := options(t)
	opt.Dir = t.TempDir()
	s, err := newSoak(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.open(ctx); err != nil {
		t.Fatal(err)
	}
	s.gateAtStart()
	testenv.Eventually(t, "customers have blackholes", func() (bool, string) {
		return len(s.book.Due(time.Now(), time.Now())) > 20, s.book.Tally()
	})
	hold := s.gate.close()
	defer hold()
	if why := s.awaitRouters(ctx, testenv.Patience); why != "" {
		t.Fatal(why)
	}
	if n := s.verdicts.Count(); n != [4]int{} {
		t.Fatalf("violations already: %v", s.verdicts.All())
	}
	victim := s.book.Due(time.Now(), time.Now())[0]
	if _, err := s.nodes[1].types(ctx, "configure terminal", "customer alice", "no network "+victim.String(), "end"); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, "both routers' four withdrawals are noticed", func() (bool, string) {
		n := s.verdicts.Count()
		return n[history.Withdrawal] == 4, s.result().String()
	})
	if _, fresh := s.list(ctx, s.nodes[2]); !fresh {
		t.Error("the witness has no fresh list")
	}
	s.wire.Final(time.Now())
	if r := s.result(); r.Lost != 5 || r.Good() {
		t.Errorf("%v, want it lost at the witness and on four sessions", r)
	}
}
