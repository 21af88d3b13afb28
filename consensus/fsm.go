package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// errStopped is a state machine that met an entry it can't apply.
var errStopped = errors.New("this node's state machine is stopped")

// fsm is the state behind Raft's interface. It is the only place that changes
// the state, and the one that tells everybody who waits for a change.
type fsm struct {
	// Set before Raft starts.
	clock       *logClock
	marked      func(seen uint64)                      // writes the mark; before anything is acknowledged
	committed   func(index, term uint64)               // starts the commit push
	onStop      func(err error)                        // the state machine stopped for good
	onChange    func(changed []netip.Prefix, all bool) // in order, never concurrently
	checkpoints chan checkpoint                        // to be hashed; nil during boot
	onMembers   func()                                 // the membership changed

	mu      sync.RWMutex
	state   *rtbh.State
	held    *rtbh.State // shown in place of state while that is being fetched anew, else nil
	seen    uint64      // the last command or configuration change that went through here
	touched uint64      // the last entry that changed more than the clock
	checked uint64      // the last checkpoint
	stopped error

	directory atomic.Pointer[directory] // of state; replaced under mu
	where     atomic.Pointer[position]  // seen, stopped and held, as of the last release of mu by who changed them

	tellMu sync.Mutex // held around onChange

	waitMu   sync.Mutex
	moved    chan struct{} // closed and replaced when seen rises
	requests map[rtbh.RequestID][]chan rtbh.Result
}

var _ raft.BatchingFSM = (*fsm)(nil)

func newFSM(clock *logClock) *fsm {
	f := &fsm{
		clock: clock, state: rtbh.NewState(), moved: make(chan struct{}),
		requests:  map[rtbh.RequestID][]chan rtbh.Result{},
		marked:    func(uint64) {},
		committed: func(uint64, uint64) {},
		onStop:    func(error) {},
		onChange:  func([]netip.Prefix, bool) {},
		onMembers: func() {},
	}
	f.directory.Store(newDirectory(f.state))
	f.note()
	return f
}

// applied is what Raft hands back to whoever proposed an entry on this node.
type applied struct {
	result rtbh.Result
	err    error
}

// Apply implements raft.FSM; Raft uses ApplyBatch.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies committed entries in order.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	last := logs[len(logs)-1]
	f.committed(last.Index, last.Term)
	out := make([]any, len(logs))
	var done []doneRequest
	var changed []netip.Prefix
	var all, members bool

	f.mu.Lock()
	wasStopped := f.stopped != nil
	before := f.seen
	for i, l := range logs {
		a, e := f.applyOne(l)
		out[i] = a
		if a.err == nil && e != nil {
			changed = append(changed, a.result.Changed...)
			all = all || a.result.All
			members = members || editsMembers(e)
			done = append(done, doneRequest{e.Request, a.result})
		}
	}
	if members {
		f.directory.Store(newDirectory(f.state))
	}
	seen, stopped := f.seen, f.stopped
	f.note()
	f.mu.Unlock()

	if seen > before {
		f.marked(seen)
	}
	f.wake(seen > before, done)
	if all || len(changed) > 0 {
		f.tell(distinct(changed), all)
	}
	if members {
		f.onMembers()
	}
	if stopped != nil && !wasStopped {
		f.onStop(stopped)
	}
	return out
}

func editsMembers(e *rtbh.Entry) bool {
	return slices.ContainsFunc(e.Commands, func(c rtbh.Command) bool {
		switch c.(type) {
		case rtbh.PutMember, rtbh.DeleteMember:
			return true
		}
		return false
	})
}

type doneRequest struct {
	id     rtbh.RequestID
	result rtbh.Result
}

// applyOne takes one log record in; f.mu is held. The entry is nil when there
// was nothing to apply.
func (f *fsm) applyOne(l *raft.Log) (applied, *rtbh.Entry) {
	switch {
	case f.stopped != nil:
		return applied{err: f.stopped}, nil
	case l.Index <= f.seen:
		// Preloaded at boot, or in a snapshot that was labelled too low.
		return applied{}, nil
	case l.Type != raft.LogCommand:
		f.seen = l.Index
		return applied{}, nil
	}
	e, err := rtbh.DecodeEntry(l.Data)
	if err == nil {
		f.beforeCheckpoint(l.Index, e)
		var r rtbh.Result
		if r, err = f.applyEntry(l.Index, e); err == nil {
			f.seen = l.Index
			if _, ok := checkpointOf(e); ok {
				f.checked = l.Index
			} else if !isQuiet(e, r) {
				f.touched = l.Index
			}
			f.clock.stamped(r.At)
			return applied{result: r}, &e
		}
	}
	f.stopped = fmt.Errorf("%w at log index %d: %w", errStopped, l.Index, err)
	return applied{err: f.stopped}, nil
}

// applyEntry guards against a panic in the core: it would come back with every
// start and take the BGP sessions along each time. Stopped, the node keeps its
// routes and says so. (What the panic left behind is not trusted on disk: the
// mark and snapshots stay behind it.)
func (f *fsm) applyEntry(index uint64, e rtbh.Entry) (r rtbh.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f.state.Apply(index, e), nil
}

// distinct sorts prefixes and drops the repeated ones.
func distinct(ps []netip.Prefix) []netip.Prefix {
	slices.SortFunc(ps, rtbh.ComparePrefixes)
	return slices.Compact(ps)
}

// view calls g with the state under the read lock.
func (f *fsm) view(g func(s *rtbh.State)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	g(f.state)
}

// position is how far the state is. It is read without the state's lock: whoever
// lists a million routes holds that for a second, and a node that waited for it to
// say how far it is would seem to be gone.
type position struct {
	seen    uint64
	stopped error
	holds   bool
}

// note publishes it; f.mu is held.
func (f *fsm) note() { f.where.Store(&position{f.seen, f.stopped, f.held != nil}) }

// position returns the index up to which the state has gone, and why it
// stopped, if it did.
func (f *fsm) position() (seen uint64, stopped error) {
	p := f.where.Load()
	return p.seen, p.stopped
}

// Snapshot implements raft.FSM: it copies under the lock and writes outside.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.stopped != nil {
		// Raft would drop log entries that the state has not taken in.
		return nil, fmt.Errorf("no snapshot: %w", f.stopped)
	}
	return &snapshot{state: f.state.Clone(), seen: f.seen}, nil
}

// Restore implements raft.FSM. It reads everything before it replaces
// anything. A snapshot that is behind the state is left out: the state was
// preloaded beyond it, and what follows it in the log is skipped until there.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer func() { _ = r.Close() }()
	seen, state, err := readSnapshot(r)
	if err != nil {
		return err
	}
	f.mu.Lock()
	behind, wasStopped := seen <= f.seen && f.seen != 0, f.stopped != nil
	if !behind {
		f.state, f.seen, f.stopped = state, seen, nil
		f.touched = seen
		f.directory.Store(newDirectory(f.state))
		f.note()
	}
	f.mu.Unlock()
	if behind {
		return nil
	}
	f.clock.stamped(state.LastStamp())
	f.marked(seen)
	f.wake(true, nil)
	f.tell(nil, true)
	f.onMembers()
	if wasStopped {
		f.onStop(nil)
	}
	return nil
}

// wake tells whoever waits for an index or for a request.
func (f *fsm) wake(rose bool, done []doneRequest) {
	f.waitMu.Lock()
	defer f.waitMu.Unlock()
	for _, d := range done {
		for _, ch := range f.requests[d.id] {
			select {
			case ch <- d.result:
			default: // it has its answer already
			}
		}
	}
	if rose {
		close(f.moved)
		f.moved = make(chan struct{})
	}
}

// expect returns a channel that gets the result when the request is applied
// here, whoever proposed it; forget ends it.
func (f *fsm) expect(id rtbh.RequestID) (result <-chan rtbh.Result, forget func()) {
	ch := make(chan rtbh.Result, 1)
	f.waitMu.Lock()
	f.requests[id] = append(f.requests[id], ch)
	f.waitMu.Unlock()
	return ch, func() {
		f.waitMu.Lock()
		defer f.waitMu.Unlock()
		rest := slices.DeleteFunc(f.requests[id], func(c chan rtbh.Result) bool { return c == ch })
		if len(rest) == 0 {
			delete(f.requests, id)
		} else {
			f.requests[id] = rest
		}
	}
}

// await waits until the state has gone to index at least, and returns how far
// it is then.
func (f *fsm) await(ctx context.Context, index uint64) (uint64, error) {
	for {
		f.waitMu.Lock()
		moved := f.moved
		f.waitMu.Unlock()
		seen, stopped := f.position()
		if seen >= index {
			return seen, nil
		}
		if stopped != nil {
			return seen, stopped
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return seen, ctx.Err()
		}
	}
}
