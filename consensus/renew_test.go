package consensus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

const days = 24 * time.Hour

// certify gives a node a certificate as it was signed at a time; ca is the
// directory of a node that holds the CA's key.
func certify(t testing.TB, dir, ca, serverID string, at time.Time) peer.Credentials {
	t.Helper()
	authority, err := peer.LoadCA(ca)
	must2(t, err)
	key, err := peer.NewKey()
	must2(t, err)
	csr, err := peer.NewCSR(key, "any")
	must2(t, err)
	der, err := authority.Renew(csr, serverID, at)
	must2(t, err)
	c, err := peer.NewCredentials(authority.Cert, der, key)
	must2(t, err)
	must2(t, peer.SaveCredentials(dir, c))
	return c
}

func (n *simNode) certificate() peer.Credentials {
	n.sim.t.Helper()
	c, err := peer.LoadCredentials(n.dir)
	must2(n.sim.t, err)
	return c
}

// hasDroppedTheKey waits until the node, which does not vote, has destroyed the
// copy of the CA's key that every node here is made with.
func (n *simNode) hasDroppedTheKey() {
	n.sim.t.Helper()
	n.sim.until(n.name+" holds no key", func() bool {
		_, err := peer.LoadCA(n.dir)
		return errors.Is(err, peer.ErrNoCAKey)
	})
}

// age lets time go by on every wall clock and on the log's, without living
// through it: all nodes are off meanwhile.
func (s *sim) age(by time.Duration) {
	for _, n := range s.nodes {
		n.skew.Add(int64(by))
		n.reboot()
	}
}

func (n *simNode) alarmed(kind alarm.Kind) string {
	for _, a := range n.alarms.List() {
		if a.Kind == kind {
			return a.Text
		}
	}
	return ""
}

func (s *sim) withCertificates() {
	for _, n := range s.nodes {
		id := n.identity().ServerID()
		n.down()
		certify(s.t, n.dir, s.nodes[0].dir, id, time.Now())
	}
	for _, n := range s.nodes {
		n.up()
	}
	for _, n := range s.nodes {
		n.mustBeReady()
	}
}

func TestCertificatesRenewThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{renewEvery: time.Second}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		s.withCertificates()
		s.nodes[3].hasDroppedTheKey()
		var before []peer.Credentials
		for _, n := range s.nodes {
			before = append(before, n.certificate())
		}
		time.Sleep(5 * time.Second)
		for i, n := range s.nodes {
			if !n.certificate().Cert.Equal(before[i].Cert) {
				t.Errorf("%s renewed a certificate that is new", n.name)
			}
		}
		for _, n := range s.nodes {
			n.down()
		}
		s.age(250 * days) // a third is left
		for _, n := range s.nodes {
			n.up()
		}
		for i, n := range s.nodes {
			n.mustBeReady()
			s.until(n.name+" has a new certificate", func() bool { return n.certificate().Cert.NotAfter.After(before[i].Cert.NotAfter) })
			now := n.certificate()
			if !now.Key.Equal(before[i].Key) || now.ServerID() != before[i].ServerID() {
				t.Errorf("%s: another key or name", n.name)
			}
			if !n.life().creds.Load().Cert.Equal(now.Cert) {
				t.Errorf("%s does not show what it has written", n.name)
			}
			if text := n.alarmed(alarm.CertExpiry); text != "" {
				t.Errorf("%s: %s", n.name, text)
			}
		}
	})
}

// While nobody signs, the alarm says so and until when there is time; a voter
// that answers again ends it.
func TestRenewalThatDoesNotSucceedIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{renewEvery: time.Second}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		s.withCertificates()
		sp := s.nodes[3]
		sp.hasDroppedTheKey()
		for _, n := range s.nodes {
			n.down()
		}
		s.age(300 * days)
		for _, n := range s.nodes {
			n.up()
		}
		sp.isolate()
		s.until("the speaker says so", func() bool { return strings.Contains(sp.alarmed(alarm.CertExpiry), "was not renewed") })
		sp.heal()
		s.until("it is renewed", func() bool { return sp.alarmed(alarm.CertExpiry) == "" })
		if !sp.certificate().Cert.NotAfter.After(time.Now().Add(600 * days)) {
			t.Errorf("good until %v only", sp.certificate().Cert.NotAfter)
		}
	})
}

// A wall clock that has jumped signs nothing: the certificate would be good in
// another year only.
func TestClockThatJumpedRenewsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{renewEvery: time.Second}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		s.withCertificates()
		sp, voter := s.nodes[3], s.nodes[1]
		sp.hasDroppedTheKey()
		wanted := map[*simNode]peer.Credentials{sp: sp.certificate(), voter: voter.certificate()}
		for n, c := range wanted {
			for _, jump := range []time.Duration{300 * days, 4000 * days, -4000 * days} {
				n.skew.Store(int64(jump))
				s.until("it says so", func() bool { return n.alarmed(alarm.CertExpiry) != "" })
				time.Sleep(3 * time.Second)
				if !n.certificate().Cert.Equal(c.Cert) {
					t.Errorf("%s, %v ahead, took a certificate good from %v to %v", n.name, jump, n.certificate().Cert.NotBefore, n.certificate().Cert.NotAfter)
				}
				n.skew.Store(0)
				s.until("all is well", func() bool { return n.alarmed(alarm.CertExpiry) == "" })
			}
		}
	})
}

// One member gets no certificate in another's name, and who was removed none.
func TestVoterSignsOnlyForWhoAsks(t *testing.T) {
	t.Parallel()
	a := initReal(t)
	b := a.join(t, "pop1", rtbh.Speaker)
	csr, err := peer.NewCSR(b.life().creds.Load().Key, "trigger1")
	must(t, err)
	der, err := b.life().trans.call(ctxFor(t, 5*time.Second), a.addr, "trigger1#1", callRenew, csr)
	must(t, err)
	c, err := b.life().creds.Load().Renewed(der)
	must(t, err)
	if c.ServerID() != "pop1#1" {
		t.Errorf("asked for trigger1, got %s", c.ServerID())
	}
	if _, err := b.life().trans.call(ctxFor(t, 5*time.Second), a.addr, "trigger1#1", callCAKey, nil); err == nil {
		t.Error("a speaker got the CA's key")
	}
	if _, err := a.handleRenew(context.Background(), peer.Identity{Name: "pop2", Incarnation: 1}, csr); err == nil {
		t.Error("signed for one that is no member")
	}
}

// Everything was off for more than a year: voters sign for themselves, the
// speaker can't, and what it says brings it back.
func TestClusterThatWasOffUntilItsCertificatesEnded(t *testing.T) {
	t.Parallel()
	nodes := realCluster(t)
	sp := nodes[0].join(t, "pop1", rtbh.Speaker)
	mustAccept(t, nodes[0].Node, announce("203.0.113.1/32"))
	all := append(nodes[:], sp)
	for _, n := range all {
		id := n.identity().ServerID()
		must(t, n.Close())
		certify(t, n.dir, nodes[0].dir, id, time.Now().Add(-400*days))
	}
	for _, n := range all {
		n.open(t, n.dir)
	}
	for _, n := range nodes {
		eventually(t, n.Name()+" is confirmed", 30*time.Second, func() bool { return n.Ready(context.Background()) })
	}
	mustAccept(t, nodes[1].Node, announce("203.0.113.2/32"))
	eventually(t, "the speaker says what to do", 30*time.Second, func() bool {
		for _, a := range sp.alarms.List() {
			if a.Kind == alarm.CertExpiry && strings.Contains(a.Text, "triggerd token --role speaker --name pop1") && strings.Contains(a.Text, sp.dir) {
				return true
			}
		}
		return false
	})
	if !sp.holds("203.0.113.1/32") {
		t.Error("it does not announce what it had")
	}
}

func TestCAKeyFollowsTheRole(t *testing.T) {
	t.Parallel()
	a := initReal(t)
	b := a.join(t, "pop1", rtbh.Speaker)
	holds := func() bool { _, err := peer.LoadCA(b.dir); return err == nil }
	must(t, a.SetRole(ctxFor(t, 5*time.Second), local, "pop1", rtbh.Voter))
	eventually(t, "the new voter holds the key", 20*time.Second, func() bool { return holds() && contains(a.voters(), "pop1#1") })
	must(t, a.SetRole(ctxFor(t, 5*time.Second), local, "pop1", rtbh.Speaker))
	eventually(t, "the speaker does not", 20*time.Second, func() bool { return !holds() })
	if _, err := peer.LoadCA(a.dir); err != nil {
		t.Errorf("the only voter lost the key: %v", err)
	}
}

// It was off while the cluster was recovered without it, and for so long that
// its certificate has ended: it signs itself a new one, is fenced, comes back.
func TestFencedVoterWhoseCertificateEndedComesBack(t *testing.T) {
	t.Parallel()
	a := initReal(t)
	b := a.join(t, "trigger2", rtbh.Voter)
	mustAccept(t, a.Node, announce("203.0.113.1/32"))
	must(t, b.Close())
	a.recoverAlone(t)
	certify(t, b.dir, a.dir, "trigger2#1", time.Now().Add(-400*days))
	b.open(t, "trigger2")
	eventually(t, "it is back and votes", 30*time.Second, func() bool {
		return b.identity().Incarnation == 2 && !b.fsm.holding() && contains(a.voters(), "trigger2#2")
	})
	if !b.holds("203.0.113.1/32") || !peer.Good(b.life().creds.Load().Cert, time.Now()) {
		t.Error("it has no state or no certificate")
	}
}
