package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// refusals counts in the replicated state what known users were refused at this
// node before it reached the log. However many refusals there are, the log gets
// one entry of them in a while, with one command for each user: a flood of wrong
// passwords must not become a flood of log writes. What was not yet told when the
// node stops is lost; the node's log has it.
type refusals struct {
	name    string
	now     func() rtbh.Instant
	propose func(context.Context, rtbh.Entry) error
	wake    chan struct{} // one slot

	mu      sync.Mutex
	waiting map[string]rtbh.CountRefused
}

const (
	refusalsFirst = time.Second      // so long a first refusal waits for others
	refusalsEvery = 10 * time.Second // and so long it is until the next entry
	refusalsMost  = 500              // users in one entry
	refusalsText  = 200              // bytes of the reason that are kept
)

func newRefusals(node *consensus.Node) *refusals {
	return &refusals{
		name: node.Name(), now: node.Now, wake: make(chan struct{}, 1), waiting: map[string]rtbh.CountRefused{},
		propose: func(ctx context.Context, e rtbh.Entry) error {
			_, err := node.Propose(ctx, e)
			return err
		},
	}
}

// Refused is [cli.Refusals]'s. Only known users come here, so the map is bounded.
func (r *refusals) Refused(user, from, why string) {
	if len(why) > refusalsText {
		why = strings.ToValidUTF8(why[:refusalsText], "") + "..."
	}
	r.mu.Lock()
	x := r.waiting[user]
	r.waiting[user] = rtbh.CountRefused{User: user, Count: x.Count + 1, From: from, Why: why}
	r.mu.Unlock()
	r.again()
}

// run tells the cluster, until ctx ends. Nothing is counted twice: an entry whose
// outcome is not known is proposed again as it is, under the same request id.
func (r *refusals) run(ctx context.Context) {
	var unknown *rtbh.Entry
	for {
		if unknown == nil {
			select {
			case <-ctx.Done():
				return
			case <-r.wake:
			}
		}
		if !pause(ctx, refusalsFirst) {
			return
		}
		e := unknown
		if e == nil {
			e = r.entry()
		}
		if e == nil {
			continue
		}
		var maybe *consensus.NotConfirmed
		err := r.propose(ctx, *e)
		switch unknown = nil; {
		case errors.As(err, &maybe):
			unknown = e
		case err != nil:
			r.putBack(e)
		}
		if !pause(ctx, refusalsEvery) {
			return
		}
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// entry takes what waits, nil when nothing does.
func (r *refusals) entry() *rtbh.Entry {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return nil
	}
	e := &rtbh.Entry{Typed: now, Actor: rtbh.Actor{Door: rtbh.DoorNode, Node: r.name}}
	_, _ = rand.Read(e.Request[:]) // never fails since Go 1.24
	for _, x := range r.waiting {
		x.Last = now
		e.Commands = append(e.Commands, x)
	}
	slices.SortFunc(e.Commands, func(a, b rtbh.Command) int {
		return strings.Compare(a.(rtbh.CountRefused).User, b.(rtbh.CountRefused).User)
	})
	if len(e.Commands) > refusalsMost {
		e.Commands = e.Commands[:refusalsMost]
	}
	for _, x := range e.Commands {
		delete(r.waiting, x.(rtbh.CountRefused).User)
	}
	if len(r.waiting) > 0 {
		r.again()
	}
	return e
}

// putBack counts again what was certainly not accepted.
func (r *refusals) putBack(e *rtbh.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range e.Commands {
		x := c.(rtbh.CountRefused)
		newer, there := r.waiting[x.User]
		if there {
			x.From, x.Why = newer.From, newer.Why
		}
		x.Count += newer.Count
		r.waiting[x.User] = x
	}
	r.again()
}

// again lets run look once more.
func (r *refusals) again() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
