package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
)

// life is what a node is between two restarts of Raft inside the process: its
// identity, its log, its port and Raft itself. A recovery and a fencing end one
// life and begin another, while the state, and whoever reads it, goes on. The
// fields but the last group never change once the life is the node's.
type life struct {
	id    peer.Identity
	disk  *disk
	mark  *markWriter
	trans transport

	raft    *raft.Raft // these two from when started is closed
	push    *pusher
	started chan struct{}

	creds  atomic.Pointer[peer.Credentials] // replaced by a renewal
	failed atomic.Pointer[error]            // why Raft does not run
	lead   leadership

	ctx    context.Context
	cancel context.CancelFunc
	loops  sync.WaitGroup // of this life
	calls  sync.WaitGroup // proposals and verifications inside Raft
	callMu sync.Mutex
	ending bool
	closed sync.Once

	aside atomic.Pointer[aside] // while the state before is shown
}

// wiring is how a life is connected to the others.
type wiring struct {
	connect func(n *Node, l *life) (transport, error)
	rejoin  func(ctx context.Context, n *Node, addr string) (rejoined, error)
}

func newLife(ctx context.Context, id peer.Identity, creds peer.Credentials) *life {
	l := &life{id: id, started: make(chan struct{})}
	l.creds.Store(&creds)
	l.ctx, l.cancel = context.WithCancel(ctx)
	return l
}

// life returns the present one.
func (n *Node) life() *life { return n.cur.Load() }

// identity returns who the node is now.
func (n *Node) identity() peer.Identity { return n.life().id }

// listen opens the real cluster port.
func listen(n *Node, l *life) (transport, error) {
	p, err := peer.Listen(peer.Options{
		Addr: n.opt.Listen, Credentials: *l.creds.Load(),
		Identity: func() peer.Identity { return l.id },
		Member:   n.isMember,
		Log:      n.log, Alarms: n.alarms,
		OnNewerGeneration: n.newerGeneration,
	})
	if err != nil {
		return nil, err
	}
	if a := p.Addr(); a != nil {
		n.opt.Listen = a.String() // the next life is found at the same port
		if n.addr == "" {
			n.addr = a.String()
		}
	}
	t := newPortTransport(p, n.addr, n, n.log)
	p.HandleJoin(n.handleJoin)
	return t, nil
}

// start runs Raft and what belongs to one run of it.
func (n *Node) start(l *life) error {
	n.register(l.trans)
	r, err := n.newRaft(l)
	if err != nil {
		return err
	}
	l.raft = r
	l.push = newPusher(r, l.trans.raftTransport(), raft.ServerID(l.id.ServerID()))
	close(l.started)
	n.cur.Store(l)
	l.loops.Go(func() { n.followLeader(l) })
	l.loops.Go(func() { n.watchLeader(l) })
	l.loops.Go(func() { n.leadLoop(l) })
	return nil
}

// newRaft starts Raft on a goroutine of its own, which a failing store may end.
func (n *Node) newRaft(l *life) (*raft.Raft, error) {
	snaps, err := newSnapshotStore(l.disk.snaps)
	if err != nil {
		return nil, err
	}
	store := &guardedStore{logs: l.disk.logs, stable: l.disk.stable, snaps: snaps, failed: func(op string, err error, fatal bool) {
		n.storeFailed(l, op, err, fatal)
	}}
	logs, err := raft.NewLogCache(n.opt.tuning.cached, store)
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	var r *raft.Raft
	err = errors.New("the log store failed")
	onItsOwn(func() { r, err = raft.NewRaft(n.raftConfig(l), n.fsm, logs, store, snaps, l.trans.raftTransport()) }, &err)
	if f := l.failed.Load(); f != nil {
		err = *f
	}
	if err != nil {
		return nil, fmt.Errorf("start raft: %w", err)
	}
	return r, nil
}

// onItsOwn runs f on a goroutine that a failing store may end, and turns a
// panic of Raft's into an error.
func onItsOwn(f func(), err *error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				*err = fmt.Errorf("%w: %v", ErrBroken, p)
			}
		}()
		f()
	}()
	<-done
}

func (n *Node) raftConfig(l *life) *raft.Config {
	c := raft.DefaultConfig()
	t := n.opt.tuning
	c.LocalID = raft.ServerID(l.id.ServerID())
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
func (l *life) pushCommit(index, term uint64, leaveOut bool) {
	select {
	case <-l.started:
		if !leaveOut {
			l.push.committed(index, term)
		}
	default:
	}
}

// running returns Raft once it has started and while its store works.
func (n *Node) running() (*raft.Raft, error) {
	l := n.life()
	if f := l.failed.Load(); f != nil {
		return nil, fmt.Errorf("this node has left the cluster: %w", *f)
	}
	select {
	case <-l.started:
	default:
		return nil, errors.New("this node is starting")
	}
	return l.raft, nil
}

// storeFailed is told of every error of the log store.
func (n *Node) storeFailed(l *life, op string, err error, fatal bool) {
	text := fmt.Sprintf("%s: %v", op, err)
	if fatal {
		why := fmt.Errorf("its log failed: %w", err)
		l.failed.CompareAndSwap(nil, &why)
		text += "; this node has left the cluster, its routes stay announced. Repair the disk, then restart triggerd"
	}
	n.alarms.Raise(alarm.StoreError, "log", text)
	if !fatal {
		return
	}
	n.log.Error("log store failed", "op", op, "err", err)
	go func() {
		select {
		case <-l.started:
			_ = l.raft.Shutdown().Error() // it returns nil
		case <-l.ctx.Done():
		}
	}()
}

// inRaft runs f, which waits for Raft, on a goroutine of its own. Raft leaves
// some of those waiting who ask it while it stops, so halt lets them finish
// first; false when it has begun.
func (l *life) inRaft(f func()) bool {
	l.callMu.Lock()
	defer l.callMu.Unlock()
	if l.ending {
		return false
	}
	l.calls.Go(f)
	return true
}

// refuseCalls lets the calls under way end, and no new ones begin.
func (l *life) refuseCalls() {
	l.callMu.Lock()
	l.ending = true
	l.callMu.Unlock()
	waitAtMost(&l.calls, time.Second)
}

// halt ends a life; the log and the mark stay open. The order matters: no new
// proposals, those under way end, Raft stops, then its connections.
func (n *Node) halt(l *life) {
	l.refuseCalls()
	l.cancel()
	select {
	case <-l.started:
	default: // Raft has never run
		if l.trans != nil {
			l.trans.close()
		}
		return
	}
	l.push.end()
	shut := make(chan struct{})
	go func() {
		defer close(shut)
		_ = l.raft.Shutdown().Error() // it returns nil
	}()
	select {
	case <-shut:
	case <-time.After(3 * time.Second):
		n.log.Warn("raft does not stop in time")
	}
	l.trans.close()
	<-shut
	l.push.wait()
	l.loops.Wait()
}

// release closes what halt has left open.
func (l *life) release() (err error) {
	l.closed.Do(func() {
		if l.disk != nil {
			err = l.disk.close()
		}
		if l.mark != nil {
			err = errors.Join(err, l.mark.close())
		}
	})
	return err
}
