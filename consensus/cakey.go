package consensus

import (
	"context"
	"errors"
	"fmt"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
)

// The CA's key lies on the voters and nowhere else. One that joins as a voter
// gets it with its certificate; one that is promoted later fetches it from
// another voter, and one that is demoted destroys its copy, but never before
// another voter has shown that it can sign.

const caKeySubject = "ca-key"

// keepCAKey brings the file in line with the node's role. It tells whether it is.
func (n *Node) keepCAKey() bool {
	l := n.life()
	creds := *l.creds.Load()
	m, err := n.member(l.id.Name)
	if err != nil || m.Incarnation != l.id.Incarnation || creds.Cert == nil || !n.confirmed.Load() || l.aside.Load() != nil {
		return true // an older state may say another role
	}
	_, err = peer.LoadCA(n.opt.Dir)
	switch holds := err == nil; {
	case m.Role.Votes() && errors.Is(err, peer.ErrNoCAKey):
		err = n.fetchCAKey(l, creds)
	case !m.Role.Votes() && holds:
		err = n.dropCAKey(l, creds)
	case errors.Is(err, peer.ErrNoCAKey):
		err = nil
	}
	if err != nil && n.ctx.Err() != nil {
		return false
	}
	n.alarms.Set(err != nil, alarm.CertExpiry, caKeySubject, fmt.Sprintf("the CA's key on this node, a %s: %v; it is tried again every minute", m.Role, err))
	return err == nil
}

// kickRole has the node look at its certificate and the CA's key again.
func (n *Node) kickRole() {
	select {
	case n.role <- struct{}{}:
	default:
	}
}

func (n *Node) fetchCAKey(l *life, creds peer.Credentials) error {
	der, err := n.askVoters(l, callCAKey, nil)
	if err != nil {
		return fmt.Errorf("it votes and has no copy, so it could neither take nodes in nor recover the cluster: %s", oneLine(err))
	}
	ca, err := peer.CAFromKey(creds.CACert, der)
	if err != nil {
		return err
	}
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	if n.life() != l || n.ctx.Err() != nil {
		return ErrClosed
	}
	n.log.Info("this node votes and holds the CA's key now")
	return peer.SaveCA(n.opt.Dir, ca)
}

func (n *Node) dropCAKey(l *life, creds peer.Credentials) error {
	csr, err := peer.NewCSR(creds.Key, l.id.Name)
	if err != nil {
		return err
	}
	if _, err := n.askVoters(l, callRenew, csr); err != nil {
		return fmt.Errorf("it does not vote and should not hold it, but no voter shows that it does: %s", oneLine(err))
	}
	n.log.Info("this node does not vote any more: its copy of the CA's key is destroyed")
	return peer.RemoveCAKey(n.opt.Dir)
}

// handleCAKey gives the key to a member that votes, over the connection that
// has proved who it is. The role is that in this node's own state.
func (n *Node) handleCAKey(_ context.Context, from peer.Identity, _ []byte) ([]byte, error) {
	m, err := n.member(from.Name)
	if err != nil || m.ServerID() != from.ServerID() || !m.Role.Votes() {
		return nil, fmt.Errorf("%s does not vote", from.ServerID())
	}
	ca, err := peer.LoadCA(n.opt.Dir)
	if err != nil {
		return nil, err
	}
	n.log.Info("the CA's key is given to a new voter", "node", from.ServerID())
	return ca.KeyDER()
}
