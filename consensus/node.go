package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Node is one member of the cluster. Its methods are safe for concurrent use.
type Node struct {
	opt    Options
	log    *slog.Logger
	alarms *alarm.Registry
	id     peer.Identity
	addr   string // advertised

	disk  *disk
	mark  *markWriter
	creds peer.Credentials
	clock *logClock
	fsm   *fsm
	trans transport
	raft  *raft.Raft
	push  *pusher

	leader   leaderWatch
	lead     leadership
	kick     chan struct{} // one slot: the leader should look at once
	look     chan struct{} // one slot: the table of members should be renewed at once
	lastTick time.Time     // of leadLoop
	peers    peerTable
	watches  watchTable
	digests  digestCache
	joining  joins

	changeMu sync.Mutex
	onApply  []func(changed []netip.Prefix, all bool)

	failed    atomic.Pointer[error] // the log store's fatal error
	confirmed atomic.Bool           // the cluster has told this node where it stands
	opened    time.Time
	started   chan struct{} // closed when raft is set

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // background goroutines
	calls  sync.WaitGroup // proposals and verifications inside Raft
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
	creds, err := peer.LoadCredentials(opt.Dir)
	if err != nil {
		return nil, err
	}
	if creds.ServerID() != id.ServerID() {
		return nil, fmt.Errorf("%s: the certificate is %s's, the identity %s's: restore the files that belong together", opt.Dir, creds.ServerID(), id.ServerID())
	}
	d, err := openDisk(opt.Dir, opt.tuning.noSync, opt.Log)
	if err != nil {
		return nil, err
	}
	return openNode(opt, id, d, func(n *Node) (transport, error) { return n.listen(creds) })
}

// listen opens the real cluster port.
func (n *Node) listen(creds peer.Credentials) (transport, error) {
	n.creds = creds
	p, err := peer.Listen(peer.Options{
		Addr: n.opt.Listen, Credentials: creds,
		Identity: func() peer.Identity { return n.id },
		Member:   n.isMember,
		Log:      n.log, Alarms: n.alarms,
	})
	if err != nil {
		return nil, err
	}
	if n.addr == "" {
		n.addr = p.Addr().String()
	}
	t := newPortTransport(p, n.addr, n, n.log)
	p.HandleJoin(n.handleJoin)
	return t, nil
}

// openNode builds a node on a log and a transport. It takes the disk over.
func openNode(opt Options, id peer.Identity, d *disk, connect func(*Node) (transport, error)) (n *Node, err error) {
	opt = opt.withDefaults()
	n = &Node{
		opt: opt, log: opt.Log.With("component", "consensus"), alarms: opt.Alarms, id: id, addr: opt.Advertise, disk: d,
		clock: newLogClock(opt.Time), opened: time.Now(), started: make(chan struct{}), kick: make(chan struct{}, 1), look: make(chan struct{}, 1),
	}
	n.fsm = newFSM(n.clock)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.leader.init(n.opened)
	n.peers.init()
	n.watches.init()
	defer func() {
		if err != nil {
			n.abandon()
			n = nil
		}
	}()
	if err := n.load(); err != nil {
		return n, err
	}
	if n.trans, err = connect(n); err != nil {
		return n, err
	}
	return n, n.start()
}

// load brings the state to the mark.
func (n *Node) load() error {
	var err error
	if n.mark, err = openMark(n.opt.Dir, n.disk.id, n.markFailed); err != nil {
		return err
	}
	m := n.mark.get()
	n.clock.resume(m.Clock)
	if err := preload(n.disk, m, n.fsm); err != nil {
		return err
	}
	n.fsm.marked = func(seen uint64) { n.mark.set(seen, n.clock.reading()) }
	n.fsm.onStop = n.stopped
	n.fsm.onChange = n.changed
	n.fsm.onMembers = n.membersChanged
	if n.addr == "" {
		n.fsm.view(func(s *rtbh.State) {
			if m, ok := s.Member(n.id.Name); ok {
				n.addr = m.Addr
			}
		})
	}
	seen, _ := n.fsm.position()
	n.log.Info("state loaded", "index", seen, "mark", m.Index, "node", n.id.ServerID())
	return nil
}

// start runs Raft and everything around it.
func (n *Node) start() error {
	n.register()
	r, err := n.newRaft()
	if err != nil {
		return err
	}
	n.raft = r
	n.push = newPusher(r, n.trans.raftTransport(), raft.ServerID(n.id.ServerID()))
	close(n.started)
	n.goBackground(n.followLeader)
	n.goBackground(n.leadLoop)
	n.goBackground(n.pollLoop)
	return nil
}

// newRaft starts Raft on a goroutine of its own, which a failing store may end.
func (n *Node) newRaft() (*raft.Raft, error) {
	snaps, err := newSnapshotStore(n.disk.snaps)
	if err != nil {
		return nil, err
	}
	store := &guardedStore{logs: n.disk.logs, stable: n.disk.stable, snaps: snaps, failed: n.storeFailed}
	logs, err := raft.NewLogCache(n.opt.tuning.cached, store)
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	n.fsm.committed = n.pushCommit
	var r *raft.Raft
	err = errors.New("the log store failed")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%w: %v", ErrBroken, p)
			}
		}()
		r, err = raft.NewRaft(n.raftConfig(), n.fsm, logs, store, snaps, n.trans.raftTransport())
	}()
	<-done
	if f := n.failed.Load(); f != nil {
		err = *f
	}
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	return r, nil
}

func (n *Node) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	t := n.opt.tuning
	c.LocalID = raft.ServerID(n.id.ServerID())
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = t.heartbeat, t.election, t.lease
	c.CommitTimeout = t.commit
	c.SnapshotInterval, c.SnapshotThreshold, c.TrailingLogs = t.snapshotEvery, t.snapshotAfter, t.trailing
	c.NoSnapshotRestoreOnStart = true // preload did it
	c.NoLegacyTelemetry = true
	c.ShutdownOnRemove = false // a removed leader only steps down; the state goes on being announced
	c.Logger = newRaftLogger(n.log)
	return c
}

// pushCommit is the state machine's call before it applies a batch.
func (n *Node) pushCommit(index, term uint64) {
	select {
	case <-n.started:
		if !n.opt.tuning.noPush {
			n.push.committed(index, term)
		}
	default:
	}
}

// running returns Raft once it has started and while its store works.
func (n *Node) running() (*raft.Raft, error) {
	select {
	case <-n.started:
	default:
		return nil, errors.New("this node is starting")
	}
	if f := n.failed.Load(); f != nil {
		return nil, fmt.Errorf("this node has left the cluster, its log failed: %w", *f)
	}
	return n.raft, nil
}

// storeFailed is told of every error of the log store.
func (n *Node) storeFailed(op string, err error, fatal bool) {
	text := fmt.Sprintf("%s: %v", op, err)
	if fatal {
		n.failed.CompareAndSwap(nil, &err)
		text += "; this node has left the cluster, its routes stay announced. Repair the disk, then restart triggerd"
	}
	n.alarms.Raise(alarm.StoreError, "log", text)
	if !fatal {
		return
	}
	n.log.Error("log store failed", "op", op, "err", err)
	go func() {
		select {
		case <-n.started:
			_ = n.raft.Shutdown().Error() // it returns nil
		case <-n.ctx.Done():
		}
	}()
}

func (n *Node) markFailed(err error) {
	if err == nil {
		n.alarms.Clear(alarm.StoreError, markFile)
		return
	}
	n.alarms.Raise(alarm.StoreError, markFile,
		err.Error()+"; should this node restart without a majority, it will not know its newest blackholes")
}

// stopped is told when the state machine can't go on.
func (n *Node) stopped(err error) {
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
	n.fsm.view(func(s *rtbh.State) { f(s, now) })
}

// Now returns the present on the log's clock as this node carries it on.
func (n *Node) Now() rtbh.Instant { return n.clock.now() }

// Name returns the node's name.
func (n *Node) Name() string { return n.id.Name }

// ClusterID returns the id of the cluster that the node belongs to.
func (n *Node) ClusterID() string { return n.id.Cluster }

// Addr returns the address that other members dial.
func (n *Node) Addr() string { return n.addr }

// Role returns what the state says of this node; a node that has not received
// the state yet is a speaker, the role that may do least.
func (n *Node) Role() rtbh.MemberRole {
	role := rtbh.Speaker
	n.fsm.view(func(s *rtbh.State) {
		if m, ok := s.Member(n.id.Name); ok {
			role = m.Role
		}
	})
	return role
}

func (n *Node) goBackground(f func()) { n.work.Go(f) }

// inRaft runs f, which waits for Raft, on a goroutine of its own. Raft leaves
// some of those waiting who ask it while it stops, so Close lets them finish
// first; false when it has begun.
func (n *Node) inRaft(f func()) bool {
	n.callMu.Lock()
	defer n.callMu.Unlock()
	if n.ending {
		return false
	}
	n.calls.Go(f)
	return true
}

// Close stops the node. The order matters: no new proposals, those under way
// end, Raft stops, then its connections, then the log and the mark under it.
func (n *Node) Close() error {
	n.callMu.Lock()
	again := n.ending
	n.ending = true
	n.callMu.Unlock()
	if again {
		return nil
	}
	n.resign()
	waitAtMost(&n.calls, time.Second)
	n.cancel()
	n.push.end()
	shut := make(chan struct{})
	go func() {
		defer close(shut)
		_ = n.raft.Shutdown().Error() // it returns nil
	}()
	select {
	case <-shut:
	case <-time.After(3 * time.Second):
		n.log.Warn("raft does not stop in time")
	}
	n.trans.close()
	<-shut
	n.push.wait()
	n.work.Wait()
	return errors.Join(n.disk.close(), n.mark.close())
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
	gone := make(chan error, 1)
	go func() {
		gone <- n.raft.LeadershipTransferToServer(raft.ServerID(to.ServerID()), raft.ServerAddress(to.Addr)).Error()
	}()
	select {
	case <-gone:
	case <-time.After(time.Second):
	}
}

// abandon releases what a failed Open had.
func (n *Node) abandon() {
	n.cancel()
	if n.trans != nil {
		n.trans.close()
	}
	if n.mark != nil {
		_ = n.mark.close() // the error that matters is the one of Open
	}
	_ = n.disk.close()
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
