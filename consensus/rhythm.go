package consensus

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/beat"
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

// Raft's own heartbeats leave for each peer at a random moment of its own, a tenth
// to a fifth of the timeout after the one before: each wakes the processor, and its
// answer again. So a leader sends them to all at the same moment, by asking Raft to
// verify its leadership at each beat, and has timeouts that are so much longer that
// Raft's own come only where a beat is late: Raft's main loop may wait for the disk,
// its heartbeats never do. Two beats, or one and one such, fall into the others'
// timeout.

const (
	beatsIn = 5 // beats of a leader in two timeouts of the others
	calm    = 4 // how much longer a leader's own timeouts are
)

// beat is between two rounds of heartbeats.
func (t tuning) beat() time.Duration { return 2 * t.heartbeat / beatsIn }

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

// watchLeader ends the wait for a leader that is not heard when it is time; a leader
// it lets be heard.
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
		timer.Reset(max(n.nextLook(l), time.Millisecond))
	}
}

// nextLook does what is due by now, and returns when to look again.
func (n *Node) nextLook(l *life) time.Duration {
	timeout := n.opt.tuning.heartbeat
	if l.raft.State() == raft.Leader {
		l.raft.VerifyLeader() // nobody waits for what comes of it
		return beat.Until(n.opt.tuning.beat())
	}
	if addr, _ := l.raft.LeaderWithID(); addr == "" || l.raft.State() != raft.Follower {
		return timeout
	}
	left := timeout + n.turn() - time.Since(l.raft.LastContact())
	if left <= 0 {
		n.runOut(l)
		return timeout
	}
	return left
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
