package consensus

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// What each node knows of the others. The leader asks everybody once a second,
// the others ask the leader and take its table over; a node without a leader
// asks everybody itself. So answers about the cluster are there at once, and
// fifty speakers don't make two thousand calls a second.

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

// peerInfo is what this node knows of a member.
type peerInfo struct {
	last    report
	heard   time.Time // it last answered then; or since when it is a member, if it never has
	ever    bool
	failing bool // the last try failed
}

// staleAfter is how old an answer may be to count as reachable.
const staleAfter = 2*pollEvery + pollTimeout

func (p peerInfo) reachable() bool {
	return p.ever && !p.failing && time.Since(p.heard) < staleAfter
}

// peerTable has it by member's name.
type peerTable struct {
	mu sync.Mutex
	by map[string]peerInfo
}

func (t *peerTable) init() { t.by = map[string]peerInfo{} }

func (t *peerTable) get(name string) (peerInfo, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.by[name]
	return p, ok
}

// silent tells whether a member is known not to answer, and since when.
func (t *peerTable) silent(name string) (time.Duration, bool) {
	p, ok := t.get(name)
	if !ok {
		return 0, false
	}
	return time.Since(p.heard), !p.reachable() && (p.failing || p.ever)
}

// stopped tells whether a member answers, but has said that it applies nothing
// any more, and why.
func (t *peerTable) stopped(m rtbh.Member) (why string, is bool) {
	p, ok := t.get(m.Name)
	return p.last.Why, ok && p.reachable() && p.last.ServerID == m.ServerID() && p.last.Why != ""
}

func (t *peerTable) answered(name string, r report, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.by[name]; !at.Before(old.heard) || !old.ever {
		t.by[name] = peerInfo{last: r, heard: at, ever: true}
	}
}

func (t *peerTable) failed(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.by[name]
	if !ok {
		p.heard = time.Now()
	}
	p.failing = true
	t.by[name] = p
}

// keep forgets everybody who is not in names.
func (t *peerTable) keep(names map[string]bool) (gone []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.by {
		if !names[name] {
			delete(t.by, name)
			gone = append(gone, name)
		}
	}
	return gone
}

// pollLoop keeps the table, and what hangs on it, up to date.
func (n *Node) pollLoop() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		n.poll()
		n.compareDigests()
		n.watchClock()
		n.alarmSilent()
		select {
		case <-tick.C:
		case <-n.look:
		case <-n.ctx.Done():
			return
		}
	}
}

// lookNow renews the table at once: the leader or the members have changed.
func (n *Node) lookNow() {
	select {
	case n.look <- struct{}{}:
	default:
	}
}

func (n *Node) poll() {
	ctx, cancel := context.WithTimeout(n.ctx, pollTimeout)
	defer cancel()
	id, addr, _, _ := n.leader.get()
	if id != "" && id != n.identity().ServerID() {
		if r, ok := n.ask(ctx, id, addr); ok && r.Leads {
			n.takeTable(r.Table)
			return
		}
	}
	n.askAll(ctx)
}

// askAll asks every other member for its report.
func (n *Node) askAll(ctx context.Context) (all []report) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range n.members() {
		if m.Name == n.identity().Name {
			continue
		}
		wg.Go(func() {
			if r, ok := n.ask(ctx, m.ServerID(), m.Addr); ok {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, r)
			}
		})
	}
	wg.Wait()
	return all
}

// ask asks one member and notes the answer, or that there was none.
func (n *Node) ask(ctx context.Context, serverID, addr string) (report, bool) {
	name, _, err := peer.ParseServerID(serverID)
	if err != nil {
		return report{}, false
	}
	sent := time.Now()
	out, err := n.life().trans.call(ctx, addr, serverID, callStatus, nil)
	var r report
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		if n.ctx.Err() == nil {
			n.peers.failed(name)
		}
		return report{}, false
	}
	n.peers.answered(name, r, time.Now())
	if r.Leads && r.Live {
		n.followClock(r.Now, time.Since(sent))
	}
	return r, true
}

// followClock corrects this node's clock by the leader's, read at some moment
// of a call that took that long.
func (n *Node) followClock(leader rtbh.Instant, took time.Duration) {
	was := n.clock.isLive()
	off := n.clock.adoptIfOff(leader.Add(took/2), max(took, 50*time.Millisecond))
	if was && off.Abs() > slack {
		n.log.Warn("this node's clock was corrected by the leader's", "ahead", off)
	}
}

// askClock returns the log's clock from the members that carried it on: the
// latest, since a clock that is behind would end blackholes late and one that
// was carried is never ahead.
func (n *Node) askClock(ctx context.Context) (now rtbh.Instant, ok bool) {
	for _, r := range n.askAll(ctx) {
		if r.Live {
			now, ok = max(now, r.Now), true
		}
	}
	return now, ok
}

// takeTable takes over what the leader knows of the others.
func (n *Node) takeTable(rows []tableRow) {
	for _, row := range rows {
		if row.Name == n.identity().Name {
			continue
		}
		n.peers.answered(row.Name, row.Report, time.Now().Add(-time.Duration(row.AgoMS)*time.Millisecond))
		if row.Failing {
			n.peers.failed(row.Name)
		}
	}
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
	r := n.report()
	if r.Leads {
		for _, m := range n.members() {
			if p, ok := n.peers.get(m.Name); ok {
				p.last.Table = nil
				r.Table = append(r.Table, tableRow{m.Name, time.Since(p.heard).Milliseconds(), p.failing, p.last})
			}
		}
	}
	return json.Marshal(r)
}

// alarmSilent raises which members do not answer, and which only seem to be well;
// former members are forgotten.
func (n *Node) alarmSilent() {
	names := map[string]bool{}
	for _, m := range n.members() {
		names[m.Name] = true
		if m.Name == n.identity().Name {
			continue
		}
		d, silent := n.peers.silent(m.Name)
		n.alarms.Set(silent && d >= leaderless, alarm.MemberSilent, m.Name,
			fmt.Sprintf("%s (%s) has not answered for %s", m.Name, m.Addr, d.Truncate(time.Second)))
		why, stopped := n.peers.stopped(m)
		n.alarms.Set(stopped, alarm.MemberStopped, m.Name,
			fmt.Sprintf("%s (%s) answers but takes nothing in any more: %s", m.Name, m.Addr, why))
	}
	for _, name := range n.peers.keep(names) {
		n.alarms.Clear(alarm.MemberSilent, name)
		n.alarms.Clear(alarm.MemberStopped, name)
	}
}

// voters returns the members that Raft counts, by server id.
func (n *Node) voters() (ids []string) {
	select {
	case <-n.life().started:
	default:
		return nil
	}
	for _, s := range n.life().raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}

// reaches tells whether a server, in its present incarnation, answers and votes
// if it is to.
func (n *Node) reaches(serverID string) bool {
	if serverID == n.identity().ServerID() {
		return n.life().failed.Load() == nil
	}
	name, _, err := peer.ParseServerID(serverID)
	p, ok := n.peers.get(name)
	return err == nil && ok && p.reachable() && p.last.ServerID == serverID && !p.last.Mute
}
