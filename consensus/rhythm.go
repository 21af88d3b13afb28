package consensus

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// How soon a node that hears no leader stands for election. Raft draws that
// wait anew each time, between one and two heartbeat timeouts, and begins it at
// a moment of its own: with 500 ms, half a second to 1.4 s go by. And since no
// node gives its pre-vote while it knows a leader, the slowest of those that are
// needed decides. So each node watches for itself, and has Raft's timer run out
// as soon as the timeout is over.
//
// The nodes take turns, by a step each: two that stand at the same moment vote
// for themselves, which costs a whole round. The witness is first. It can't win
// while the trigger that is left still knows the leader, but has forgotten that
// leader when the trigger asks for its vote a moment later.
//
// A node that only believes that the leader is gone does no harm: it asks the
// others first (pre-vote), and a leader that can't reach a majority for its
// lease gives up by itself in any case.

// A leader has Raft's heartbeat timeout and with it the pace of its heartbeats,
// a tenth to a fifth of it, for itself: two to five of them still fall into the
// others' timeout, and a cluster at rest costs half as much.

// calm is how much longer a leader's own timeouts are.
const calm = 2

// turnStep is between two nodes' turns: some round trips and writes to disk.
const turnStep = 40 * time.Millisecond

// turn is how long after the timeout this node stands.
func (n *Node) turn() time.Duration {
	var voters []rtbh.Member
	for _, m := range n.members() {
		if m.Role == rtbh.Voter {
			voters = append(voters, m)
		}
	}
	i := slices.IndexFunc(voters, func(m rtbh.Member) bool { return m.Name == n.identity().Name })
	return time.Duration(min(i+1, 4)) * turnStep // 0 for who is no trigger that votes
}

// watchLeader ends the wait for a leader that is not heard when it is time.
func (n *Node) watchLeader(l *life) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			return
		}
		n.keepPace(l)
		timeout := n.opt.tuning.heartbeat
		left := timeout + n.turn() - time.Since(l.raft.LastContact())
		if addr, _ := l.raft.LeaderWithID(); addr == "" || l.raft.State() != raft.Follower {
			left = timeout
		} else if left <= 0 {
			n.runOut(l)
			left = timeout
		}
		timer.Reset(max(left, time.Millisecond))
	}
}

// keepPace gives Raft the timeouts of what this node is now.
func (n *Node) keepPace(l *life) {
	times := time.Duration(1)
	if l.raft.State() == raft.Leader {
		times = calm
	}
	c := l.raft.ReloadableConfig()
	if c.ElectionTimeout == times*n.opt.tuning.election {
		return
	}
	c.HeartbeatTimeout, c.ElectionTimeout = times*n.opt.tuning.heartbeat, times*n.opt.tuning.election
	n.reload(l, c)
}

func (n *Node) reload(l *life, c raft.ReloadableConfig) {
	if err := l.raft.ReloadConfig(c); err != nil {
		n.log.Error("raft does not take its timeouts", "err", err)
	}
}

// runOut makes Raft look at once whether the timeout is over. Its timer is
// begun anew when the timeout is made shorter, if only by little.
func (n *Node) runOut(l *life) {
	c := l.raft.ReloadableConfig()
	for _, shorter := range []time.Duration{0, time.Millisecond} {
		c.HeartbeatTimeout, c.ElectionTimeout = n.opt.tuning.heartbeat-shorter, n.opt.tuning.election
		n.reload(l, c)
	}
}
