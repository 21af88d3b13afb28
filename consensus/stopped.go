package consensus

import (
	"context"
	"fmt"

	"github.com/triggerd/triggerd/consensus/peer"
)

// Stopped is a node's directory without a daemon in it: its state as of the
// mark, and a port that only dials. It is for recovering a node that can't or
// should not be started before.
type Stopped struct{ n *Node }

// OpenStopped opens the directory. A daemon that runs in it holds the log, and
// is an error.
func OpenStopped(opt Options) (*Stopped, error) {
	opt.Listen = ""
	id, err := peer.LoadIdentity(opt.Dir)
	if err != nil {
		return nil, err
	}
	creds, err := loadCredentials(opt.Dir, id)
	if err != nil {
		return nil, err
	}
	a, err := loadAside(opt.Dir)
	if err != nil {
		return nil, err
	}
	if a != nil {
		return nil, fmt.Errorf("%w: %s; start it, so that it can come back", ErrCannotRecover, a.Why)
	}
	return openStopped(opt, id, creds, wiring{connect: listen})
}

func openStopped(opt Options, id peer.Identity, creds peer.Credentials, w wiring) (*Stopped, error) {
	n := newNode(opt, w)
	l := newLife(n.ctx, id, creds)
	n.cur.Store(l)
	var err error
	if l.disk, err = openDisk(n.opt.Dir, n.opt.tuning.noSync, n.opt.Log); err == nil {
		if err = n.load(l); err == nil {
			l.trans, err = w.connect(n, l)
		}
	}
	if err != nil {
		n.abandon()
		return nil, err
	}
	return &Stopped{n}, nil
}

// Plan is [Node.PlanRecovery].
func (s *Stopped) Plan(ctx context.Context) (RecoveryPlan, error) { return s.n.PlanRecovery(ctx) }

// Recover is [Node.Recover], but for the record in the log: the node is the
// cluster's only voter when it is started next.
func (s *Stopped) Recover(ctx context.Context, excluded []string) error {
	p, err := s.Plan(ctx)
	if err != nil {
		return err
	}
	if err := p.confirmedBy(excluded); err != nil {
		return err
	}
	l := s.n.life()
	id, err := raised(s.n.opt.Dir, l.id)
	if err != nil {
		return err
	}
	if err := peer.SaveIdentity(s.n.opt.Dir, id); err != nil {
		return err
	}
	return s.n.onlyVoter(l)
}

// Close lets the directory go.
func (s *Stopped) Close() error {
	s.n.cancel()
	l := s.n.life()
	s.n.halt(l)
	return l.release()
}
