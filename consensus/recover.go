package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Recovery makes a new cluster of one out of a voter whose majority is gone for
// good. It is an operator's decision and never the node's own: a survivor
// cannot tell death from partition. What it does to the others is fencing: the
// cluster's generation is raised before anything else, and whoever comes back
// with the old one has to come in anew (see resync.go).

// What a recovery is refused for.
var (
	// ErrHasMajority means that a majority of the voters answers.
	ErrHasMajority = errors.New("a majority of the voters answers: nothing is to be recovered")
	// ErrOtherNames means that the operator named others than those that would be excluded.
	ErrOtherNames = errors.New("name exactly the voters that shall not count any more")
	// ErrCannotRecover means that this node is not one that can be recovered.
	ErrCannotRecover = errors.New("the cluster cannot be recovered at this node")
)

// RecoveryPlan is what a recovery at this node would do.
type RecoveryPlan struct {
	Node       string
	Generation uint64      // that the cluster would have
	Answers    []string    // other voters that answer, though they are no majority
	Excluded   []Silent    // all other voters: they would have to come in anew; For is 0 for one that answers
	Applied    uint64      // this node's state
	Tail       []TailEntry // what would be committed beyond it
	Joining    bool        // this node was to vote and did not yet: it may lack what was accepted
	Newer      []string    // voters that answer and whose log is longer than this node's
}

// TailEntry is an entry of which this node can't know whether it was committed.
type TailEntry struct {
	Index uint64
	Entry rtbh.Entry
	Err   error // why it cannot be read; the recovery would fail
}

// Names returns the names of the excluded, sorted.
func (p RecoveryPlan) Names() []string {
	var names []string
	for _, s := range p.Excluded {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// PlanRecovery asks every other member and says what [Node.Recover] would do,
// or why it would be refused.
func (n *Node) PlanRecovery(ctx context.Context) (RecoveryPlan, error) {
	l := n.life()
	if a := l.aside.Load(); a != nil {
		return RecoveryPlan{}, fmt.Errorf("%w: %s", ErrCannotRecover, a.Why)
	}
	if _, stopped := n.fsm.position(); stopped != nil {
		return RecoveryPlan{}, fmt.Errorf("%w: %w", ErrCannotRecover, stopped)
	}
	if _, err := peer.LoadCA(n.opt.Dir); err != nil {
		return RecoveryPlan{}, fmt.Errorf("%w: it takes the CA's key to prove the new generation: %w", ErrCannotRecover, err)
	}
	onDisk, err := lookAtDisk(l.disk, n.fsm)
	if err != nil {
		return RecoveryPlan{}, err
	}
	if !slices.Contains(onDisk.voters, l.id.ServerID()) && !n.Role().Votes() {
		return RecoveryPlan{}, fmt.Errorf("%w: %s does not vote; recover at a voter", ErrCannotRecover, l.id.ServerID())
	}
	return n.plan(ctx, l, onDisk)
}

func (n *Node) plan(ctx context.Context, l *life, onDisk diskView) (RecoveryPlan, error) {
	p := RecoveryPlan{Node: l.id.Name, Generation: l.id.Generation + 1, Applied: onDisk.seen, Tail: onDisk.tail}
	answered := n.askTwice(ctx)
	p.Joining = !slices.Contains(onDisk.voters, l.id.ServerID())
	for _, id := range onDisk.voters {
		if id == l.id.ServerID() {
			continue
		}
		name, _, err := peer.ParseServerID(id)
		if err != nil {
			return RecoveryPlan{}, err
		}
		r, ok := answered[id]
		s := Silent{Name: name}
		if !ok {
			s.For, _ = n.peers.silent(name)
		} else {
			p.Answers = append(p.Answers, name)
			if r.LastIndex > onDisk.last {
				p.Newer = append(p.Newer, name)
			}
		}
		p.Excluded = append(p.Excluded, s)
	}
	reach := len(p.Answers)
	if !p.Joining {
		reach++
	}
	if reach > len(onDisk.voters)/2 {
		return p, fmt.Errorf("%w (%d of %d)", ErrHasMajority, reach, len(onDisk.voters))
	}
	return p, nil
}

// askTwice asks everybody, and those that did not answer once more.
func (n *Node) askTwice(ctx context.Context) map[string]report {
	answered := map[string]report{}
	for range 2 {
		round, cancel := context.WithTimeout(ctx, pollTimeout)
		for _, r := range n.askAll(round) {
			answered[r.ServerID] = r
		}
		cancel()
	}
	return answered
}

// Recover makes this node the only voter. excluded must name the voters that
// the plan excludes: the operator has typed them. The node's state, and with it
// what is announced, goes on; entries in its log that may not have been
// committed are. Other members, those that answer too, come in anew when they
// meet the new generation.
func (n *Node) Recover(ctx context.Context, by rtbh.Actor, excluded []string) error {
	p, err := n.PlanRecovery(ctx)
	if err != nil {
		return err
	}
	if err := p.confirmedBy(excluded); err != nil {
		return err
	}
	if err := n.recover(p); err != nil {
		return err
	}
	text := fmt.Sprintf("cluster recovered at %s: generation %d, without %s, %d entries of unknown fate committed",
		p.Node, p.Generation, strings.Join(p.Names(), ", "), len(p.Tail))
	return n.recordRecovery(ctx, by, text)
}

// confirmedBy compares what the operator typed with what would be excluded.
func (p RecoveryPlan) confirmedBy(names []string) error {
	typed := slices.Compact(slices.Sorted(slices.Values(names)))
	if !slices.Equal(typed, p.Names()) {
		return fmt.Errorf("%w: %s", ErrOtherNames, strings.Join(p.Names(), " "))
	}
	return nil
}

// recover ends this life and begins one with a single voter, on the same log.
func (n *Node) recover(p RecoveryPlan) error {
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	l := n.life()
	if n.ctx.Err() != nil || l.aside.Load() != nil || l.id.Generation+1 != p.Generation {
		return fmt.Errorf("%w: it has changed meanwhile; look at the plan again", ErrCannotRecover)
	}
	id, err := raised(n.opt.Dir, l.id)
	if err != nil {
		return err
	}
	n.log.Warn("recovering the cluster", "generation", id.Generation, "excluded", strings.Join(p.Names(), " "), "tail", len(p.Tail))
	began := time.Now()
	n.halt(l)
	next := newLife(n.ctx, id, *l.creds.Load())
	next.disk, next.mark = l.disk, l.mark
	err = peer.SaveIdentity(n.opt.Dir, id) // before anything else, so that no two sides ever share a generation
	if err != nil {
		next.id = l.id
	} else {
		n.attach(next)
		err = n.onlyVoter(next)
	}
	if again := n.proceed(next); again != nil {
		why := fmt.Errorf("it could not be started again: %w", again)
		l.failed.Store(&why)
		n.alarms.Raise(alarm.StoreError, "log", why.Error()+"; its routes stay announced. Restart triggerd")
		return errors.Join(err, why)
	}
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	n.log.Info("raft runs again", "after", time.Since(began))
	return nil
}

// raised returns the identity in the next generation, signed.
func raised(dir string, id peer.Identity) (peer.Identity, error) {
	ca, err := peer.LoadCA(dir)
	if err != nil {
		return id, err
	}
	r, err := peer.SignGeneration(ca, peer.Record{Cluster: id.Cluster, Generation: id.Generation + 1, Lineage: peer.NewLineage()})
	return id.WithRecord(r), err
}

// onlyVoter rewrites the log's configuration: one snapshot of everything, the
// tail included, that names this node alone. Raft does not run. The state goes
// on through it: what it has applied already is skipped.
func (n *Node) onlyVoter(l *life) error {
	snaps, err := newSnapshotStore(l.disk.snaps)
	if err != nil {
		return err
	}
	store := &guardedStore{logs: l.disk.logs, stable: l.disk.stable, snaps: snaps, failed: func(op string, err error, fatal bool) {
		n.storeFailed(l, op, err, fatal)
	}}
	self := raft.Server{ID: raft.ServerID(l.id.ServerID()), Address: raft.ServerAddress(n.addr)}
	err = errors.New("the log store failed")
	onItsOwn(func() {
		err = raft.RecoverCluster(n.raftConfig(l), n.fsm, store, store, snaps, newLoneTransport(n.addr).raft, raft.Configuration{Servers: []raft.Server{self}})
	}, &err)
	return err
}

// recordRecovery waits until the node leads, and puts a record into the log.
func (n *Node) recordRecovery(ctx context.Context, by rtbh.Actor, text string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*answerWithin)
	defer cancel()
	if _, err := n.catchUp(ctx); err != nil {
		return fmt.Errorf("the cluster is recovered, but this node does not lead yet: %w", err)
	}
	return n.propose(ctx, n.asNode(), rtbh.RecordLocal{At: n.Now(), Node: n.Name(), User: by.User, Text: text})
}

// diskView is what a log on disk says by itself.
type diskView struct {
	seen   uint64   // what the state has gone through
	last   uint64   // the last entry
	voters []string // of the newest configuration, committed or not: it is the one that Raft counts by
	tail   []TailEntry
}

// lookAtDisk reads the configuration, and the tail that is not applied.
func lookAtDisk(d *disk, f *fsm) (v diskView, err error) {
	v.seen, _ = f.position()
	snaps, err := d.snaps.List()
	if err != nil {
		return v, fmt.Errorf("list snapshots: %w", err)
	}
	var c raft.Configuration
	if len(snaps) > 0 {
		c, v.last = snaps[0].Configuration, snaps[0].Index
	}
	first, err := d.logs.FirstIndex()
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	last, err := d.logs.LastIndex()
	if err != nil {
		return v, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	for i := max(first, v.last+1); i <= last && last > 0; i++ {
		var l raft.Log
		if err := d.logs.GetLog(i, &l); err != nil {
			return v, fmt.Errorf("%w: entry %d: %w", ErrBroken, i, err)
		}
		switch {
		case l.Type == raft.LogConfiguration:
			c = raft.DecodeConfiguration(l.Data)
		case l.Type == raft.LogCommand && i > v.seen:
			e, err := rtbh.DecodeEntry(l.Data)
			v.tail = append(v.tail, TailEntry{Index: i, Entry: e, Err: err})
		}
	}
	v.last = max(v.last, last)
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			v.voters = append(v.voters, string(s.ID))
		}
	}
	return v, nil
}
