package consensus

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestRemovedMemberIsOutAndComesBackUnderAnotherID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		gone := s.follower()
		old := gone.identity().ServerID()
		gone.down()
		if err := s.leader().Remove(context.Background(), local, gone.name); err != nil {
			t.Fatal(err)
		}
		s.until("raft forgets it", func() bool { return !contains(s.leader().voters(), old) })
		if member, known := s.leader().isMember(old); member || !known {
			t.Errorf("the removed node counts as member=%v known=%v", member, known)
		}
		i, err := s.leader().nextIncarnation(context.Background(), gone.name)
		if err != nil || i < 2 {
			t.Errorf("the removed name would come back as incarnation %d (%v): its old id", i, err)
		}
		mustAccept(t, s.leader().Node, announce("203.0.113.7/32"))
	})
}

func TestVoteIsNotTakenAwayWhenTheMajorityNeedsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		l := s.leader()
		dead := l.others()[0]
		dead.down()
		alive := l.others()[1]
		s.until("the dead one is known to be silent", func() bool { return !l.reaches(dead.name + "#1") })
		for name, err := range map[string]error{
			"remove": l.Remove(context.Background(), local, alive.name),
			"demote": l.SetRole(context.Background(), local, alive.name, rtbh.Speaker),
		} {
			if !errors.Is(err, ErrMajority) {
				t.Errorf("%s the second of two live voters: %v", name, err)
			}
		}
		if err := l.Remove(context.Background(), local, dead.name); err != nil {
			t.Errorf("removing the dead one: %v", err)
		}
		mustAccept(t, l.Node, announce("203.0.113.7/32"))
	})
}

func TestSpeakerAnnouncesButDoesNotVoteAndCanBePromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		sp := s.nodes[3]
		r := mustAccept(t, sp.Node, announce("203.0.113.7/32"))
		if len(r.Silent) != 0 || !sp.holds("203.0.113.7/32") {
			t.Errorf("the speaker: %v", r.Silent)
		}
		if contains(s.leader().voters(), sp.identity().ServerID()) {
			t.Error("a speaker votes")
		}
		if err := sp.SetRole(context.Background(), local, sp.name, rtbh.Voter); err != nil {
			t.Fatal(err)
		}
		s.until("it votes", func() bool { return contains(s.leader().voters(), sp.identity().ServerID()) })
		if err := sp.SetRole(context.Background(), local, sp.name, rtbh.Speaker); err != nil {
			t.Fatal(err)
		}
		s.until("it votes no more", func() bool { return !contains(s.leader().voters(), sp.identity().ServerID()) })
	})
}

func TestDeadNewVoterIsNeverPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, rtbh.Voter)
		defer s.closeAll()
		l := s.leader()
		m := rtbh.Member{Name: "ghost", Incarnation: 1, Role: rtbh.Voter, Addr: "ghost:7600"}
		if err := l.propose(context.Background(), l.asNode(), rtbh.PutMember{Member: m}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if contains(l.voters(), "ghost#1") {
			t.Fatal("a voter that never answered counts, and the majority is lost")
		}
		r := mustAccept(t, l.Node, announce("203.0.113.7/32"))
		if len(r.Silent) != 1 || r.Silent[0].Name != "ghost" {
			t.Errorf("silent: %v", r.Silent)
		}
	})
}

func TestMemberMovesToAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		f := s.follower()
		f.down()
		f.addr = "elsewhere:7600"
		if err := s.leader().SetAddress(context.Background(), local, f.name, f.addr); err != nil {
			t.Fatal(err)
		}
		f.up()
		f.mustBeReady()
		mustAccept(t, f.Node, announce("203.0.113.7/32"))
		s.mustAgree()
	})
}

func TestStatusSaysWhoCanBeStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, append(twoTriggersAndWitness, rtbh.Speaker)...)
		defer s.closeAll()
		time.Sleep(5 * time.Second)
		st := s.nodes[3].Status(context.Background())
		if st.Leader == "" || st.Voters != 3 || st.Reach != 3 || len(st.Members) != 4 {
			t.Fatalf("%+v", st)
		}
		for _, m := range st.Members {
			if !m.CanStop || !m.Reachable || m.Applied == 0 {
				t.Errorf("%+v", m)
			}
		}
		s.nodes[2].down()
		time.Sleep(5 * time.Second)
		for _, m := range s.nodes[3].Status(context.Background()).Members {
			if want := m.Name == s.nodes[2].name || m.Role == rtbh.Speaker; m.CanStop != want {
				t.Errorf("%s: can be stopped %v, want %v", m.Name, m.CanStop, want)
			}
			if m.Name == s.nodes[2].name && (m.Reachable || m.Silent < 3*time.Second) {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestTokenIsGoodOnceForItsNameAndTime(t *testing.T) {
	t.Parallel()
	r := initReal(t)
	join := func(token, name string) error {
		_, err := Join(ctxFor(t, 10*time.Second), JoinOptions{Dir: filepath.Join(t.TempDir(), "n"), Name: name, Advertise: freeAddr(t), Token: token})
		return err
	}
	make := func(name string, life time.Duration) string {
		token, err := r.Token(ctxFor(t, 5*time.Second), local, rtbh.Speaker, name, life)
		must(t, err)
		return token
	}
	named := make("pop1", time.Minute)
	if err := join(named, "pop2"); err == nil || !strings.Contains(err.Error(), "pop1") {
		t.Errorf("under another name: %v", err)
	}
	if err := join(named, "pop1"); err != nil {
		t.Errorf("under its name: %v", err)
	}
	if err := join(named, "pop1"); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("a second time: %v", err)
	}
	if err := join(make("", -time.Second), "pop3"); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("too late: %v", err)
	}
	if err := join(make("", time.Minute), "trigger1"); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a live member's name: %v", err)
	}
	if err := join(make("", time.Minute), "pop1"); err != nil {
		t.Errorf("the name of a member that does not answer: %v", err)
	}
	if m, err := r.member("pop1"); err != nil || m.Incarnation != 2 {
		t.Errorf("it came back as %+v (%v)", m, err)
	}
}

func TestNodeOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	a, b := initReal(t), initReal(t)
	_, err := a.life().trans.call(ctxFor(t, 5*time.Second), b.addr, b.identity().ServerID(), callStatus, nil)
	var refusal *peer.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("two clusters talked: %v", err)
	}
}

func TestOnlyVotersHoldTheCAKey(t *testing.T) {
	t.Parallel()
	nodes := realCluster(t)
	sp := nodes[0].join(t, "pop1", rtbh.Speaker)
	for _, n := range nodes {
		if _, err := peer.LoadCA(n.dir); err != nil {
			t.Errorf("%s: %v", n.Name(), err)
		}
	}
	if _, err := peer.LoadCA(sp.dir); !errors.Is(err, peer.ErrNoCAKey) {
		t.Errorf("the speaker: %v", err)
	}
	if r := mustAccept(t, sp.Node, announce("203.0.113.7/32")); len(r.Silent) != 0 {
		t.Errorf("silent %v", r.Silent)
	}
}
