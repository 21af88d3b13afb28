package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// refusals tells the replicated state, and so the audit, what known users were
// refused at this node before it reached the log. However many refusals there are,
// the log gets one entry of them in a while, with a few commands for each user, and
// of a user who goes on more and more seldom: a flood of wrong passwords must
// neither become a flood of log writes nor wash everything else out of the audit.
// What was not yet told when the node stops is lost; the node's log has it.
type refusals struct {
	name    string
	now     func() rtbh.Instant
	propose func(context.Context, rtbh.Entry) error
	wake    chan struct{} // one slot

	mu      sync.Mutex
	waiting map[string][]rtbh.CountRefused
	told    map[string]telling
}

// telling is when a user's refusals were told last, and how long the next ones wait.
type telling struct {
	at   rtbh.Instant
	wait time.Duration
}

const (
	refusalsFirst = time.Second      // so long a first refusal waits for others
	refusalsEvery = 10 * time.Second // and so long it is until the next entry
	refusalsSlow  = 10 * time.Minute // and for one user who goes on and on
	refusalsQuiet = time.Hour        // after so long without any, that is forgotten
	refusalsMost  = 500              // users in one entry
	refusalsEach  = 4                // different refusals of one user in it
	refusalsText  = 400              // bytes of the reason that are kept
)

func newRefusals(node *consensus.Node) *refusals {
	return &refusals{
		name: node.Name(), now: node.Now, wake: make(chan struct{}, 1), waiting: map[string][]rtbh.CountRefused{}, told: map[string]telling{},
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
	r.waiting[user] = withRefusal(r.waiting[user], rtbh.CountRefused{User: user, Count: 1, From: from, Why: why})
	r.mu.Unlock()
	r.again()
}

// withRefusal counts one more among a user's: the same again with its like, and what
// is too many of them with the last.
func withRefusal(all []rtbh.CountRefused, x rtbh.CountRefused) []rtbh.CountRefused {
	i := slices.IndexFunc(all, func(was rtbh.CountRefused) bool { return was.Why == x.Why })
	if i < 0 && len(all) < refusalsEach {
		return append(all, x)
	}
	if i < 0 {
		i = len(all) - 1
	}
	x.Count += all[i].Count
	all[i] = x
	return all
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
			if !pause(ctx, refusalsEvery) { // all that wait are not due yet
				return
			}
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
	users := 0
	for _, user := range slices.Sorted(maps.Keys(r.waiting)) {
		if users == refusalsMost || !r.due(user, now) {
			continue
		}
		users++
		for _, x := range r.waiting[user] {
			x.Last = now
			e.Commands = append(e.Commands, x)
		}
		delete(r.waiting, user)
	}
	if len(r.waiting) > 0 {
		r.again()
	}
	if len(e.Commands) == 0 {
		return nil
	}
	return e
}

// due tells whether a user's refusals are to be told now, and if so, when the next.
func (r *refusals) due(user string, now rtbh.Instant) bool {
	t, before := r.told[user]
	switch since := now.Sub(t.at); {
	case !before || since >= refusalsQuiet:
		t.wait = refusalsEvery
	case since < t.wait:
		return false
	default:
		t.wait = min(2*t.wait, refusalsSlow)
	}
	t.at = now
	r.told[user] = t
	return true
}

// putBack counts again what was certainly not accepted.
func (r *refusals) putBack(e *rtbh.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	newer := map[string][]rtbh.CountRefused{}
	for _, c := range e.Commands {
		x := c.(rtbh.CountRefused)
		if _, there := newer[x.User]; !there {
			newer[x.User] = r.waiting[x.User]
			r.waiting[x.User] = nil
			delete(r.told, x.User)
		}
		r.waiting[x.User] = withRefusal(r.waiting[x.User], x)
	}
	for user, all := range newer {
		for _, x := range all {
			r.waiting[user] = withRefusal(r.waiting[user], x)
		}
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
