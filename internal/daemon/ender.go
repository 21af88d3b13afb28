package daemon

import (
	"context"
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// lookAgain bounds how long the ender trusts one timer: a suspended machine's
// timers stand still, and the log's clock does not.
const lookAgain = 5 * time.Second

// end wakes the speaker when blackholes end by themselves. It needs no entry
// and no majority: the deadline is in the state, the clock is carried on here.
// changed is signalled when deadlines may have moved.
func end(ctx context.Context, node *consensus.Node, changed <-chan struct{}, wake func([]netip.Prefix)) {
	done := node.Now()
	for {
		wait := lookAgain
		var over []netip.Prefix
		node.View(func(s *rtbh.State, now rtbh.Instant) {
			over = s.EndingBetween(done, now)
			done = max(done, now)
			if next, ok := s.NextEnd(now); ok {
				wait = min(wait, max(next.Sub(now), time.Millisecond))
			}
		})
		if len(over) > 0 {
			wake(over)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}
