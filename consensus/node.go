package consensus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Node is one member of the cluster. Its methods are safe for concurrent use.
type Node struct {
	opt    Options
	log    *slog.Logger
	alarms *alarm.Registry
	addr   string // advertised
	wiring wiring
	clock  *logClock
	fsm    *fsm

	listenOnce sync.Once

	cur     atomic.Pointer[life]
	lifeMu  turn // held while one life ends and another begins
	answers handlers

	leader      leaderWatch
	kick        chan struct{} // one slot: the leader should look at once
	look        chan struct{} // one slot: the table of members should be renewed at once
	role        chan struct{} // one slot: this node's role may have changed
	lastTick    time.Time     // of leadLoop, as lastCheck
	lastCheck   time.Time
	quarantined time.Time // of pollLoop, as asked
	asked       int       // whose turn it is
	peers       peerTable
	table       encodedTable
	watches     watchTable
	digests     digestTable
	routes      atomic.Pointer[routeCheck]
	joining     joins

	changeMu sync.Mutex
	onApply  []func(changed []netip.Prefix, all bool)

	confirmed atomic.Bool // the cluster has told this node where it stands
	unmarked  atomic.Bool // nothing here says how much of the log was applied
	opened    time.Time

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // background goroutines
	callMu sync.Mutex
	ending bool
}

// Open starts the node in opt.Dir: it loads the state as of the applied mark,
// opens the cluster port and starts Raft. It does not wait for a leader; see
// [Node.Ready]. A directory that is damaged is an error: nothing is ever
// started with an empty state in the place of a lost one.
func Open(opt Options) (*Node, error) {
	opt = opt.withDefaults()
	id, err := peer.LoadIdentity(opt.Dir)
	if err != nil {
		return nil, err
	}
	if err := finished(opt.Dir); err != nil {
		return nil, err
	}
	creds, err := loadCredentials(opt.Dir, id)
	if err != nil {
		return nil, err
	}
	return openIn(opt, id, creds, wiring{connect: listen, rejoin: rejoinOverPort})
}

// loadCredentials reads them and holds them against the identity.
func loadCredentials(dir string, id peer.Identity) (peer.Credentials, error) {
	creds, err := peer.LoadCredentials(dir)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return creds, err
		}
		return creds, fmt.Errorf("%w: restore the file from a copy, or %s", err, peer.WayBack)
	}
	if creds.ServerID() != id.ServerID() {
		return creds, fmt.Errorf("%s: the certificate is %s's, the identity %s's: restore the files that belong together, or %s", dir, creds.ServerID(), id.ServerID(), peer.WayBack)
	}
	return creds, nil
}

// openIn opens the log in the node's directory, or what was set aside there.
func openIn(opt Options, id peer.Identity, creds peer.Credentials, w wiring) (*Node, error) {
	a, err := loadAside(opt.Dir)
	if err != nil {
		return nil, err
	}
	if a != nil {
		return openAside(opt, id, creds, a, w)
	}
	d, err := openDisk(opt.Dir, opt.tuning.noSync, opt.Log)
	if err != nil {
		return nil, err
	}
	return openNode(opt, id, creds, d, w)
}

// openNode builds a node on a log and a transport. It takes the disk over.
func openNode(opt Options, id peer.Identity, creds peer.Credentials, d *disk, w wiring) (*Node, error) {
	n := newNode(opt, w)
	l := newLife(n.ctx, id, creds)
	l.disk = d
	n.cur.Store(l)
	if err := n.begin(l); err != nil {
		n.abandon()
		return nil, err
	}
	n.goBackground(n.pollLoop)
	n.goBackground(n.hashLoop)
	n.goBackground(n.renewLoop)
	return n, nil
}

// newNode makes what outlives every life of the node.
func newNode(opt Options, w wiring) *Node {
	opt = opt.withDefaults()
	n := &Node{
		opt: opt, log: opt.Log.With("component", "consensus"), alarms: opt.Alarms, addr: opt.Advertise, wiring: w,
		clock: newLogClock(opt.Time), opened: time.Now(), kick: make(chan struct{}, 1), look: make(chan struct{}, 1), role: make(chan struct{}, 1),
	}
	n.lifeMu, n.joining.mu = newTurn(), newTurn()
	n.fsm = newFSM(n.clock)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.leader.init(n.opened)
	n.peers.init()
	n.watches.init()
	return n
}

// begin starts the node's first life.
func (n *Node) begin(l *life) (err error) {
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	if err := n.load(l); err != nil {
		return err
	}
	if l.trans, err = n.wiring.connect(n, l); err != nil {
		return err
	}
	return n.start(l)
}

// load brings the state to the mark of a life's log.
func (n *Node) load(l *life) error {
	var err error
	if l.mark, err = openMark(n.opt.Dir, l.disk.id, n.markFailed); err != nil {
		return err
	}
	l.mark.noSync.Store(n.opt.tuning.noSync)
	m := l.mark.get()
	n.clock.resume(m.Clock)
	n.fsm.marked, n.fsm.committed = func(uint64) {}, func(uint64, uint64) {}
	if err := preload(l.disk, m, n.fsm); err != nil {
		return err
	}
	if err := n.checkMark(l); err != nil {
		return err
	}
	n.attach(l)
	if n.addr == "" {
		n.fsm.view(func(s *rtbh.State) {
			if m, ok := s.Member(l.id.Name); ok {
				n.addr = m.Addr
			}
		})
	}
	seen, _ := n.fsm.position()
	n.log.Info("state loaded", "index", seen, "mark", m.Index, "node", l.id.ServerID())
	return nil
}

// attach lets the state machine tell a life what it does. No Raft runs then.
func (n *Node) attach(l *life) {
	n.fsm.marked = func(seen uint64) { l.mark.set(seen, n.clock.reading()) }
	n.fsm.committed = func(index, term uint64) { l.pushCommit(index, term, n.opt.tuning.noPush) }
	n.listenOnce.Do(n.listenToState)
}

// listenToState begins with what concerns the node in all its lives.
func (n *Node) listenToState() {
	n.fsm.onStop, n.fsm.onChange, n.fsm.onMembers = n.stopped, n.changed, n.membersChanged
	n.fsm.checkpoints = make(chan checkpoint, 1)
}

func (n *Node) markFailed(err error) {
	if err == nil {
		n.alarms.Clear(alarm.StoreError, markFile)
		return
	}
	n.alarms.Raise(alarm.StoreError, markFile,
		err.Error()+"; should this node restart without a majority, it will not know its newest blackholes")
}

// stopped is told when the state machine can't go on, and with nil when a
// snapshot has taken it past the obstacle.
func (n *Node) stopped(err error) {
	if err == nil {
		n.alarms.Clear(alarm.DaemonFault, "log")
		n.alarms.Clear(alarm.UnknownEntry, "log")
		return
	}
	kind, what := alarm.DaemonFault, "this entry cannot be applied"
	if errors.Is(err, rtbh.ErrUnknownEntry) {
		kind, what = alarm.UnknownEntry, "upgrade this node's binary"
	}
	n.alarms.Raise(kind, "log", fmt.Sprintf("%v; %s. Its routes stay announced as they are", err, what))
	n.log.Error("state machine stopped", "err", err)
}

// changed passes a change of the state on.
func (n *Node) changed(changed []netip.Prefix, all bool) {
	n.changeMu.Lock()
	fs := n.onApply
	n.changeMu.Unlock()
	for _, f := range fs {
		f(changed, all)
	}
}

// OnApply calls f after each change of the state: with the prefixes whose
// route may have changed, or all. Calls come in order and hold up the state
// machine, so f only leaves a note for somebody else.
func (n *Node) OnApply(f func(changed []netip.Prefix, all bool)) {
	n.changeMu.Lock()
	defer n.changeMu.Unlock()
	n.onApply = append(n.onApply[:len(n.onApply):len(n.onApply)], f)
}

// View calls f with the state and the present on the log's clock, under a
// read lock. f must neither keep s nor call back into the node.
func (n *Node) View(f func(s *rtbh.State, now rtbh.Instant)) {
	now := n.clock.now()
	n.fsm.show(func(s *rtbh.State) { f(s, now) })
}

// Now returns the present on the log's clock as this node carries it on.
func (n *Node) Now() rtbh.Instant { return n.clock.now() }

// Name returns the node's name.
func (n *Node) Name() string { return n.identity().Name }

// ClusterID returns the id of the cluster that the node belongs to.
func (n *Node) ClusterID() string { return n.identity().Cluster }

// Addr returns the address that other members dial.
func (n *Node) Addr() string { return n.addr }

// Role returns what the state says of this node; a node that has not received
// the state yet is a speaker, the role that may do least.
func (n *Node) Role() rtbh.MemberRole {
	role := rtbh.Speaker
	n.fsm.show(func(s *rtbh.State) {
		if m, ok := s.Member(n.identity().Name); ok {
			role = m.Role
		}
	})
	return role
}

func (n *Node) goBackground(f func()) { n.work.Go(f) }

// Close stops the node.
func (n *Node) Close() error {
	n.callMu.Lock()
	again := n.ending
	n.ending = true
	n.callMu.Unlock()
	if again {
		return nil
	}
	n.resign()
	n.life().refuseCalls()
	n.cancel()
	n.lifeMu.Lock()
	l := n.life()
	n.halt(l)
	n.lifeMu.Unlock() // who waits for it to begin another life sees the end of ctx
	n.work.Wait()
	return l.release()
}

// resign gives leadership away, so that the cluster need not notice by itself
// that the leader is gone. It is a courtesy with a short limit.
func (n *Node) resign() {
	if !n.leads() {
		return
	}
	to, ok := n.successor()
	if !ok {
		return
	}
	if err := n.giveLeadership(n.ctx, to); err != nil {
		n.log.Debug("leadership not handed over before the end", "to", to.Name, "err", err)
	}
}

// abandon releases what a failed Open had; the error that matters is its own.
func (n *Node) abandon() {
	n.cancel()
	l := n.life()
	n.halt(l)
	_ = l.release()
}

// waitAtMost waits for a group for a bounded time.
func waitAtMost(g *sync.WaitGroup, d time.Duration) {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(d):
	}
}
