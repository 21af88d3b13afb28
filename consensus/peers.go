package consensus

import (
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
// asks the voters itself, and the others in turn. So answers about the cluster are
// there at once, and fifty speakers don't make two thousand calls a second, and
// first of all two thousand connections, just when a leader is to be found.

// peerInfo is what this node knows of a member.
type peerInfo struct {
	last    report
	heard   time.Time // it last answered then; or since when it is a member, if it never has
	ever    bool
	failing bool // the last try failed
	fresh   time.Duration
}

// staleAfter is how old an answer may be to count as reachable, where the member
// is asked every time.
const staleAfter = 2*pollEvery + pollTimeout

func (p peerInfo) reachable() bool {
	return p.ever && !p.failing && time.Since(p.heard) < max(p.fresh, staleAfter)
}

// peerTable has it by member's name.
type peerTable struct {
	mu    sync.Mutex
	by    map[string]peerInfo
	fresh time.Duration // how long answers count now; 0 = staleAfter
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
		t.by[name] = peerInfo{last: r, heard: at, ever: true, fresh: t.fresh}
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

// keepFor sets how long answers count from now on, also those that are there.
func (t *peerTable) keepFor(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fresh == d {
		return
	}
	t.fresh = d
	for name, p := range t.by {
		p.fresh = d
		t.by[name] = p
	}
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
