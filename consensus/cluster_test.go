package consensus

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

var twoTriggersAndWitness = []rtbh.MemberRole{rtbh.Voter, rtbh.Voter, rtbh.Witness}

func TestWriteOnAFollowerIsReadableThereAndEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		f := s.follower()
		r := mustAccept(t, f.Node, announce("203.0.113.7/32"))
		if len(r.Silent) != 0 {
			t.Errorf("silent: %v", r.Silent)
		}
		for _, n := range s.nodes[:2] {
			if !n.holds("203.0.113.7/32") {
				t.Errorf("%s does not have it although the receipt names nobody as silent", n.name)
			}
		}
		s.mustAgree()
	})
}

func TestLeaderDiesAndTheNextWriteIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.follower().Node, announce("203.0.113.1/32"))
		old, other := s.leader(), s.follower()
		old.down()
		died := time.Now()
		r := mustAccept(t, other.Node, announce("203.0.113.2/32"))
		if took := time.Since(died); took > 4*time.Second {
			t.Errorf("the next write took %s", took)
		}
		if len(r.Silent) != 1 || r.Silent[0].Name != old.name {
			t.Errorf("silent: %v, want %s", r.Silent, old.name)
		}
		mustAccept(t, other.Node, withdraw("203.0.113.1/32"))
		old.up()
		old.mustBeReady()
		if old.holds("203.0.113.1/32") || !old.holds("203.0.113.2/32") {
			t.Error("the old leader came back with an old state")
		}
		s.mustAgree()
	})
}

func TestMinorityRefusesAndKeepsItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		cut := s.leader()
		cut.isolate()
		began := time.Now()
		_, err := cut.Propose(context.Background(), announce("203.0.113.2/32"))
		var unsure *NotConfirmed
		var no *NotAccepted
		if !errors.As(err, &unsure) && !errors.As(err, &no) {
			t.Fatalf("a cut-off leader said %v", err)
		}
		if took := time.Since(began); took > answerWithin {
			t.Errorf("the answer took %s", took)
		}
		began = time.Now()
		_, err = cut.Propose(context.Background(), announce("203.0.113.3/32"))
		if !errors.As(err, &no) {
			t.Fatalf("without a leader: %v", err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("with no leader for long, the refusal took %s", took)
		}
		if no.Reach != 1 || no.Of != 3 || len(no.Silent) != 2 || no.Silent[0].For < time.Second {
			t.Errorf("refusal says %+v", no)
		}
		if !cut.holds("203.0.113.1/32") || cut.holds("203.0.113.3/32") {
			t.Error("the minority changed its state")
		}
		s.until("alarm no-majority", func() bool { return cut.raised(alarm.NoMajority) })
		cut.heal()
		s.until("it follows again", func() bool { _, fresh := cut.Fresh(context.Background()); return fresh })
		s.until("alarm cleared", func() bool { return !cut.raised(alarm.NoMajority) })
		if cut.holds("203.0.113.3/32") {
			t.Error("what was refused has taken effect")
		}
		s.mustAgree()
	})
}

func (n *simNode) raised(kind alarm.Kind) bool {
	for _, a := range n.alarms.List() {
		if a.Kind == kind {
			return true
		}
	}
	return false
}

func TestSnapshotAndTailGiveTheSameState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{trailing: 1}, twoTriggersAndWitness...)
		defer s.closeAll()
		for i := range 20 {
			mustAccept(t, s.leader().Node, announce(fmt.Sprintf("203.0.113.%d/32", i)))
		}
		f := s.follower()
		if err := f.life().raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			mustAccept(t, s.leader().Node, withdraw(fmt.Sprintf("203.0.113.%d/32", i)))
		}
		s.mustAgree()
		want, index := f.digest()
		f.down()
		s.leader().isolate() // nobody helps it
		f.up()
		if got, i := f.digest(); got != want || i != index {
			t.Errorf("after the restart index %d digest %x, before %d %x", i, got[:4], index, want[:4])
		}
		s.leader().heal()
		f.mustBeReady()
		s.mustAgree()
	})
}

func TestFarBehindNodeGetsASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{trailing: 1}, twoTriggersAndWitness...)
		defer s.closeAll()
		f := s.follower()
		f.down()
		for i := range 20 {
			mustAccept(t, s.leader().Node, announce(fmt.Sprintf("203.0.113.%d/32", i)))
		}
		if err := s.leader().life().raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		f.up()
		all := make(chan bool, 100)
		f.OnApply(func(_ []netip.Prefix, every bool) { all <- every })
		f.mustBeReady()
		if !f.holds("203.0.113.19/32") {
			t.Error("the snapshot's routes are missing")
		}
		if every := <-all; !every {
			t.Error("a restored snapshot must say that everything may have changed")
		}
		s.mustAgree()
	})
}

func TestRepeatedRequestTakesEffectOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		e := announce("203.0.113.7/32")
		e.Request = rtbh.RequestID{1, 2, 3}
		e.Typed = s.leader().Now()
		first := mustAccept(t, s.leader().Node, e)
		mustAccept(t, s.leader().Node, withdraw("203.0.113.7/32"))
		again := mustAccept(t, s.follower().Node, e)
		if !again.Result.Duplicate || again.Result.Index != first.Result.Index {
			t.Errorf("repeated: %+v, first was at %d", again.Result, first.Result.Index)
		}
		if s.leader().holds("203.0.113.7/32") {
			t.Error("a repeated request revived what was withdrawn after it")
		}
	})
}

func TestEntriesThatComeTogetherAreAllAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		errs := make(chan error, 200)
		for i := range 200 {
			go func() {
				_, err := s.nodes[i%3].Propose(context.Background(), announce(fmt.Sprintf("203.0.113.%d/32", i)))
				errs <- err
			}()
		}
		for range 200 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		s.mustAgree()
	})
}

func TestWitnessHandsLeadershipToATrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		witness := s.nodes[2]
		s.until("witness is told", func() bool {
			_ = s.leader().transferTo(witness.name)
			return witness.life().raft.State().String() == "Leader" || s.leader() == witness
		})
		s.until("a trigger leads", func() bool { return s.leader() != witness })
		mustAccept(t, witness.Node, announce("203.0.113.7/32"))
	})
}

func TestFreshSeesEverythingBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{noPush: true, commit: 500 * time.Millisecond}, twoTriggersAndWitness...)
		defer s.closeAll()
		f := s.follower()
		s.net.set(func(net *simNet) { net.delay = time.Millisecond })
		mustAccept(t, s.leader().Node, announce("203.0.113.7/32"))
		if _, fresh := f.Fresh(context.Background()); !fresh || !f.holds("203.0.113.7/32") {
			t.Error("a fresh read missed a committed write")
		}
		f.isolate()
		began := time.Now()
		if _, fresh := f.Fresh(context.Background()); fresh {
			t.Error("a cut-off node says it is fresh")
		}
		if took := time.Since(began); took > freshWithin+100*time.Millisecond {
			t.Errorf("it took %s to say so", took)
		}
	})
}

func TestNodeAloneAnnouncesTheMarkAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.7/32"))
		for _, n := range s.nodes {
			n.down()
		}
		alone := s.nodes[1]
		alone.up()
		if !alone.holds("203.0.113.7/32") {
			t.Error("a node that boots alone does not have what it had applied")
		}
		if alone.Ready(context.Background()) {
			t.Error("alone, and yet confirmed")
		}
		if !alone.raised(alarm.Unconfirmed) {
			t.Error("no alarm says that it is unconfirmed")
		}
		s.nodes[0].up()
		s.until("confirmed later", func() bool { return !alone.raised(alarm.Unconfirmed) })
	})
}

var prefix7 = netip.MustParsePrefix("203.0.113.7/32")

// A leader that is cut off has an entry in its log that nobody else has. It is
// killed and boots alone: the entry was never committed and is not announced.
func TestTailBeyondTheMarkIsNeverAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("203.0.113.1/32"))
		l := s.leader()
		last := l.life().raft.LastIndex()
		l.isolate()
		go func() { _, _ = l.Propose(context.Background(), announce("203.0.113.2/32")) }()
		s.until("the entry is in its log", func() bool { return l.life().raft.LastIndex() > last })
		tail := l.life().raft.LastIndex()
		time.Sleep(6 * time.Second)
		l.down()
		l.isolate()
		l.up()
		if got := l.life().raft.LastIndex(); got < tail {
			t.Fatalf("the tail is not there (%d, was %d): the test tests nothing", got, tail)
		}
		if !l.holds("203.0.113.1/32") || l.holds("203.0.113.2/32") {
			t.Error("what was announced alone is not what the mark says")
		}
		mustAccept(t, s.leader().Node, announce("203.0.113.3/32"))
		l.heal()
		l.mustBeReady()
		if l.holds("203.0.113.2/32") || !l.holds("203.0.113.3/32") {
			t.Error("after its return it does not have what the majority decided")
		}
		s.mustAgree()
	})
}
