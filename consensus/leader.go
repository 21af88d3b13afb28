package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/beat"
)

// leaderWatch is who leads as far as this node knows.
type leaderWatch struct {
	mu      sync.Mutex
	id      string // server id, "" when no leader is known
	addr    string
	lost    time.Time     // since when none is known
	changed chan struct{} // closed and replaced at each change
}

func (w *leaderWatch) init(now time.Time) {
	w.lost = now
	w.changed = make(chan struct{})
}

// set notes a leader; it returns false when it was known.
func (w *leaderWatch) set(id, addr string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id == w.id && addr == w.addr {
		return false
	}
	if id == "" {
		w.lost = now
	}
	w.id, w.addr = id, addr
	close(w.changed)
	w.changed = make(chan struct{})
	return true
}

// get returns the leader and a channel that is closed when that changes. With
// no leader, lost says since when.
func (w *leaderWatch) get() (id, addr string, lost time.Time, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.id, w.addr, w.lost, w.changed
}

// followLeader keeps leaderWatch up to date. Raft's observations are only a
// hint to look again, so that none that is dropped matters.
func (n *Node) followLeader(l *life) {
	hint := make(chan raft.Observation, 1)
	o := raft.NewObserver(hint, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	l.raft.RegisterObserver(o)
	defer l.raft.DeregisterObserver(o)
	for {
		n.lookForLeader(l)
		select {
		case <-hint:
		case <-beat.After(pollEvery):
		case <-l.ctx.Done():
			return
		}
	}
}

func (n *Node) lookForLeader(l *life) {
	addr, id := l.raft.LeaderWithID()
	if id == "" || l.failed.Load() != nil {
		addr, id = "", ""
	}
	if n.leader.set(string(id), n.addrOf(string(id), string(addr)), time.Now()) {
		n.log.Info("leader changed", "leader", string(id), "term", l.raft.CurrentTerm())
		n.lookNow()
	}
	_, _, lost, _ := n.leader.get()
	none := id == "" && time.Since(lost) >= leaderless
	if !none {
		n.alarms.Clear(alarm.NoMajority, "")
		return
	}
	n.alarms.Raise(alarm.NoMajority, "", n.notAccepted("no leader is known").Error())
}

// leadership is what a leader has done in its term.
type leadership struct {
	mu    sync.Mutex
	term  uint64
	ready chan struct{} // closed when the first entry of the term is applied here
}

// begin starts a term; end leaves it.
func (l *leadership) begin(term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term != term {
		l.term, l.ready = term, make(chan struct{})
	}
}

func (l *leadership) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.term, l.ready = 0, nil
}

// opened is called when the first entry of a term is applied.
func (l *leadership) opened(term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term != term || l.ready == nil {
		return
	}
	select {
	case <-l.ready:
	default:
		close(l.ready)
	}
}

// isReady tells whether a term has its first entry.
func (l *leadership) isReady(term uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.term != term || l.ready == nil {
		return false
	}
	select {
	case <-l.ready:
		return true
	default:
		return false
	}
}

// leads tells whether this node leads and has begun its term: only then does
// it stamp entries, and only then are its commit index and its clock good.
func (n *Node) leads() bool {
	r, err := n.running()
	return err == nil && r.State() == raft.Leader && n.life().lead.isReady(r.CurrentTerm())
}

// leadLoop does what is the leader's to do: everything in it looks at how
// things are and brings them nearer to how they should be, so nothing is lost
// when leadership moves.
func (n *Node) leadLoop(l *life) {
	for {
		select {
		case <-l.ctx.Done():
			return
		case gained := <-l.raft.LeaderCh():
			if !gained {
				l.lead.end()
				continue
			}
		case <-beat.After(pollEvery):
		case <-n.kick:
		}
		if r, err := n.running(); err == nil && r.State() == raft.Leader {
			n.tend(r.CurrentTerm())
		}
	}
}

// tend is one round of a leader's duties.
func (n *Node) tend(term uint64) {
	if !n.life().lead.isReady(term) && !n.beginTerm(term) {
		return
	}
	if n.handOver() {
		return
	}
	n.reconcile()
	n.tickIfNeeded()
	n.checkpointIfNeeded()
	n.raiseVersion()
}

// beginTerm sets the clock going and puts the term's first entry into the log.
func (n *Node) beginTerm(term uint64) bool {
	n.life().lead.begin(term)
	if !n.clock.isLive() {
		n.startClock()
	}
	ctx, cancel := context.WithTimeout(n.life().ctx, answerWithin)
	defer cancel()
	if a := n.applyHere(ctx, n.tickEntry()); a.verdict != done {
		n.log.Debug("first entry of the term not applied", "term", term, "err", a.err)
		return false
	}
	n.life().lead.opened(term)
	n.log.Info("this node leads", "term", term)
	return true
}
