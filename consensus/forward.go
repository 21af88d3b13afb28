package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The calls between nodes. Those that other packages make through Query begin
// with callUser.
const (
	callPropose  = "propose"
	callProgress = "progress"
	callStatus   = "status"
	callFresh    = "fresh"
	callJoin     = "join"
	callTransfer = "transfer"
	callRenew    = "renew"
	callCAKey    = "ca-key"
	callUser     = "x/"
)

// forward gives an entry to the leader. On the wire the entry is as it is in
// the log, the answer is one octet of verdict and then the result or a text.
func (n *Node) forward(ctx context.Context, leaderID, addr string, e rtbh.Entry) attempt {
	out, err := n.life().trans.call(ctx, addr, leaderID, callPropose, e.Encode())
	var remote *remoteError
	switch {
	case errors.As(err, &remote) && remote.notRun:
		return refusedBecause(remote)
	case errors.Is(err, errUnreachable):
		return refusedBecause(fmt.Errorf("the leader %s cannot be reached", leaderID))
	case err != nil:
		return unknownBecause(fmt.Errorf("the leader %s did not answer: %w", leaderID, err))
	}
	return decodeAttempt(out)
}

func (a attempt) encode() []byte {
	if a.verdict == done {
		return append([]byte{byte(done)}, rtbh.EncodeResult(a.result)...)
	}
	return append([]byte{byte(a.verdict)}, a.err.Error()...)
}

func decodeAttempt(b []byte) attempt {
	if len(b) == 0 {
		return unknownBecause(errors.New("the leader's answer is empty"))
	}
	switch verdict(b[0]) {
	case done:
		r, err := rtbh.DecodeResult(b[1:])
		if err != nil {
			return unknownBecause(fmt.Errorf("the leader's answer: %w", err))
		}
		return attempt{verdict: done, result: r}
	case refused:
		return refusedBecause(errors.New(string(b[1:])))
	}
	return unknownBecause(errors.New(string(b[1:])))
}

// handlePropose is the leader's side of forward.
func (n *Node) handlePropose(ctx context.Context, from peer.Identity, body []byte) ([]byte, error) {
	e, err := rtbh.DecodeEntry(body)
	if err != nil {
		return refusedBecause(fmt.Errorf("the leader cannot read the entry: %w", err)).encode(), nil
	}
	if !n.leads() {
		return refusedBecause(errors.New("the node asked is not the leader now")).encode(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return n.applyHere(ctx, e).encode(), nil
}

// handlers are the answers to calls of other packages, for the next life's port.
type handlers struct {
	mu sync.Mutex
	by map[string]handler
}

// register sets up the answers to calls at a life's port.
func (n *Node) register(t transport) {
	t.handle(callPropose, n.handlePropose)
	t.handle(callProgress, n.handleProgress)
	t.handle(callStatus, n.handleStatus)
	t.handle(callFresh, n.handleFresh)
	t.handle(callTransfer, n.handleTransfer)
	t.handle(callRenew, n.handleRenew)
	t.handle(callCAKey, n.handleCAKey)
	t.handle(callJoin, n.handleForwardedJoin)
	n.answers.mu.Lock()
	defer n.answers.mu.Unlock()
	for kind, f := range n.answers.by {
		t.handle(kind, f)
	}
}

// Handle registers what answers queries of a kind from other nodes. from is
// the asking node's name.
func (n *Node) Handle(kind string, f func(ctx context.Context, from string, body []byte) ([]byte, error)) {
	h := func(ctx context.Context, from peer.Identity, body []byte) ([]byte, error) {
		return f(ctx, from.Name, body)
	}
	n.answers.mu.Lock()
	defer n.answers.mu.Unlock()
	if n.answers.by == nil {
		n.answers.by = map[string]handler{}
	}
	n.answers.by[callUser+kind] = h
	n.life().trans.handle(callUser+kind, h)
}

// Query asks a member for something that its Handle answers. It does not go
// through the log.
func (n *Node) Query(ctx context.Context, member, kind string, body []byte) ([]byte, error) {
	m, err := n.member(member)
	if err != nil {
		return nil, err
	}
	out, err := n.life().trans.call(ctx, m.Addr, m.ServerID(), callUser+kind, body)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", member, kind, err)
	}
	return out, nil
}
