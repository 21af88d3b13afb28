package consensus

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// How Propose learns that the other members have applied an entry: while
// proposals are under way, one call per announcing member is outstanding that
// asks "tell me when you are beyond index i". It is sent before the index of
// the entry is known, so the answer comes as soon as the member has applied
// it, and one call serves all proposals.

const progressHold = time.Second // longest that a member holds the call

// watch follows how far one member has applied the log.
type watch struct {
	member rtbh.Member

	mu      sync.Mutex
	applied uint64
	users   int
	running bool
	moved   chan struct{} // closed and replaced when applied rises
}

// watchTable has the watches by member's name.
type watchTable struct {
	mu sync.Mutex
	by map[string]*watch
}

func (t *watchTable) init() { t.by = map[string]*watch{} }

func (t *watchTable) get(m rtbh.Member) *watch {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.by[m.Name]
	if !ok || w.member != m {
		w = &watch{member: m, moved: make(chan struct{})}
		t.by[m.Name] = w
	}
	return w
}

// watching is one proposal's share in the watches.
type watching struct {
	n       *Node
	began   time.Time
	watches []*watch
	silent  []Silent // known to be silent, or stopped: not waited for
}

// watchMembers begins to follow the announcing members that answer.
func (n *Node) watchMembers() *watching {
	ws := &watching{n: n, began: time.Now()}
	for _, m := range n.members() {
		if m.Name == n.identity().Name || !m.Role.Announces() {
			continue
		}
		if silent, is := n.peers.silent(m.Name); is && silent >= appliedWithin {
			ws.silent = append(ws.silent, Silent{m.Name, silent})
			continue
		}
		if _, stopped := n.peers.stopped(m); stopped {
			ws.silent = append(ws.silent, Silent{Name: m.Name})
			continue
		}
		w := n.watches.get(m)
		ws.watches = append(ws.watches, w)
		w.mu.Lock()
		w.users++
		if !w.running {
			w.running = n.spawn(func() { n.follow(w) })
		}
		w.mu.Unlock()
	}
	return ws
}

// spawn runs f in the background unless the node is closing.
func (n *Node) spawn(f func()) bool {
	n.callMu.Lock()
	defer n.callMu.Unlock()
	if n.ending {
		return false
	}
	n.work.Go(f)
	return true
}

func (ws *watching) end() {
	for _, w := range ws.watches {
		w.mu.Lock()
		w.users--
		w.mu.Unlock()
	}
}

// wait waits until all have applied an index, a second at most, and returns
// those that have not. One that turns out to be silent meanwhile is not waited
// for: the leader may just have died.
func (ws *watching) wait(ctx context.Context, index uint64) []Silent {
	// A member had the second since the command was typed; what an election took
	// of it is not waited for again, so that a death costs a customer one wait.
	left := max(appliedWithin-time.Since(ws.began), appliedAtLeast)
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	late, began := ws.silent, time.Now()
	for _, w := range ws.watches {
		if !w.await(ctx, index, func() bool { return ws.hopeless(w.member.Name, began) }) {
			for_, _ := ws.n.peers.silent(w.member.Name)
			late = append(late, Silent{w.member.Name, max(for_, appliedWithin)})
		}
	}
	slices.SortFunc(late, func(a, b Silent) int { return strings.Compare(a.Name, b.Name) })
	return late
}

// hopeless tells whether to give up on a member that seems to be gone. One call
// to it that failed proves little, so it gets a moment.
func (ws *watching) hopeless(name string, began time.Time) bool {
	_, silent := ws.n.peers.silent(name)
	return silent && time.Since(began) >= silentGrace
}

const silentGrace = 100 * time.Millisecond

// silentLook is how often it is looked whether a member has become silent.
const silentLook = 25 * time.Millisecond

// await tells whether the member applied an index before ctx ended and before
// it was known to be silent.
func (w *watch) await(ctx context.Context, index uint64, silent func() bool) bool {
	look := time.NewTicker(silentLook)
	defer look.Stop()
	for {
		w.mu.Lock()
		applied, moved := w.applied, w.moved
		w.mu.Unlock()
		if applied >= index {
			return true
		}
		select {
		case <-moved:
		case <-look.C:
			if silent() {
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}

// follow keeps one call to the member outstanding as long as anybody waits.
func (n *Node) follow(w *watch) {
	for {
		w.mu.Lock()
		if w.users == 0 || n.ctx.Err() != nil {
			w.running = false
			w.mu.Unlock()
			return
		}
		after := w.applied
		w.mu.Unlock()
		applied, err := n.askProgress(w.member, after)
		if err != nil {
			_ = pause(n.ctx, 50*time.Millisecond) // the loop sees the end of ctx
			continue
		}
		w.rise(applied)
	}
}

func (w *watch) rise(applied uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if applied > w.applied {
		w.applied = applied
		close(w.moved)
		w.moved = make(chan struct{})
	}
}

// askProgress returns how far a member is, once it is beyond after or has held
// the call for long enough.
func (n *Node) askProgress(m rtbh.Member, after uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(n.ctx, 2*progressHold)
	defer cancel()
	out, err := n.life().trans.call(ctx, m.Addr, m.ServerID(), callProgress, binary.BigEndian.AppendUint64(nil, after))
	if err != nil {
		return 0, err
	}
	if len(out) != 8 {
		return 0, errors.New("progress: an answer of the wrong length")
	}
	return binary.BigEndian.Uint64(out), nil
}

func (n *Node) handleProgress(ctx context.Context, _ peer.Identity, body []byte) ([]byte, error) {
	if len(body) != 8 {
		return nil, errors.New("progress: a question of the wrong length")
	}
	ctx, cancel := context.WithTimeout(ctx, progressHold)
	defer cancel()
	stop := context.AfterFunc(n.ctx, cancel)
	defer stop()
	seen, _ := n.fsm.await(ctx, binary.BigEndian.Uint64(body)+1) // how far it is counts, also when time is up
	if n.fsm.holding() {
		seen = 0 // what it announces is an older state
		_ = pause(ctx, progressHold)
	}
	return binary.BigEndian.AppendUint64(nil, seen), nil
}
