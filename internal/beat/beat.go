// Package beat lets loops that look after something now and then do so at the same
// moments: a process at rest then wakes up once for all of them, and sleeps in
// between. What waking up costs is most of what a node at rest costs.
//
// It must not know who looks after what. The loops of consensus, bgp, rpki,
// internal/daemon and cmd/triggerd wait for it.
package beat

import (
	"sync/atomic"
	"time"
)

// phase is where the beats lie, in nanoseconds of Unix time.
var phase atomic.Int64

// FromNow moves all beats of this process so that one is now. Nodes whose clocks
// agree would have theirs at the same moment otherwise, and all ask the leader then.
func FromNow() { phase.Store(time.Now().UnixNano()) }

// justHad is the share of a period within which a beat that is so near counts as the
// last one: the wall clock may go a little slower than the timer did.
const justHad = 8

// Until returns how long it is until the next beat of a period: at most the period
// and an eighth of it. Beats of a period that is a multiple of another are beats of
// that, too. When the wall clock is set, they lie elsewhere from then on.
func Until(every time.Duration) time.Duration {
	since := time.Duration(time.Now().UnixNano()-phase.Load()) % every
	if since < 0 {
		since += every
	}
	left := every - since
	if left < every/justHad {
		left += every
	}
	return left
}

// After returns a channel that gets the time at the next beat of a period.
func After(every time.Duration) <-chan time.Time { return time.After(Until(every)) }
