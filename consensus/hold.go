package consensus

import (
	"net/netip"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// A node that must fetch the cluster's state anew (it was fenced, or its state
// is wrong) begins with an empty one, and passes through every older one while
// it catches up. None of these may be seen: the state from before is held, and
// shown until the new one is where the cluster is. Then the difference shows at
// once.

// hold begins it. Nothing is applied meanwhile.
func (f *fsm) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		f.held = f.state
	}
	f.state, f.seen, f.stopped = rtbh.NewState(), 0, nil
	f.touched, f.checked = 0, 0
	f.directory.Store(newDirectory(f.state))
	f.note()
}

// letGo ends it. It tells whether there was anything to end.
func (f *fsm) letGo() bool {
	f.mu.Lock()
	was := f.held != nil
	f.held = nil
	f.note()
	f.mu.Unlock()
	if was {
		f.tell(nil, true)
	}
	return was
}

func (f *fsm) holding() bool { return f.where.Load().holds }

// show calls g with the state that people and neighbors see.
func (f *fsm) show(g func(s *rtbh.State)) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.held != nil {
		g(f.held)
		return
	}
	g(f.state)
}

// tell passes a change on, unless nobody can see it yet.
func (f *fsm) tell(changed []netip.Prefix, all bool) {
	f.tellMu.Lock()
	defer f.tellMu.Unlock()
	if !f.holding() {
		f.onChange(changed, all)
	}
}
