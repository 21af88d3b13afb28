package consensus

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// report is a node's answer to a status call, as JSON: fields may be added.
type report struct {
	ServerID    string       `json:"id"`
	Term        uint64       `json:"term"`
	Applied     uint64       `json:"applied"` // the state's position
	LastIndex   uint64       `json:"last"`
	Commit      uint64       `json:"commit"`
	Leads       bool         `json:"leads,omitempty"`
	Now         rtbh.Instant `json:"now"`
	Live        bool         `json:"live,omitempty"` // Now was carried on from a leader's
	Binary      string       `json:"binary"`
	Speaks      uint32       `json:"speaks,omitempty"` // newest log version that it reads
	Confirmed   bool         `json:"confirmed,omitempty"`
	Stopped     bool         `json:"stopped,omitempty"` // its state machine, or its log
	Mute        bool         `json:"mute,omitempty"`    // its log: it answers, but does not vote
	Why         string       `json:"why,omitempty"`     // what stopped, until it is started again
	Digest      string       `json:"digest,omitempty"`  // hex
	DigestIndex uint64       `json:"digest_index,omitempty"`
	Routes      string       `json:"routes,omitempty"` // hex, of what is announced at DigestIndex
	Table       []tableRow   `json:"table,omitempty"`  // of a leader
}

// tableRow is what a leader knows of a member.
type tableRow struct {
	Name    string `json:"name"`
	AgoMS   int64  `json:"ago"`
	Failing bool   `json:"failing,omitempty"`
	Report  report `json:"report"`
}

// report is this node's own.
func (n *Node) report() report {
	seen, stopped := n.fsm.position()
	r := report{
		ServerID: n.identity().ServerID(), Applied: seen, Now: n.clock.now(), Live: n.clock.isLive(),
		Binary: n.opt.Version, Speaks: rtbh.Speaks, Confirmed: n.confirmed.Load(), Stopped: stopped != nil || n.fsm.holding(),
	}
	r.Digest, r.DigestIndex = n.digests.get()
	r.Routes, _ = n.digests.announced()
	if rf, err := n.running(); err == nil {
		r.Term, r.LastIndex, r.Commit, r.Leads = rf.CurrentTerm(), rf.LastIndex(), rf.CommitIndex(), n.leads()
	} else {
		r.Stopped = true
	}
	r.Mute, r.Why = n.halted(stopped)
	return r
}

// halted tells whether this node's log has stopped, and what stopped for good,
// in words: a node that fetches its state anew comes back by itself.
func (n *Node) halted(fsm error) (mute bool, why string) {
	l := n.life()
	failed := l.failed.Load()
	switch {
	case failed != nil && l.aside.Load() == nil:
		why = (*failed).Error()
	case failed == nil && fsm != nil:
		why = fsm.Error()
	}
	return failed != nil, why
}

func (n *Node) handleStatus(context.Context, peer.Identity, []byte) ([]byte, error) {
	r := struct {
		report
		Table json.RawMessage `json:"table,omitempty"` // in place of report's
	}{report: n.report()}
	if r.Leads {
		var err error
		if r.Table, err = n.table.get(n.fsm.directory.Load(), n.rows); err != nil {
			return nil, err
		}
	}
	return json.Marshal(r)
}

// rows is the leader's table.
func (n *Node) rows() (all []tableRow) {
	for _, m := range n.members() {
		if p, ok := n.peers.get(m.Name); ok {
			p.last.Table = nil
			all = append(all, tableRow{m.Name, time.Since(p.heard).Milliseconds(), p.failing, p.last})
		}
	}
	return all
}

// tableKept is for how long a leader gives out the same table: fifty members ask
// for its fifty rows every second.
const tableKept = 100 * time.Millisecond

// encodedTable is the leader's table as it is given out.
type encodedTable struct {
	mu   sync.Mutex
	made time.Time
	of   *directory
	raw  json.RawMessage
}

func (t *encodedTable) get(of *directory, rows func() []tableRow) (raw json.RawMessage, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == of && time.Since(t.made) < tableKept {
		return t.raw, nil
	}
	if t.raw, err = json.Marshal(rows()); err == nil {
		t.of, t.made = of, time.Now()
	}
	return t.raw, err
}
