package rtbh

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRepeatingARequestReturnsTheFirstOutcome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawLog(t, 20)
		who, c := drawAct(t)
		e := st.entry(who, c)
		first := st.commit(e)
		audit, _ := st.s.Audit()
		st.later(rapid.SampledFrom([]time.Duration{0, time.Second, 9 * time.Minute}).Draw(t, "later"))
		bare := st.s.Clone()
		bare.Apply(st.index+1, Entry{Stamp: st.now})
		e.Stamp = st.now
		again := st.commit(e)
		if !again.Duplicate || again.Index != first.Index || again.At != first.At || !reflect.DeepEqual(again.Outcomes, first.Outcomes) {
			t.Fatalf("the first time %+v, then %+v", first, again)
		}
		same(t, "a repetition", st.s, bare, st.now)
		if now, _ := st.s.Audit(); len(now) != len(audit) {
			t.Fatal("a repetition is audited again")
		}
	})
}

func TestARepetitionAfterARestoreIsStillOne(t *testing.T) {
	st := newStory()
	e := st.entry(alice, network("acme", "203.0.113.7/32"))
	st.commit(e)
	st.must(alice, noNetwork("acme", "203.0.113.7/32"))
	st.s = restored(t, st.s)
	if r := st.commit(e); !r.Duplicate || st.isOut("203.0.113.7/32") {
		t.Fatalf("the repetition did %+v", r)
	}
}

func TestALateRepetitionNeverRevivesWhatWasWithdrawn(t *testing.T) {
	for _, late := range []time.Duration{0, time.Minute, 10*time.Minute - 1, 10 * time.Minute, 11 * time.Minute, 300 * 24 * time.Hour} {
		st := newStory()
		e := st.entry(alice, network("acme", "203.0.113.7/32"))
		accepted(t, st.commit(e))
		st.later(time.Second)
		st.must(alice, noNetwork("acme", "203.0.113.7/32"))
		st.later(late)
		for range 3 {
			e.Stamp = st.now
			st.commit(e)
			if st.isOut("203.0.113.7/32") {
				t.Fatalf("%s later a repetition revived what was withdrawn", late)
			}
			st.later(time.Second)
		}
	}
}

func TestARequestThatWasDelayedTooLongIsRefused(t *testing.T) {
	st := newStory()
	e := st.entry(alice, network("acme", "203.0.113.7/32"))
	st.later(10 * time.Minute)
	e.Stamp = st.now
	refusedAs(t, st.commit(e), RefusedStale)
	e = st.entry(alice, network("acme", "203.0.113.7/32"))
	st.later(10*time.Minute - time.Millisecond)
	e.Stamp = st.now
	accepted(t, st.commit(e))
}

func TestAFloodOfRequestsDoesNotRevive(t *testing.T) {
	st := newStory()
	e := st.entry(alice, network("acme", "203.0.113.7/32"))
	accepted(t, st.commit(e))
	st.now++
	st.must(alice, noNetwork("acme", "203.0.113.7/32"))
	for range rememberedMost + 2 {
		st.index++
		st.s.Apply(st.index, Entry{Request: st.nextID(), Typed: st.now, Stamp: st.now, Actor: thenode, Commands: []Command{Tick{}}})
	}
	if _, known := st.s.known[e.Request]; known || len(st.s.recent) > rememberedMost+1 || len(st.s.known) != len(st.s.recent) {
		t.Fatalf("%d requests are remembered, the first still: %v", len(st.s.recent), known)
	}
	e.Stamp = st.now
	refusedAs(t, st.commit(e), RefusedStale)
	st.now += 2
	accepted(t, st.do(alice, network("acme", "203.0.113.8/32"))) // the flood does not lock others out
}

// A node whose clock is far ahead must neither get a request in that never
// grows old, nor make the requests of all others look old.
func TestAClockThatIsAheadIsRefused(t *testing.T) {
	st := newStory()
	e := st.entry(alice, network("acme", "203.0.113.7/32"))
	e.Typed += hour
	refusedAs(t, st.commit(e), RefusedStale)
	e = st.entry(alice, network("acme", "203.0.113.7/32"))
	e.Typed += 9 * minute // within what is tolerated
	accepted(t, st.commit(e))
	st.later(time.Second)
	st.must(alice, noNetwork("acme", "203.0.113.7/32"))
	for range 30 {
		st.later(time.Minute)
		accepted(t, st.do(thenode, Tick{}))
		e.Stamp = st.now
		if st.commit(e); st.isOut("203.0.113.7/32") {
			t.Fatalf("revived at %s, typed %s", st.now, e.Typed)
		}
	}
}

func TestTheLogClockNeverGoesBack(t *testing.T) {
	st := newStory()
	st.must(alice, network("acme", "203.0.113.7/32"))
	st.later(time.Hour)
	st.tick()
	st.now -= 2 * hour
	r := st.do(thenode, Tick{})
	if r.At != start+hour || st.s.LastStamp() != start+hour {
		t.Fatalf("an old stamp moved the clock to %s", st.s.LastStamp())
	}
}
