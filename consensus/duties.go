package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// tickEntry is an entry that only carries the clock.
func (n *Node) tickEntry() rtbh.Entry {
	return rtbh.Entry{Actor: n.asNode(), Commands: []rtbh.Command{rtbh.Tick{}}}
}

// asNode is the actor of what the cluster itself does.
func (n *Node) asNode() rtbh.Actor { return rtbh.Actor{Door: rtbh.DoorNode, Node: n.identity().Name} }

// tickIfNeeded lets the log take note of what has ended, and keeps its last
// stamp from growing old. An idle cluster writes once in ten minutes.
func (n *Node) tickIfNeeded() {
	due := false
	n.View(func(s *rtbh.State, now rtbh.Instant) {
		last := s.LastStamp()
		end, ok := s.NextEnd(last)
		due = (ok && end <= now && now.Sub(end) < tickAtLeast) || now.Sub(last) >= tickAtLeast
	})
	if !due || time.Since(n.lastTick) < tickEvery {
		return
	}
	n.lastTick = time.Now()
	ctx, cancel := context.WithTimeout(n.life().ctx, answerWithin)
	defer cancel()
	if a := n.applyHere(ctx, n.tickEntry()); a.verdict != done {
		n.log.Debug("tick not applied", "err", a.err)
	}
}

// startClock gives a new leader that carries no clock the one of a member that
// does. When nobody has carried it on, all nodes were down, and the wall clock
// is all there is.
func (n *Node) startClock() {
	ctx, cancel := context.WithTimeout(n.ctx, pollTimeout)
	defer cancel()
	if now, ok := n.askClock(ctx); ok {
		n.clock.adopt(now)
		return
	}
	n.clock.fromWall()
	level := slog.LevelWarn
	if len(n.members()) == 0 { // the cluster is being made
		level = slog.LevelDebug
	}
	n.log.Log(n.ctx, level, "no member carried the log's clock on; it starts from this node's wall clock", "now", n.clock.now().String())
}

// watchClock compares the wall clock with the log's.
func (n *Node) watchClock() {
	off := n.clock.wallOff()
	n.alarms.Set(n.clock.isLive() && off.Abs() > wallJump, alarm.ClockJump, "",
		fmt.Sprintf("this node's wall clock is %s away from the cluster's clock; blackholes end by the cluster's clock, check NTP here", off.Round(time.Second)))
}

// handOver gives leadership away when this node should not have it: a witness
// leads only while no trigger can, and a stopped state machine can't lead. It
// tells whether it has handed over.
func (n *Node) handOver() bool {
	_, stopped := n.fsm.position()
	if n.Role() != rtbh.Witness && stopped == nil {
		return false
	}
	to, ok := n.successor()
	if !ok {
		return false
	}
	if err := n.giveLeadership(n.ctx, to); err != nil {
		n.log.Debug("leadership not handed over", "to", to.Name, "err", err)
		return false
	}
	n.log.Info("leadership handed over", "to", to.Name)
	return true
}

// giveLeadership asks Raft to make another member the leader. Raft forgets the
// question when it is stopped meanwhile, so the wait for the answer has an end
// of its own.
func (n *Node) giveLeadership(ctx context.Context, to rtbh.Member) error {
	ctx, cancel := context.WithTimeout(ctx, 2*n.opt.tuning.election)
	defer cancel()
	answer := make(chan error, 1)
	l := n.life()
	if !l.inRaft(func() {
		answer <- l.raft.LeadershipTransferToServer(raft.ServerID(to.ServerID()), raft.ServerAddress(to.Addr)).Error()
	}) {
		return ErrClosed
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// successor returns the trigger that answers, votes and is least behind.
func (n *Node) successor() (rtbh.Member, bool) {
	var best rtbh.Member
	var most uint64
	votes := map[string]bool{}
	for _, s := range n.life().raft.GetConfiguration().Configuration().Servers {
		votes[string(s.ID)] = s.Suffrage == raft.Voter
	}
	for _, m := range n.members() {
		p, ok := n.peers.get(m.Name)
		if m.Name == n.identity().Name || m.Role != rtbh.Voter || !votes[m.ServerID()] || !ok || !p.reachable() || p.last.Stopped {
			continue
		}
		if p.last.Applied+1 > most {
			best, most = m, p.last.Applied+1
		}
	}
	return best, most > 0
}
