package consensus

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func crowd(speakers int) (all []rtbh.Member) {
	for i := range 3 {
		all = append(all, rtbh.Member{Name: fmt.Sprintf("voter%d", i), Incarnation: 1, Role: rtbh.Voter})
	}
	for i := range speakers {
		all = append(all, rtbh.Member{Name: fmt.Sprintf("speaker%d", i), Incarnation: 1, Role: rtbh.Speaker})
	}
	return all
}

func TestWithoutALeaderSpeakersAreAskedInTurn(t *testing.T) {
	for speakers, want := range map[int][]int{0: {3, 3}, 8: {11, 11}, 20: {11, 11, 7, 11}, 50: {11, 11, 11, 11, 11, 11, 5, 11}} {
		n, all := &Node{}, crowd(speakers)
		n.peers.init()
		asked := map[string]int{}
		for i, size := range want {
			these := n.turnOf(all, true)
			if len(these) != size {
				t.Errorf("%d speakers, round %d: %d are asked, want %d", speakers, i, len(these), size)
			}
			for _, m := range these {
				asked[m.Name]++
			}
		}
		for _, m := range all {
			if asked[m.Name] == 0 || m.Role.Votes() && asked[m.Name] != len(want) {
				t.Errorf("%d speakers: %s was asked %d times in %d rounds", speakers, m.Name, asked[m.Name], len(want))
			}
		}
		if these := n.turnOf(all, false); len(these) != len(all) {
			t.Errorf("a leader asks %d of %d", len(these), len(all))
		}
	}
}

// Who is not asked each second is not taken for silent.
func TestWithoutALeaderOnlyWhoIsGoneIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		roles := twoTriggersAndWitness
		for range 18 {
			roles = append(roles[:len(roles):len(roles)], rtbh.Speaker)
		}
		s := newSim(t, tuning{}, roles...)
		defer s.closeAll()
		time.Sleep(5 * time.Second)
		for _, n := range s.nodes {
			if n.Role() != rtbh.Speaker {
				n.isolate()
			}
		}
		asks := s.nodes[len(s.nodes)-1]
		silent := func() (n int) {
			for _, a := range asks.alarms.List() {
				if a.Kind == alarm.MemberSilent {
					n++
				}
			}
			return n
		}
		for range 40 {
			time.Sleep(500 * time.Millisecond)
			if n := silent(); n > 3 {
				t.Fatalf("%d are silent: %v", n, asks.alarms.List())
			}
		}
		if n := silent(); n != 3 {
			t.Errorf("%d are silent, want the three voters", n)
		}
		s.nodes[len(s.nodes)-2].isolate()
		s.until("the speaker that is gone is silent", func() bool { return silent() == 4 })
	})
}

func TestTableIsEncodedOnceForAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e encodedTable
		made := 0
		ask := func(d *directory) string {
			raw, err := e.get(d, func() []tableRow { made++; return []tableRow{{Name: fmt.Sprint("n", made)}} })
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		d := newDirectory(rtbh.NewState())
		first := ask(d)
		if ask(d) != first || made != 1 {
			t.Errorf("made %d times", made)
		}
		if ask(newDirectory(rtbh.NewState())) == first {
			t.Error("the old table for another membership")
		}
		time.Sleep(2 * tableKept)
		if ask(d); made != 3 {
			t.Errorf("made %d times after a while, want 3", made)
		}
	})
}
