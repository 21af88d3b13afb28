package consensus

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Two nodes at the same index hold the same state. Checkpoints prove it: when
// something has changed or a member was started, the leader puts one into the
// log, one in a few seconds at most, and every node takes the digest of its state as it is just before that entry.
// So all digests are of the same index. They are compared through the table of
// members, and the next checkpoint carries the proposer's digest of the one
// before, so that the log proves it too.
//
// Beside the state goes the digest of what the node announces as of the entry's
// index and stamp: of the routes that its state asks for then, mixed with what
// its speaker lastingly has otherwise (announced.go).
//
// A node whose state's digest differs from that of more than half of the
// members is wrong: it says so, gives leadership up, and fetches the state anew
// (see resync.go). Where no such majority agrees, nobody can tell who is right,
// and it stays an alarm; so it does when only the announcements differ.

const (
	checkpointEvery = 10 * time.Second // at most so often, or
	checkpointShare = 100              // a hundred times what a digest took, so that it takes no more than 1 % of a core
	quarantineEvery = time.Hour        // a state that is soon wrong again is wrong by its binary, not by its disk
)

// checkpoint is the state before a Checkpoint entry, to be hashed.
type checkpoint struct {
	index uint64
	at    rtbh.Instant // the entry's stamp
	state *rtbh.State
	entry rtbh.Checkpoint
}

// digestTable has the digests of this node's state at the last checkpoints.
type digestTable struct {
	mu          sync.Mutex
	hex         string // at index
	index       uint64
	routes      string   // of the routes asked for at index, in hex
	wrong       []string // what the speaker has otherwise, in words
	before      string   // at the checkpoint before
	beforeIndex uint64
	took        time.Duration
	proven      string // what a proposer had at beforeIndex and this node had not; "" when nothing differs
}

func (t *digestTable) get() (hex string, index uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hex, t.index
}

// forget is for a node that begins anew.
func (t *digestTable) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hex, t.index, t.before, t.beforeIndex, t.proven = "", 0, "", 0, ""
	t.routes, t.wrong = "", nil
}

// add notes a digest, and compares what the proposer had at an earlier one.
func (t *digestTable) add(hex, routes string, c checkpoint, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	theirs := fmt.Sprintf("%x", c.entry.Digest)
	if c.entry.Index != 0 && c.entry.Index == t.index {
		t.proven = ""
		if theirs != t.hex {
			t.proven = fmt.Sprintf("at index %d %s had %.12s, this node %.12s", t.index, c.entry.Node, theirs, t.hex)
		}
	}
	t.before, t.beforeIndex = t.hex, t.index
	t.hex, t.index, t.took = hex, c.index, took
	t.routes = routes // wrong stays until the speaker was looked at again
}

// due tells whether it is time for the next checkpoint.
func (t *digestTable) due(since time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return since >= max(checkpointEvery, checkpointShare*t.took)
}

// isQuiet tells whether an entry is only the cluster's own heartbeat.
func isQuiet(e rtbh.Entry, r rtbh.Result) bool {
	return len(r.Changed) == 0 && !r.All && !slices.ContainsFunc(e.Commands, func(c rtbh.Command) bool {
		switch c.(type) {
		case rtbh.Tick, rtbh.Checkpoint:
			return false
		}
		return true
	})
}

// checkpointOf returns the checkpoint in an entry.
func checkpointOf(e rtbh.Entry) (c rtbh.Checkpoint, ok bool) {
	for _, cmd := range e.Commands {
		if c, ok = cmd.(rtbh.Checkpoint); ok {
			return c, true
		}
	}
	return c, false
}

// beforeCheckpoint copies the state when an entry asks for its digest. f.mu is
// held. While the last copy is not hashed yet, this one is left out.
func (f *fsm) beforeCheckpoint(index uint64, e rtbh.Entry) {
	c, ok := checkpointOf(e)
	if !ok || f.checkpoints == nil || len(f.checkpoints) == cap(f.checkpoints) {
		return
	}
	f.checkpoints <- checkpoint{index: index, at: e.Stamp, state: f.state.Clone(), entry: c} // nobody else sends
}

// hashLoop takes the digests, away from the state machine.
func (n *Node) hashLoop() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case c := <-n.fsm.checkpoints:
			began := time.Now()
			state, wanted := c.state.Digest(), c.state.Desired(c.at)
			n.digests.add(fmt.Sprintf("%x", state), fmt.Sprintf("%x", rtbh.RoutesDigest(wanted)), c, time.Since(began))
			n.lookNow()
			n.verifyRoutes(wanted)
		}
	}
}

// checkpointIfNeeded is the leader's duty.
func (n *Node) checkpointIfNeeded() {
	n.fsm.mu.RLock()
	touched, last := n.fsm.touched, n.fsm.checked
	n.fsm.mu.RUnlock()
	if touched <= last && !n.isUnproven() || !n.digests.due(time.Since(n.lastCheck)) {
		return
	}
	n.lastCheck = time.Now()
	had, index := n.digests.get()
	c := rtbh.Checkpoint{Node: n.Name()}
	if raw, err := hex.DecodeString(had); err == nil && len(raw) == len(c.Digest) {
		c.Index, c.Digest = index, [32]byte(raw)
	}
	ctx, cancel := context.WithTimeout(n.life().ctx, answerWithin)
	defer cancel()
	if a := n.applyHere(ctx, rtbh.Entry{Actor: n.asNode(), Commands: []rtbh.Command{c}}); a.verdict != done {
		n.log.Debug("checkpoint not applied", "err", a.err)
	}
}

// isUnproven tells whether a member has started since the last checkpoint: what it
// read from its disk was never compared with what the others hold, and in a
// quiet cluster it would announce that for days.
func (n *Node) isUnproven() bool {
	if own, _ := n.digests.get(); own == "" {
		return true
	}
	return slices.ContainsFunc(n.members(), func(m rtbh.Member) bool {
		p, ok := n.peers.get(m.Name)
		return ok && m.Name != n.Name() && p.reachable() && p.last.ServerID == m.ServerID() && !p.last.Stopped && p.last.Confirmed && p.last.Digest == ""
	})
}

// opinion is one digest and the members that have it.
type opinion struct {
	digest string
	names  []string
}

// opinions groups the members by their digest at this node's last checkpoint,
// the most numerous first. Who has none there is left out.
func (n *Node) opinions() (all []opinion, own string, index uint64) {
	own, index = n.digests.get()
	if own == "" {
		return nil, "", 0
	}
	by := map[string][]string{own: {n.Name()}}
	for _, m := range n.members() {
		if p, ok := n.peers.get(m.Name); ok && m.Name != n.Name() && p.last.ServerID == m.ServerID() && p.last.DigestIndex == index && p.last.Digest != "" {
			by[p.last.Digest] = append(by[p.last.Digest], m.Name)
		}
	}
	for digest, names := range by {
		slices.Sort(names)
		all = append(all, opinion{digest, names})
	}
	slices.SortFunc(all, func(a, b opinion) int {
		if len(a.names) != len(b.names) {
			return len(b.names) - len(a.names)
		}
		return strings.Compare(a.digest, b.digest)
	})
	return all, own, index
}

// compareDigests raises what differs, and has this node quarantined when more
// than half of the members have another state than it.
func (n *Node) compareDigests() {
	n.compareRoutes()
	all, own, index := n.opinions()
	if len(all) < 2 {
		n.digests.mu.Lock()
		proven := n.digests.proven
		n.digests.mu.Unlock()
		if all != nil && !n.fsm.holding() {
			n.alarms.Set(proven != "", alarm.DigestMismatch, "", "states differ: "+proven)
		}
		return
	}
	var said []string
	for _, o := range all {
		said = append(said, fmt.Sprintf("%s: %.12s", strings.Join(o.names, ", "), o.digest))
	}
	text := fmt.Sprintf("states differ at index %d (%s)", index, strings.Join(said, "; "))
	n.alarms.Raise(alarm.DigestMismatch, "", text)
	if right := all[0]; right.digest != own && 2*len(right.names) > len(n.members()) {
		n.quarantine(text, index, own)
	}
}

// quarantine fetches the state anew, if the majority of votes can do without
// this node meanwhile.
func (n *Node) quarantine(text string, index uint64, digest string) {
	if !n.quarantined.IsZero() && time.Since(n.quarantined) < quarantineEvery {
		return
	}
	voters := n.voters()
	if slices.Contains(voters, n.identity().ServerID()) && !n.holdsWithout(voters, n.identity().ServerID()) {
		return
	}
	n.quarantined = time.Now()
	if n.leads() {
		if to, ok := n.successor(); ok {
			if err := n.giveLeadership(n.ctx, to); err != nil {
				n.log.Debug("leadership not handed over", "to", to.Name, "err", err)
			}
		}
	}
	n.spawn(func() {
		n.setAside(aside{Record: n.identity().Record(), Alarm: string(alarm.DigestMismatch), Why: text + ": this node's state is wrong"}, "wrong", func(*life) bool {
			have, at := n.digests.get()
			return have == digest && at == index
		})
	})
}
