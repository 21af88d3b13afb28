package consensus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// How a node comes back whose log must not count any more: because the cluster
// was recovered without it (fencing), or because its state turned out to be
// wrong (quarantine). It stops Raft, sets its log aside, asks the cluster for
// the next incarnation of its name and fetches everything anew, as a node that
// does not vote. What it announces does not change until all is there.

// rejoinEvery is the pause between two tries to come back.
const rejoinEvery = time.Second

// rejoined is what the cluster gave to a node that came back.
type rejoined struct {
	id    peer.Identity
	creds peer.Credentials
	save  func(dir string) error
}

// rejoinOverPort asks one member over the real port.
func rejoinOverPort(ctx context.Context, n *Node, addr string) (rejoined, error) {
	l := n.life()
	j, err := peer.Rejoin(ctx, l.id.Cluster, *l.creds.Load(), []string{addr}, n.joinRequest())
	if err != nil {
		return rejoined{}, err
	}
	return rejoined{id: j.Identity, creds: j.Credentials, save: j.Save}, nil
}

func (n *Node) joinRequest() peer.JoinRequest {
	return peer.JoinRequest{Name: n.Name(), Advertise: n.addr, Binary: n.opt.Version, Speaks: rtbh.Speaks}
}

// newerGeneration is the port's call: a signed generation above this node's.
func (n *Node) newerGeneration(r peer.Record, _ net.Addr) {
	n.setAside(aside{
		Record: r, Alarm: string(alarm.Fenced),
		Why: fmt.Sprintf("the cluster was recovered without this node, to generation %d", r.Generation),
	}, "fenced", func(l *life) bool { return r.Generation > l.id.Generation })
}

// setAside ends this life, if that is still called for, and begins to come back.
func (n *Node) setAside(a aside, what string, calledFor func(l *life) bool) {
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	l := n.life()
	if n.ctx.Err() != nil || !calledFor(l) {
		return
	}
	old := l.aside.Load()
	if old != nil && !old.Joined {
		return // on its way already; it will be given the newest generation
	}
	n.log.Warn("this node's log is set aside", "why", a.Why, "generation", l.id.Generation, "to", a.Record.Generation)
	n.raiseAside(&a)
	why := errors.New(a.Why)
	l.failed.Store(&why)
	n.halt(l)
	_ = l.release() // the log is not written again; a stale mark is only incomplete
	n.leader.set("", "", time.Now())
	n.confirmed.Store(false)
	n.fsm.hold()
	n.digests.forget()
	if a.Dir = asideName(n.opt.Dir, what, l.id.Generation, time.Now()); old != nil {
		a.Dir = old.Dir // what is shown still; the log that was being fetched is worth nothing
		n.alarms.Clear(alarm.Kind(old.Alarm), "")
		n.raiseAside(&a)
	}
	l.aside.Store(&a)
	n.spawn(func() { n.comeBack(&a) })
}

func (n *Node) raiseAside(a *aside) {
	n.alarms.Raise(alarm.Kind(a.Alarm), "", a.Why+"; it fetches the cluster's state anew, and until then it announces what it had")
}

// comeBack tries until the node is a member again or is closed.
func (n *Node) comeBack(a *aside) {
	for said := ""; ; {
		err := n.tryBack(a)
		if err == nil || n.ctx.Err() != nil {
			return
		}
		if err.Error() != said {
			n.log.Warn("not a member again yet", "err", err)
			said = err.Error()
		}
		if pause(n.ctx, rejoinEvery) != nil {
			return
		}
	}
}

// tryBack does the steps in an order in which each may be the last one that
// was done before a crash.
func (n *Node) tryBack(a *aside) error {
	if err := errors.Join(a.save(n.opt.Dir), a.move(n.opt.Dir)); err != nil {
		return err
	}
	j, err := n.askBack(a)
	if err != nil {
		return err
	}
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	if n.ctx.Err() != nil {
		return ErrClosed
	}
	if err := errors.Join(a.clearHalfMade(n.opt.Dir), createDisk(n.opt.Dir)); err != nil {
		return err
	}
	if err := j.save(n.opt.Dir); err != nil {
		return err
	}
	joined := *a
	joined.Joined = true
	if err := joined.save(n.opt.Dir); err != nil {
		return err
	}
	l := newLife(n.ctx, j.id, j.creds)
	l.aside.Store(&joined)
	if l.disk, err = openDisk(n.opt.Dir, n.opt.tuning.noSync, n.opt.Log); err != nil {
		return err
	}
	if err := n.succeed(l); err != nil {
		return err
	}
	n.log.Info("this node is a member again", "node", j.id.ServerID(), "generation", j.id.Generation)
	n.spawn(func() { n.showNew(l) })
	return nil
}

// succeed lets a life follow one that has ended.
func (n *Node) succeed(l *life) (err error) {
	defer func() {
		if err != nil {
			n.halt(l)
			_ = l.release()
		}
	}()
	if err = n.load(l); err != nil {
		return err
	}
	return n.proceed(l)
}

// proceed connects and starts a life whose log is loaded.
func (n *Node) proceed(l *life) (err error) {
	if l.trans, err = n.wiring.connect(n, l); err != nil {
		return err
	}
	if err = n.start(l); err != nil {
		return err
	}
	n.lookNow()
	return nil
}

// askBack asks the other members, voters first, for the next incarnation. One
// that is itself behind in generation can give none that counts.
func (n *Node) askBack(a *aside) (rejoined, error) {
	var failed []error
	for _, addr := range n.othersAddrs() {
		ctx, cancel := context.WithTimeout(n.ctx, 2*answerWithin)
		j, err := n.wiring.rejoin(ctx, n, addr)
		cancel()
		switch {
		case err != nil:
			failed = append(failed, err)
		case j.id.Generation < a.Record.Generation:
			failed = append(failed, fmt.Errorf("%s is at generation %d still", addr, j.id.Generation))
		default:
			return j, nil
		}
	}
	if len(failed) == 0 {
		return rejoined{}, errors.New("no other member is known to this node: " + peer.WayBack)
	}
	return rejoined{}, errors.Join(failed...)
}

// othersAddrs returns the other members' addresses as last known, voters first.
func (n *Node) othersAddrs() (addrs []string) {
	var all []rtbh.Member
	n.fsm.show(func(s *rtbh.State) { all = s.Members() })
	for _, votes := range []bool{true, false} {
		for _, m := range all {
			if m.Role.Votes() == votes && m.Name != n.Name() {
				addrs = append(addrs, m.Addr)
			}
		}
	}
	return addrs
}

// showNew waits until the new state is where the cluster is, and lets it be
// seen: neighbors get the difference, once.
func (n *Node) showNew(l *life) {
	a := l.aside.Load()
	for {
		if n.confirm(l.ctx) {
			break
		}
		if pause(l.ctx, 50*time.Millisecond) != nil {
			return
		}
	}
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	if n.life() != l || l.ctx.Err() != nil {
		return
	}
	if err := a.done(n.opt.Dir); err != nil {
		n.log.Warn("cleaning up after the log that was set aside", "err", err)
	}
	l.aside.Store(nil)
	n.fsm.letGo()
	n.alarms.Clear(alarm.Kind(a.Alarm), "")
	n.kickLeader()
	n.log.Info("the new state is complete and shown", "node", l.id.ServerID())
}

// openAside starts a node whose log was set aside when it last ran: it shows
// that state, and goes on with coming back.
func openAside(opt Options, id peer.Identity, creds peer.Credentials, a *aside, w wiring) (*Node, error) {
	n := newNode(opt, w)
	if !a.Joined {
		if err := a.move(n.opt.Dir); err != nil {
			n.cancel()
			return nil, err
		}
	}
	n.raiseAside(a)
	if err := a.restore(n); err != nil {
		n.log.Error("the state that was set aside cannot be read; nothing is announced until the new one is there", "err", err)
	}
	n.fsm.hold()
	l := newLife(n.ctx, id, creds)
	l.aside.Store(a)
	n.cur.Store(l)
	if err := n.beginAside(l, a); err != nil {
		n.abandon()
		return nil, err
	}
	n.goBackground(n.pollLoop)
	n.goBackground(n.hashLoop)
	n.goBackground(n.renewLoop)
	return n, nil
}

func (n *Node) beginAside(l *life, a *aside) (err error) {
	if a.Joined {
		if l.disk, err = openDisk(n.opt.Dir, n.opt.tuning.noSync, n.opt.Log); err != nil {
			return err
		}
		if err = n.begin(l); err != nil {
			return err
		}
		n.spawn(func() { n.showNew(l) })
		return nil
	}
	if n.addr == "" {
		n.fsm.show(func(s *rtbh.State) {
			if m, ok := s.Member(l.id.Name); ok {
				n.addr = m.Addr
			}
		})
	}
	why := errors.New(a.Why)
	l.failed.Store(&why)
	l.trans = newLoneTransport(n.addr)
	n.listenOnce.Do(n.listenToState)
	n.spawn(func() { n.comeBack(a) })
	return nil
}
