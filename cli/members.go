package cli

import (
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

const (
	// statusWait is how long a show waits for news of the other nodes: what is
	// known of them may be a second old, and "not applied yet" must not mean
	// "not asked lately".
	statusWait = 1200 * time.Millisecond
	statusLook = 25 * time.Millisecond
)

// status describes the cluster once every node that can be reached is known to
// have applied index, or has not been for a while.
func (c *call) status(index uint64) ClusterStatus {
	late := time.NewTimer(statusWait)
	defer late.Stop()
	look := time.NewTicker(statusLook)
	defer look.Stop()
	for {
		s := c.ports.Cluster.Status(c.ctx)
		if s.applied(index) {
			return s
		}
		select {
		case <-look.C:
		case <-late.C:
			return s
		case <-c.ctx.Done():
			return s
		}
	}
}

// applied tells whether all reachable nodes that still can are known to have
// applied index.
func (s ClusterStatus) applied(index uint64) bool {
	for _, m := range s.Members {
		if m.Reachable && !m.Halted && m.Applied < index {
			return false
		}
	}
	return true
}

// membersFor describes the nodes for a show of these blackholes.
func (c *call) membersFor(holes []rtbh.Blackhole) []MemberStatus {
	last := uint64(0)
	for _, b := range holes {
		last = max(last, b.Updated)
	}
	return c.status(last).Members
}
