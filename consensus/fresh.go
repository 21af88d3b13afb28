package consensus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Fresh waits, for at most a second, until this node's state has everything
// that was committed in the cluster before the call. It returns the state's
// position and whether that succeeded; a caller that reads anyway says "as of".
func (n *Node) Fresh(ctx context.Context) (asOf uint64, fresh bool) {
	ctx, cancel := context.WithTimeout(ctx, freshWithin)
	defer cancel()
	asOf, err := n.catchUp(ctx)
	return asOf, err == nil && !n.fsm.holding()
}

// catchUp learns the cluster's newest index from the leader and waits for it.
func (n *Node) catchUp(ctx context.Context) (uint64, error) {
	for {
		newest, err := n.newest(ctx)
		if err == nil {
			return n.fsm.await(ctx, newest)
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			seen, _ := n.fsm.position()
			return seen, err
		}
	}
}

// newest returns the leader's commit index, at a moment when it certainly led.
func (n *Node) newest(ctx context.Context) (uint64, error) {
	id, addr, _, _ := n.leader.get()
	switch id {
	case "":
		return 0, ErrNoLeader
	case n.identity().ServerID():
		return n.readIndex(ctx)
	}
	sent := time.Now()
	out, err := n.life().trans.call(ctx, addr, id, callFresh, nil)
	if err != nil {
		return 0, fmt.Errorf("ask the leader %s: %w", id, err)
	}
	if len(out) != 16 {
		return 0, errors.New("fresh: an answer of the wrong length")
	}
	n.followClock(rtbh.Instant(binary.BigEndian.Uint64(out[8:])), time.Since(sent))
	return binary.BigEndian.Uint64(out), nil
}

// readIndex is the leader's side. Everything after the first entry of its term
// is a command or a configuration change, so its commit index is one that
// every state machine will see.
func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	if !n.leads() {
		return 0, errors.New("the node asked is not the leader now")
	}
	index := n.life().raft.CommitIndex()
	verified := make(chan error, 1)
	if !n.life().inRaft(func() { verified <- n.life().raft.VerifyLeader().Error() }) {
		return 0, ErrClosed
	}
	select {
	case err := <-verified:
		return index, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (n *Node) handleFresh(ctx context.Context, _ peer.Identity, _ []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, freshWithin)
	defer cancel()
	index, err := n.readIndex(ctx)
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint64(nil, index)
	return binary.BigEndian.AppendUint64(out, uint64(n.clock.now())), nil
}

// Ready waits until the cluster has confirmed this node's state, at most for
// BootWait. False means that the node is alone: its state is that of the
// applied mark, an alarm says so, and it goes down when the cluster is there.
// A node without a mark has no state to go on with alone: it waits on.
func (n *Node) Ready(ctx context.Context) (confirmed bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(n.ctx, cancel)
	defer stop()
	waiting, cancel := context.WithTimeout(ctx, n.opt.BootWait)
	defer cancel()
	if n.confirm(waiting) {
		return true
	}
	if n.unmarked.Load() {
		n.log.Error("no leader, and no mark that says what of the log was applied; nothing is announced until the cluster is there")
		for !n.confirm(ctx) {
			if pause(ctx, pollEvery) != nil {
				return false
			}
		}
		return true
	}
	if n.ctx.Err() != nil {
		return false
	}
	n.clock.guess()
	since := n.clock.now()
	n.alarms.Raise(alarm.Unconfirmed, "", fmt.Sprintf("started alone, unconfirmed since %s: what is announced is what this node had applied before", since))
	n.log.Warn("no leader; going on alone with the state at the mark")
	n.spawn(func() {
		for n.ctx.Err() == nil {
			if n.confirm(n.ctx) {
				n.alarms.Clear(alarm.Unconfirmed, "")
				return
			}
			_ = pause(n.ctx, pollEvery) // the loop sees the end of ctx
		}
	})
	return false
}

// confirm catches up and notes it.
func (n *Node) confirm(ctx context.Context) bool {
	seen, err := n.catchUp(ctx)
	if err != nil {
		return false
	}
	if n.unmarked.Swap(false) {
		n.alarms.Clear(alarm.StoreError, lostMark)
	}
	if !n.confirmed.Swap(true) {
		n.log.Info("state confirmed by the cluster", "index", seen)
		n.kickRole()
		n.spawn(n.updateOwnRecord)
	}
	return true
}
