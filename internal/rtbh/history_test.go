package rtbh

import (
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestTheHistoryIsTheSameBeforeAndAfterTheLogCatchesUp: when a deadline has come,
// the history says so in the same words and the same order whether or not an entry
// has been late enough to take the blackhole out.
func TestTheHistoryIsTheSameBeforeAndAfterTheLogCatchesUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := newStory()
		for range rapid.IntRange(1, 40).Draw(t, "acts") {
			actor, cmd := drawAct(t)
			st.do(actor, cmd)
			st.now += rapid.SampledFrom([]Instant{0, 0, 1, minute, 10 * minute}).Draw(t, "later")
		}
		st.now += rapid.SampledFrom([]Instant{0, minute, hour, day, 40 * day}).Draw(t, "pause")
		before := st.s.History(netip.Prefix{}, "", st.now)
		st.tick()
		after := st.s.History(netip.Prefix{}, "", st.now)
		if len(before) != len(after) {
			t.Fatalf("%d before the entry, %d after it", len(before), len(after))
		}
		for i := range before {
			a, b := before[i], after[i]
			if a.AtIndex == 0 {
				a.AtIndex = b.AtIndex // the one thing that only the log can tell
			}
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("entry %d was %+v, is %+v", i, a, b)
			}
			if i > 0 && b.At > after[i-1].At {
				t.Fatalf("not newest first: %s after %s", b.At, after[i-1].At)
			}
		}
	})
}

func TestTheHistoryIsKeptForAYear(t *testing.T) {
	st := newStory()
	st.must(alice, network("acme", victim))
	st.now += hour
	st.must(alice, noNetwork("acme", victim))
	ended := st.now
	look := func() (kept int, complete bool) {
		st.tick()
		_, complete = st.s.BlackholesAt(ended-1, st.now, "")
		return len(st.s.History(pfx(victim), "", st.now)), complete
	}
	st.now = ended.Add(historyFor) - 1
	if kept, complete := look(); kept != 1 || !complete {
		t.Fatalf("%d kept, complete %v, a moment before the year is over", kept, complete)
	}
	st.now += 1
	if kept, complete := look(); kept != 0 || complete {
		t.Fatalf("%d kept, complete %v, when the year is over", kept, complete)
	}
	if _, complete := st.s.BlackholesAt(st.now-hour, st.now, ""); !complete {
		t.Fatal("an hour ago is not said to be known for certain")
	}
}
