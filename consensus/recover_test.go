package consensus

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// onlooker sees what a node's neighbors would: after each change that is told,
// and whenever looked, every prefix in must is announced.
type onlooker struct {
	n    *Node
	must []string
	mu   sync.Mutex
	lost []string
	told int
	all  int
}

func (n *simNode) watch(must ...string) *onlooker { return look(n.Node, must...) }

func look(n *Node, must ...string) *onlooker {
	o := &onlooker{n: n, must: must}
	n.OnApply(func(_ []netip.Prefix, all bool) {
		o.mu.Lock()
		o.told++
		if all {
			o.all++
		}
		o.mu.Unlock()
		o.look()
	})
	return o
}

func (o *onlooker) look() {
	for _, p := range o.must {
		if !o.n.holds(p) {
			o.mu.Lock()
			o.lost = append(o.lost, p)
			o.mu.Unlock()
		}
	}
}

func (o *onlooker) mustHaveLostNothing(t *testing.T) {
	t.Helper()
	o.look()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lost) > 0 {
		t.Errorf("%s withdrew without a reason: %v", o.n.Name(), o.lost[:min(3, len(o.lost))])
	}
}

// recoverAlone recovers the cluster at n, confirming what the plan says.
func (n *simNode) recoverAlone() RecoveryPlan {
	n.sim.t.Helper()
	p, err := n.PlanRecovery(context.Background())
	if err != nil {
		n.sim.t.Fatalf("plan at %s: %v", n.name, err)
	}
	if err := n.Recover(context.Background(), local, p.Names()); err != nil {
		n.sim.t.Fatalf("recover at %s: %v", n.name, err)
	}
	return p
}

func (s *sim) trigger(name string) *simNode {
	for _, n := range s.nodes {
		if n.name == name {
			return n
		}
	}
	s.t.Fatalf("no node %s", name)
	return nil
}

// comesBack waits until a node is a full member again in its next incarnation.
func (s *sim) comesBack(n *simNode, incarnation uint32) {
	s.t.Helper()
	s.until(n.name+" is a member again", func() bool {
		return n.identity().Incarnation == incarnation && !n.fsm.holding() && contains(s.leader().voters(), n.identity().ServerID())
	})
	s.until("it is fresh", func() bool { _, fresh := n.Fresh(context.Background()); return fresh })
}

// S0: what an old leader had put into its log and nobody else had is shown to
// the operator, in words, and is committed by the recovery.
func TestRecoveryShowsTheTailAndCommitsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		l := s.leader()
		mustAccept(t, l.Node, announce("203.0.113.1/32"))
		for _, o := range l.others() {
			o.down()
		}
		if _, err := l.Propose(context.Background(), announce("203.0.113.2/32")); err == nil {
			t.Fatal("accepted without a majority")
		}
		o := l.watch("203.0.113.1/32")
		p, err := l.PlanRecovery(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var tail []string
		for _, e := range p.Tail {
			for _, c := range e.Entry.Commands {
				tail = append(tail, fmt.Sprintf("%T", c))
			}
		}
		if len(tail) != 1 || tail[0] != "rtbh.Announce" || len(p.Answers) != 0 || len(p.Excluded) != 2 {
			t.Fatalf("the plan: %+v", p)
		}
		if l.holds("203.0.113.2/32") {
			t.Fatal("planning has changed the state")
		}
		for _, wrong := range [][]string{nil, {"trigger2"}, {"trigger2", "witness3", "trigger1"}} {
			if err := l.Recover(context.Background(), local, wrong); !errors.Is(err, ErrOtherNames) {
				t.Errorf("confirmed as %v: %v", wrong, err)
			}
		}
		began := time.Now()
		l.recoverAlone()
		t.Logf("recovered in %s of virtual time", time.Since(began))
		if !l.holds("203.0.113.2/32") {
			t.Error("the tail is not committed")
		}
		mustAccept(t, l.Node, announce("203.0.113.3/32"))
		o.mustHaveLostNothing(t)
		if id, err := peer.LoadIdentity(l.dir); err != nil || id.Generation != 2 || peer.VerifyGeneration(mustCA(t, l.dir).Cert, id.Record()) != nil {
			t.Errorf("identity on disk: %+v %v", id, err)
		}
		recorded := false
		l.View(func(st *rtbh.State, _ rtbh.Instant) {
			all, _ := st.Audit()
			for _, r := range all {
				if _, ok := r.Command.(rtbh.RecordLocal); ok {
					recorded = true
				}
			}
		})
		if !recorded {
			t.Error("the recovery is not in the audit")
		}
	})
}

func mustCA(t *testing.T, dir string) *peer.CA {
	t.Helper()
	ca, err := peer.LoadCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestRecoveryIsRefusedWhenItIsNotCalledFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		if err := s.leader().Recover(context.Background(), local, []string{"trigger2", "witness3"}); !errors.Is(err, ErrHasMajority) {
			t.Errorf("with everybody there: %v", err)
		}
		first, second, third := s.leader(), s.follower(), s.trigger("witness3")
		first.down() // two of three are left, and need a moment to elect
		if err := second.Recover(context.Background(), local, nil); !errors.Is(err, ErrHasMajority) {
			t.Errorf("with a majority that has no leader yet: %v", err)
		}
		third.down()
		sp := s.trigger("trigger4")
		if err := sp.Recover(context.Background(), local, nil); !errors.Is(err, ErrCannotRecover) {
			t.Errorf("at a speaker: %v", err)
		}
		must(t, os.Remove(filepath.Join(second.dir, "ca.key")))
		if err := second.Recover(context.Background(), local, nil); !errors.Is(err, peer.ErrNoCAKey) {
			t.Errorf("without the CA's key: %v", err)
		}
	})
}

// S1: the old leader was away while the cluster was recovered without it. It
// comes back, is told, and comes in anew; what it announces never gets less
// than what the cluster wants, and the difference comes once.
func TestOldLeaderIsFencedAndNeverAnnouncesLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		for i := range 5 {
			mustAccept(t, s.leader().Node, announce(fmt.Sprintf("203.0.113.%d/32", i)))
		}
		old, survivor, witness := s.leader(), s.follower(), s.trigger("witness3")
		old.isolate()
		witness.down()
		time.Sleep(3 * time.Second)
		survivor.recoverAlone()
		mustAccept(t, survivor.Node, announce("203.0.113.9/32"))
		mustAccept(t, survivor.Node, withdraw("203.0.113.0/32"))
		if !old.holds("203.0.113.0/32") || old.holds("203.0.113.9/32") {
			t.Fatal("the cut-off leader knows what it can't know")
		}
		o := old.watch("203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32", "203.0.113.4/32")
		old.heal()
		s.until("it is fenced", func() bool { return old.raised(alarm.Fenced) })
		if !old.holds("203.0.113.0/32") {
			t.Error("fencing itself withdrew something")
		}
		s.comesBack(old, 2)
		if old.holds("203.0.113.0/32") || !old.holds("203.0.113.9/32") {
			t.Error("the difference was not applied")
		}
		o.mustHaveLostNothing(t)
		if o.all != 1 {
			t.Errorf("the difference came in %d steps", o.all)
		}
		if old.raised(alarm.Fenced) {
			t.Error("the alarm is still up")
		}
		if found, _ := filepath.Glob(filepath.Join(old.dir, "raft.fenced-1-*", "log.db")); len(found) != 1 {
			t.Errorf("set aside: %v", found)
		}
		witness.up()
		s.comesBack(witness, 2)
		s.mustAgree()
		mustAccept(t, old.Node, announce("203.0.113.10/32"))
	})
}

// A fenced node that is restarted while the cluster is out of reach goes on
// announcing what it had, before it has asked and after.
func TestFencedNodeKeepsItsRoutesThroughRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		old, survivor := s.leader(), s.follower()
		s.trigger("witness3").down()
		old.isolate()
		time.Sleep(3 * time.Second)
		survivor.recoverAlone()
		// It hears of the new generation and is cut off before it can ask.
		old.newerGeneration(survivor.identity().Record(), nil)
		for range 2 {
			if !old.holds("203.0.113.1/32") || !old.raised(alarm.Fenced) {
				t.Error("fenced and cut off: the route or the alarm is gone")
			}
			if _, err := old.Propose(context.Background(), announce("203.0.113.2/32")); err == nil {
				t.Error("a fenced node accepts writes")
			}
			old.down()
			old.isolate()
			old.up()
		}
		// It has joined and is cut off before it has anything.
		s.until("it has its new incarnation", func() bool {
			old.link(false, survivor)
			time.Sleep(10 * time.Millisecond)
			return old.identity().Incarnation > 1
		})
		old.isolate()
		old.down()
		old.isolate()
		old.up()
		if !old.holds("203.0.113.1/32") {
			t.Error("restarted before the new state was complete: the route is gone")
		}
		o := old.watch("203.0.113.1/32")
		old.heal()
		s.comesBack(old, 2)
		o.mustHaveLostNothing(t)
	})
}

// S2: both sides of a partition were recovered. They have equal generations and
// terms; without lineages they would diverge silently.
func TestBothSidesRecoveredRefuseEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		a, b := s.trigger("trigger1"), s.trigger("trigger2")
		mustAccept(t, a.Node, announce("203.0.113.1/32"))
		s.trigger("witness3").down()
		a.cutFrom(b)
		time.Sleep(3 * time.Second)
		a.recoverAlone()
		b.recoverAlone()
		mustAccept(t, a.Node, announce("203.0.113.2/32"))
		mustAccept(t, b.Node, announce("203.0.113.3/32"))
		a.heal()
		time.Sleep(time.Minute)
		if a.holds("203.0.113.3/32") || b.holds("203.0.113.2/32") {
			t.Error("two lineages have mixed")
		}
		for _, n := range []*simNode{a, b} {
			if !n.holds("203.0.113.1/32") || n.identity().Generation != 2 || n.identity().Incarnation != 1 {
				t.Errorf("%s: %+v", n.name, n.identity())
			}
		}
	})
}

// A stopped node is recovered in its directory and is the only voter when it
// starts.
func TestRecoveryOfAStoppedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		for _, n := range s.nodes {
			n.down()
		}
		n := s.trigger("trigger2")
		id, err := peer.LoadIdentity(n.dir)
		must(t, err)
		opt := Options{Dir: n.dir, Advertise: n.addr, Log: testLog(t, n.name), Time: n.time(), tuning: s.tune}
		st, err := openStopped(opt, id, peer.Credentials{}, s.wiring(n))
		must(t, err)
		p, err := st.Plan(context.Background())
		must(t, err)
		must(t, st.Recover(context.Background(), p.Names()))
		must(t, st.Close())
		n.up()
		if !n.holds("203.0.113.1/32") {
			t.Error("the state was lost")
		}
		n.mustBeReady()
		mustAccept(t, n.Node, announce("203.0.113.2/32"))
		s.trigger("trigger1").up()
		s.comesBack(s.trigger("trigger1"), 2)
		s.mustAgree()
	})
}

// A node had come back once, and the cluster was then recovered at a voter that
// had not heard of it: the record there is of an older incarnation than the
// certificate. (Chaos found this.)
func TestNodeComesBackAlthoughItsLastReturnWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		sp := s.trigger("trigger4")
		l := s.leader()
		sp.down() // a name in use is not given away
		l.joining.mu.Lock()
		m, err := l.readmit(context.Background(), peer.JoinAsk{
			JoinRequest: peer.JoinRequest{Name: sp.name, Advertise: sp.addr, Speaks: rtbh.Speaks}, Holder: "trigger4#7",
		}, true)
		l.joining.mu.Unlock()
		if err != nil || m.Incarnation != 8 {
			t.Errorf("given %+v, %v", m, err)
		}
	})
}
