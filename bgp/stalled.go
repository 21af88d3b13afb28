package bgp

import (
	"fmt"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// stalledAfter is how long a write may wait for GoBGP's one lock before it is
// an alarm, and stalledFor how long the alarm stays after the last such wait.
const (
	stalledAfter = 100 * time.Millisecond
	stalledFor   = time.Minute
)

// stalls remembers how long operations of the announcer waited.
type stalls struct {
	mu   sync.Mutex
	most time.Duration // since the start
	last time.Time     // of one that is an alarm
}

// onStalled takes the wait of one operation.
func (s *Speaker) onStalled(waited time.Duration) {
	s.stalls.mu.Lock()
	defer s.stalls.mu.Unlock()
	s.stalls.most = max(s.stalls.most, waited)
	if waited < stalledAfter {
		return
	}
	s.stalls.last = time.Now()
	s.alarms.Raise(alarm.SpeakerStalled, "", fmt.Sprintf(
		"a blackhole would have waited %s for the BGP speaker; something large is on the announcing sessions", waited.Round(time.Millisecond)))
}

// calm clears the alarm when nothing has waited for a while.
func (s *Speaker) calm(now time.Time) {
	s.stalls.mu.Lock()
	defer s.stalls.mu.Unlock()
	if now.Sub(s.stalls.last) >= stalledFor {
		s.alarms.Clear(alarm.SpeakerStalled, "")
	}
}

// LongestWait is the longest that an operation has waited for the announcing
// speaker since the start, for the metrics.
func (s *Speaker) LongestWait() time.Duration {
	s.stalls.mu.Lock()
	defer s.stalls.mu.Unlock()
	return s.stalls.most
}
