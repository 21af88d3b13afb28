package consensus

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// A witness that pretended, with an empty state, would hand that out as a
// snapshot when it leads: a replaced node would take it and announce nothing.
func TestWitnessHasWhatItWouldHandOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{trailing: 1}, twoTriggersAndWitness...)
		defer s.closeAll()
		for i := range 10 {
			mustAccept(t, s.leader().Node, announce(fmt.Sprintf("203.0.113.%d/32", i)))
		}
		s.mustAgree()
		witness := s.trigger("witness3")
		must(t, witness.life().raft.Snapshot().Error())
		all, err := witness.life().disk.snaps.List()
		must(t, err)
		_, r, err := witness.life().disk.snaps.Open(all[0].ID)
		must(t, err)
		defer func() { must(t, r.Close()) }()
		_, st, err := readSnapshot(r)
		must(t, err)
		want, index := s.leader().digest()
		if st.Index() != index || st.Digest() != want || len(st.Blackholes("", s.leader().Now())) != 10 {
			t.Errorf("the witness would hand out a state at %d with %d blackholes", st.Index(), len(st.Blackholes("", s.leader().Now())))
		}
	})
}
