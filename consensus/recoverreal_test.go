package consensus

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// As the tests with simulated nodes, over TCP and TLS: the generation is what
// the port's handshake carries, the way back is by the old certificate.

func (r *realNode) raised(kind alarm.Kind) bool {
	for _, a := range r.alarms.List() {
		if a.Kind == kind {
			return true
		}
	}
	return false
}

func (r *realNode) recoverAlone(t testing.TB) time.Duration {
	t.Helper()
	p, err := r.PlanRecovery(ctxFor(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := r.Recover(ctxFor(t, 20*time.Second), local, p.Names()); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestRecoveredAwayNodeComesBackByItsCertificate(t *testing.T) {
	nodes := realCluster(t)
	a, b, c := nodes[0], nodes[1], nodes[2]
	sp := a.join(t, "pop1", rtbh.Speaker)
	mustAccept(t, a.Node, announce("203.0.113.1/32"))
	must(t, b.Close())
	must(t, c.Close())
	o := look(a.Node, "203.0.113.1/32")
	speaking := look(sp.Node, "203.0.113.1/32")
	t.Logf("recovered in %s", a.recoverAlone(t))
	mustAccept(t, a.Node, announce("203.0.113.2/32"))
	eventually(t, "the speaker has come in anew", 20*time.Second, func() bool {
		speaking.look()
		return sp.identity().Incarnation == 2 && sp.identity().Generation == 2 && !sp.fsm.holding() && sp.holds("203.0.113.2/32")
	})
	b.open(t, "trigger2")
	back := look(b.Node, "203.0.113.1/32")
	eventually(t, "trigger2 is fenced, comes in anew and votes", 20*time.Second, func() bool {
		back.look()
		return b.identity().Incarnation == 2 && !b.fsm.holding() && contains(a.voters(), "trigger2#2")
	})
	mustAccept(t, b.Node, announce("203.0.113.3/32"))
	for _, seen := range []*onlooker{o, speaking, back} {
		seen.mustHaveLostNothing(t)
	}
	must(t, b.Close())
	b.open(t, "trigger2")
	if id := b.identity(); id.Generation != 2 || id.Incarnation != 2 || !b.holds("203.0.113.3/32") {
		t.Errorf("after a restart: %+v", id)
	}
}

func TestBothSidesRecoveredIsAnAlarmOnBoth(t *testing.T) {
	a := initReal(t)
	b := a.join(t, "trigger2", rtbh.Voter)
	must(t, b.Close())
	a.recoverAlone(t)
	mustAccept(t, a.Node, announce("203.0.113.2/32"))
	must(t, a.Close())
	b.open(t, "trigger2")
	b.recoverAlone(t)
	mustAccept(t, b.Node, announce("203.0.113.3/32"))
	a.open(t, "trigger1")
	eventually(t, "both say so", 20*time.Second, func() bool {
		return a.raised(alarm.PeerRefused) && b.raised(alarm.PeerRefused)
	})
	if a.holds("203.0.113.3/32") || b.holds("203.0.113.2/32") {
		t.Error("two lineages have mixed")
	}
	// The operator picks trigger2 as the loser: wiped, it comes in with a token,
	// under an id that it never had.
	must(t, b.Close())
	must(t, os.RemoveAll(b.dir))
	token, err := a.Token(ctxFor(t, 5*time.Second), local, rtbh.Voter, "trigger2", time.Minute)
	must(t, err)
	j, err := Join(ctxFor(t, 10*time.Second), JoinOptions{Dir: b.dir, Name: "trigger2", Advertise: b.addr, Token: token})
	must(t, err)
	if j.ID != "trigger2#2" {
		t.Errorf("a wiped node came back as %s", j.ID)
	}
	b.open(t, "trigger2")
	if !b.Ready(context.Background()) || !b.holds("203.0.113.2/32") || b.holds("203.0.113.3/32") {
		t.Error("the loser does not have the winner's state")
	}
}

// A member's word is not enough: a generation that the CA did not sign fences
// nobody.
func TestForgedGenerationFencesNobody(t *testing.T) {
	a := initReal(t)
	b := a.join(t, "trigger2", rtbh.Speaker)
	must(t, b.Close())
	id, err := peer.LoadIdentity(b.dir)
	must(t, err)
	id.Generation, id.Lineage = 7, peer.NewLineage()
	must(t, peer.SaveIdentity(b.dir, id))
	b.open(t, "trigger2")
	eventually(t, "it is refused", 10*time.Second, func() bool { return a.raised(alarm.PeerRefused) })
	if a.raised(alarm.Fenced) || a.identity().Generation != 1 {
		t.Error("a forged generation fenced a node")
	}
	mustAccept(t, a.Node, announce("203.0.113.1/32"))
}

func TestRemovedNodeDoesNotComeBackByItsCertificate(t *testing.T) {
	a := initReal(t)
	b := a.join(t, "pop1", rtbh.Speaker)
	must(t, b.Close())
	must(t, a.Remove(ctxFor(t, 5*time.Second), local, "pop1"))
	creds, err := peer.LoadCredentials(b.dir)
	must(t, err)
	_, err = peer.Rejoin(ctxFor(t, 5*time.Second), a.ClusterID(), creds, []string{a.addr}, peer.JoinRequest{Name: "pop1", Advertise: b.addr, Speaks: 1})
	if err == nil || !strings.Contains(err.Error(), "not a member any more") {
		t.Errorf("it was let in: %v", err)
	}
}

func TestStoppedNodeIsRecoveredInItsDirectory(t *testing.T) {
	nodes := realCluster(t)
	mustAccept(t, nodes[0].Node, announce("203.0.113.1/32"))
	if _, err := OpenStopped(Options{Dir: nodes[0].dir}); err == nil || !strings.Contains(err.Error(), "another triggerd runs") {
		t.Errorf("beside a running node: %v", err)
	}
	must(t, nodes[0].Close())
	st, err := OpenStopped(Options{Dir: nodes[0].dir})
	must(t, err)
	if _, err := st.Plan(ctxFor(t, 10*time.Second)); err == nil || !strings.Contains(err.Error(), "majority") {
		t.Errorf("with the other two running: %v", err)
	}
	must(t, nodes[1].Close())
	must(t, nodes[2].Close())
	p, err := st.Plan(ctxFor(t, 10*time.Second))
	must(t, err)
	must(t, st.Recover(ctxFor(t, 10*time.Second), p.Names()))
	must(t, st.Close())
	nodes[0].open(t, "trigger1")
	if !nodes[0].Ready(context.Background()) {
		t.Error("it is not confirmed")
	}
	mustAccept(t, nodes[0].Node, announce("203.0.113.2/32"))
}
