package consensus

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Certificates renew themselves. From when a third of its life is left, a node
// looks for a new one every hour, and every minute once that has failed. A node
// that holds the CA's key, as every voter does, signs for itself, so a cluster
// that was off for years starts as it stopped. A speaker asks a voter, which
// signs for the very server id that the old certificate proved, and for no
// other. The key stays. A speaker whose certificate has ended can prove nothing
// any more: it says what to type, and goes on announcing what it has.
//
// Certificates are about wall-clock time. So nobody signs whose wall clock
// differs from the log's: a clock that jumped would make one that is good in
// another year only.

const (
	renewAgain  = time.Minute // after a failure
	renewWithin = 5 * time.Second
)

// errWallClock is a node whose wall clock can't be believed.
var errWallClock = errors.New("its wall clock differs from the cluster's clock: check NTP there")

func (n *Node) renewLoop() {
	every := n.opt.tuning.renewEvery
	for {
		next := every
		if !n.renewIfDue() || !n.keepCAKey() {
			next = min(every, renewAgain)
		}
		select {
		case <-time.After(next):
		case <-n.role:
		case <-n.ctx.Done():
			return
		}
	}
}

// renewIfDue gets a new certificate when it is time. It tells whether all is well.
func (n *Node) renewIfDue() bool {
	l := n.life()
	creds, now := *l.creds.Load(), n.opt.Time.Wall()
	// One that is coming back is given a certificate with its next incarnation,
	// if the old one still proves who it is.
	a := l.aside.Load()
	comingBack := a != nil && !a.Joined && creds.Cert != nil && peer.Good(creds.Cert, now)
	if creds.Cert == nil || comingBack || !peer.NeedsRenewal(creds.Cert, now) {
		n.alarms.Clear(alarm.CertExpiry, "")
		return true
	}
	renewed, err := n.newCertificate(l, creds, now)
	if err == nil {
		err = n.useCertificate(l, renewed)
	}
	if err != nil {
		if n.ctx.Err() == nil {
			n.alarms.Raise(alarm.CertExpiry, "", n.notRenewed(creds.Cert, now, err))
		}
		return false
	}
	n.alarms.Clear(alarm.CertExpiry, "")
	n.log.Info("certificate renewed", "node", l.id.ServerID(), "until", renewed.Cert.NotAfter.UTC())
	return true
}

// newCertificate signs one here, or has a voter do it.
func (n *Node) newCertificate(l *life, old peer.Credentials, now time.Time) (peer.Credentials, error) {
	csr, err := peer.NewCSR(old.Key, l.id.Name)
	if err != nil {
		return old, err
	}
	der, err := n.signHere(csr, l.id.ServerID())
	if errors.Is(err, peer.ErrNoCAKey) {
		der, err = n.askVoters(l, callRenew, csr)
	}
	if err != nil {
		return old, err
	}
	renewed, err := old.Renewed(der)
	switch {
	case err != nil:
		return old, err
	case renewed.ServerID() != l.id.ServerID():
		return old, fmt.Errorf("the certificate received is %s's", renewed.ServerID())
	case !peer.Good(renewed.Cert, now) || peer.NeedsRenewal(renewed.Cert, now):
		return old, fmt.Errorf("the certificate received is good from %s to %s: this node's clock or that of the member that signed it is wrong",
			day(renewed.Cert.NotBefore), day(renewed.Cert.NotAfter))
	}
	return renewed, nil
}

// signHere makes a certificate with the CA's key on this node.
func (n *Node) signHere(csr []byte, serverID string) ([]byte, error) {
	ca, err := peer.LoadCA(n.opt.Dir)
	if err != nil {
		return nil, err
	}
	if !n.wallIsGood() {
		return nil, fmt.Errorf("%s cannot sign: %w", n.Name(), errWallClock)
	}
	return ca.Renew(csr, serverID, n.opt.Time.Wall())
}

// wallIsGood tells whether the wall clock agrees with the log's. A log's clock
// that was not carried on without a break is only known not to be later.
func (n *Node) wallIsGood() bool {
	off := n.clock.wallOff()
	return off >= -wallJump && (off <= wallJump || !n.clock.isLive())
}

// askVoters makes a call to the other voters, the leader first, until one answers.
func (n *Node) askVoters(l *life, kind string, body []byte) ([]byte, error) {
	failed := []error{errors.New("no voter helps")}
	leader, _, _, _ := n.leader.get()
	all := n.members()
	if i := slices.IndexFunc(all, func(m rtbh.Member) bool { return m.ServerID() == leader }); i > 0 {
		all[0], all[i] = all[i], all[0]
	}
	for _, m := range all {
		if !m.Role.Votes() || m.Name == l.id.Name {
			continue
		}
		ctx, cancel := context.WithTimeout(n.ctx, renewWithin)
		out, err := l.trans.call(ctx, m.Addr, m.ServerID(), kind, body)
		cancel()
		if err == nil {
			return out, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", m.Name, err))
	}
	return nil, errors.Join(failed...)
}

// handleRenew is the voter's side. The connection has proved who asks.
func (n *Node) handleRenew(_ context.Context, from peer.Identity, csr []byte) ([]byte, error) {
	m, err := n.member(from.Name)
	if err != nil || m.ServerID() != from.ServerID() {
		return nil, fmt.Errorf("%s is not a member", from.ServerID())
	}
	der, err := n.signHere(csr, from.ServerID())
	if err != nil {
		return nil, err
	}
	n.log.Info("certificate signed anew", "node", from.ServerID())
	return der, nil
}

// useCertificate writes it and shows it from now on, unless the node has begun
// another life meanwhile: that has its own.
func (n *Node) useCertificate(l *life, c peer.Credentials) error {
	n.lifeMu.Lock()
	defer n.lifeMu.Unlock()
	if n.life() != l || n.ctx.Err() != nil {
		return errors.New("this node has become another incarnation meanwhile")
	}
	if err := peer.SaveCertificate(n.opt.Dir, c); err != nil {
		return err
	}
	if err := l.trans.setCredentials(c); err != nil {
		return err
	}
	l.creds.Store(&c)
	return nil
}

// notRenewed is what people are told.
func (n *Node) notRenewed(cert *x509.Certificate, now time.Time, err error) string {
	if !now.After(cert.NotAfter) {
		return fmt.Sprintf("this node's certificate is good until %s and was not renewed: %v; it is tried again every minute", day(cert.NotAfter), oneLine(err))
	}
	return fmt.Sprintf("this node's certificate ended on %s: no member takes its connections, so it hears no new commands; what it announces stays. "+
		"If the clock here is right, type `triggerd token --role %s --name %s` at another member; then stop triggerd here, move %s away, and run `triggerd join` with that token (%v)",
		day(cert.NotAfter), n.Role(), n.Name(), n.opt.Dir, oneLine(err))
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// oneLine makes joined errors fit for an alarm.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
