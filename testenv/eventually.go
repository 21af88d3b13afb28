package testenv

import (
	"testing"
	"time"
)

// Patience bounds every wait of the lab. It is long because two cores may be
// shared with everything else that runs; a wait that succeeds never uses it up.
const Patience = 30 * time.Second

// The pause between two looks grows from firstPause by half each time up to
// lastPause. Looks ask real daemons, who log it, so they are not free.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 150 * time.Millisecond
)

// Eventually waits until look reports true, at most Patience, and otherwise ends
// the test, saying what it waited for and what look saw last.
func Eventually(t testing.TB, what string, look func() (ok bool, saw string)) {
	t.Helper()
	Within(t, Patience, what, look)
}

// Within is Eventually with its own bound.
func Within(t testing.TB, bound time.Duration, what string, look func() (ok bool, saw string)) {
	t.Helper()
	deadline := time.NewTimer(bound)
	defer deadline.Stop()
	began := time.Now()
	for pause := firstPause; ; pause = min(pause*3/2, lastPause) {
		ok, saw := look()
		if ok {
			t.Logf("%8.3fs  %s", time.Since(began).Seconds(), what)
			return
		}
		select {
		case <-time.After(pause):
		case <-deadline.C:
			t.Fatalf("waited %v for this, in vain: %s\nlast seen: %s", bound, what, saw)
		}
	}
}
