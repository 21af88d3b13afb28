package consensus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Receipt is what became of an entry that was accepted into the log.
type Receipt struct {
	Result rtbh.Result
	Silent []Silent // announcing members that had not applied it within a second, by name
}

// verdict is what is known of one attempt to put an entry into the log.
type verdict int

const (
	done    verdict = iota // applied
	refused                // certain: it is not in the log and won't be
	unknown                // it may be
)

func (v verdict) String() string { return [...]string{"done", "refused", "unknown"}[v] }

// attempt is the outcome of one try.
type attempt struct {
	verdict verdict
	result  rtbh.Result
	err     error // why not, when it is not done
}

func refusedBecause(err error) attempt { return attempt{verdict: refused, err: err} }
func unknownBecause(err error) attempt { return attempt{verdict: unknown, err: err} }

// Propose puts an entry into the log, from whichever node, and waits until
// this node's state has it and then, for at most a second, until every
// announcing member that can be reached has it. A zero request id is drawn, a
// zero Typed filled in; to repeat an unconfirmed entry, pass the same of both.
//
// The error is nil, *[NotAccepted] (certain) or *[NotConfirmed]. What became of
// the entry is said within 5 seconds, or less when ctx ends; when no leader has
// been known for 2 seconds it is refused at once.
func (n *Node) Propose(ctx context.Context, e rtbh.Entry) (Receipt, error) {
	if e.Request == (rtbh.RequestID{}) {
		_, _ = rand.Read(e.Request[:]) // crypto/rand.Read does not fail
	}
	if e.Typed == 0 && n.clock.isLive() {
		e.Typed = n.clock.now()
	}
	watching := n.watchMembers()
	defer watching.end()
	result, err := n.commit(ctx, e)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Result: result, Silent: watching.wait(ctx, result.Index)}, nil
}

// commit tries until the entry is applied here or time is up.
func (n *Node) commit(ctx context.Context, e rtbh.Entry) (rtbh.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	applied, forget := n.fsm.expect(e.Request)
	defer forget()
	var doubt error // why an earlier attempt may have succeeded
	for tries := 0; ; tries++ {
		a, again := n.try(ctx, e, applied)
		if a.verdict == done {
			return a.result, nil
		}
		if a.verdict == unknown {
			doubt = a.err
		}
		if again && pause(ctx, retryPause(tries)) == nil {
			continue
		}
		if doubt != nil {
			return rtbh.Result{}, &NotConfirmed{Why: doubt.Error()}
		}
		return rtbh.Result{}, n.notAccepted(a.err.Error())
	}
}

// retryPause grows from a few milliseconds to a fifth of a second.
func retryPause(tries int) time.Duration {
	return min(5*time.Millisecond<<min(tries, 10), 200*time.Millisecond)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try makes one attempt with the leader of the moment, and waits for the entry
// in this node's own state. again is false when another try is of no use.
func (n *Node) try(ctx context.Context, e rtbh.Entry, applied <-chan rtbh.Result) (a attempt, again bool) {
	if _, stopped := n.fsm.position(); stopped != nil {
		return refusedBecause(stopped), false
	}
	if _, err := n.running(); err != nil {
		return refusedBecause(err), false
	}
	if n.fsm.holding() {
		return refusedBecause(errors.New("this node is fetching the cluster's state anew; type it at another node")), false
	}
	id, addr, lost, changed := n.leader.get()
	if id == "" {
		return n.awaitLeader(ctx, lost, changed, applied)
	}
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	answer := make(chan attempt, 1)
	go func() { answer <- n.send(call, id, addr, e) }()
	for {
		select {
		case r := <-applied:
			return attempt{verdict: done, result: r}, false
		case a := <-answer:
			if a.verdict == done {
				return n.awaitApplied(ctx, a, applied), true
			}
			return a, true
		case <-changed:
			// A call to a leader that hangs would hold this up; whatever
			// becomes of it, the same request id is safe with the next one.
			cancel()
			changed = nil
		case <-n.ctx.Done():
			return unknownBecause(ErrClosed), false
		}
	}
}

// awaitLeader waits until a leader is known, as long as that is likely.
func (n *Node) awaitLeader(ctx context.Context, lost time.Time, changed <-chan struct{}, applied <-chan rtbh.Result) (attempt, bool) {
	left := leaderless - time.Since(lost)
	if left <= 0 {
		return refusedBecause(fmt.Errorf("%w for %s", ErrNoLeader, time.Since(lost).Truncate(time.Second))), false
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case r := <-applied:
		return attempt{verdict: done, result: r}, false
	case <-changed:
		return refusedBecause(ErrNoLeader), true
	case <-t.C:
		return refusedBecause(ErrNoLeader), true
	case <-ctx.Done():
		return refusedBecause(ErrNoLeader), false
	case <-n.ctx.Done():
		return refusedBecause(ErrClosed), false
	}
}

// awaitApplied waits until this node's state has what the leader committed.
func (n *Node) awaitApplied(ctx context.Context, a attempt, applied <-chan rtbh.Result) attempt {
	if _, err := n.fsm.await(ctx, a.result.Index); err != nil {
		return unknownBecause(fmt.Errorf("the leader has it, this node's state has not: %w", err))
	}
	select {
	case r := <-applied: // this node's own, the same on every node
		return attempt{verdict: done, result: r}
	default:
		return a
	}
}

// send gives the entry to Raft here, or to the leader.
func (n *Node) send(ctx context.Context, leaderID, addr string, e rtbh.Entry) attempt {
	if leaderID != n.identity().ServerID() {
		return n.forward(ctx, leaderID, addr, e)
	}
	if !n.leads() {
		return refusedBecause(errors.New("the leader has not begun its term"))
	}
	return n.applyHere(ctx, e)
}

// applyHere stamps an entry and gives it to this node's Raft. Entries that come
// at the same time are not made to wait for one another: Raft writes what it
// finds waiting in one go.
func (n *Node) applyHere(ctx context.Context, e rtbh.Entry) attempt {
	r, err := n.running()
	if err != nil {
		return refusedBecause(err)
	}
	var tooNew *rtbh.Refusal
	n.fsm.view(func(s *rtbh.State) { tooNew = s.CheckVersion(e.Commands) })
	if tooNew != nil { // it must not even be in the log
		return refusedBecause(tooNew)
	}
	e.Stamp = n.clock.now()
	if e.Typed == 0 {
		e.Typed = e.Stamp
	}
	answer := make(chan attempt, 1)
	if !n.life().inRaft(func() { answer <- outcomeOf(r.Apply(e.Encode(), time.Second)) }) {
		return refusedBecause(ErrClosed)
	}
	select {
	case a := <-answer:
		return a
	case <-ctx.Done():
		return unknownBecause(errors.New("a majority has not stored it in time"))
	}
}

// outcomeOf says what Raft's answer means. Only what Raft answers before it
// appends an entry is certain.
func outcomeOf(f raft.ApplyFuture) attempt {
	err := f.Error()
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return refusedBecause(err)
	case err != nil:
		return unknownBecause(err)
	}
	a, ok := f.Response().(applied)
	switch {
	case !ok:
		return unknownBecause(errors.New("the state machine gave no answer"))
	case a.err != nil:
		return unknownBecause(a.err)
	}
	return attempt{verdict: done, result: a.result}
}
