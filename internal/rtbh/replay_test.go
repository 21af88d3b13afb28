package rtbh

import (
	"io"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// same fails unless both states agree on everything that can be asked of them.
func same(t failer, what string, a, b *State, now Instant) {
	if a.Index() != b.Index() || a.LastStamp() != b.LastStamp() || a.Digest() != b.Digest() {
		t.Fatalf("%s: index %d and %d, stamp %d and %d, digest %x and %x",
			what, a.Index(), b.Index(), a.LastStamp(), b.LastStamp(), a.Digest(), b.Digest())
	}
	for _, at := range []Instant{now, now + minute, now + hour, now + 2*day} {
		if x, y := a.Desired(at), b.Desired(at); !reflect.DeepEqual(x, y) {
			t.Fatalf("%s: at %s one announces %+v, the other %+v", what, at, x, y)
		}
		xEnd, xOK := a.NextEnd(at)
		if yEnd, yOK := b.NextEnd(at); xEnd != yEnd || xOK != yOK {
			t.Fatalf("%s: at %s one ends next at %s, the other at %s", what, at, xEnd, yEnd)
		}
	}
}

func TestSnapshotAndTailReplayToTheSameState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawLog(t, 40)
		k := rapid.IntRange(0, len(st.entries)).Draw(t, "snapshot after")
		whole, part := NewState(), NewState()
		var results []Result
		for i, e := range st.entries {
			results = append(results, whole.Apply(uint64(i+1), e))
			if i+1 == k {
				part = restored(t, whole)
				same(t, "just restored", whole, part, st.now)
			}
		}
		for i := k; i < len(st.entries); i++ {
			e, err := DecodeEntry(st.entries[i].Encode()) // as it comes out of the log
			if err != nil {
				t.Fatal(err)
			}
			if k == 0 {
				e = st.entries[i]
			}
			if got := part.Apply(uint64(i+1), e); string(EncodeResult(got)) != string(EncodeResult(results[i])) {
				t.Fatalf("entry %d after a snapshot at %d: %+v, without it %+v", i+1, k, got, results[i])
			}
		}
		same(t, "snapshot and tail", whole, part, st.now)
		same(t, "the same log twice", whole, st.s, st.now)
	})
}

func TestACloneAndItsOriginalGoSeparateWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawLog(t, 20)
		s, c := st.s, st.s.Clone()
		same(t, "just cloned", s, c, st.now)
		before := s.Digest()
		tail := drawLog(t, 15).entries
		for i, e := range tail {
			e.Stamp += day
			c.Apply(st.index+uint64(i)+1, e)
		}
		if s.Digest() != before {
			t.Fatal("applying to the clone changed the original")
		}
		same(t, "original after its clone was used", s, restored(t, s), st.now)
		after, again, other := c.Digest(), s.Clone(), s.Clone()
		for i, e := range slices.Backward(tail) { // something else than the clone got
			e.Stamp += 2 * day
			s.Apply(st.index+uint64(len(tail)-i), e)
		}
		if c.Digest() != after || again.Digest() != before {
			t.Fatal("applying to the original changed a clone")
		}
		for i, e := range tail {
			e.Stamp += day
			other.Apply(st.index+uint64(i)+1, e)
		}
		same(t, "the same tail on two clones", other, c, st.now+day)
	})
}

// A snapshot is written from a clone while the original is read and goes on.
// The race detector is what fails here.
func TestCloneIsEncodedWhileTheOriginalIsUsed(t *testing.T) {
	st := newStory()
	st.must(alice, network("acme", "203.0.113.7/32"))
	c := st.s.Clone()
	var done sync.WaitGroup
	done.Go(func() {
		if err := c.Encode(io.Discard); err != nil {
			t.Error(err)
		}
	})
	done.Go(func() { c.Digest() })
	st.must(bob, network("bolt", "203.0.113.7/32"))
	for range 50 {
		st.must(alice, network("acme", "203.0.113.7/32"), network("acme", "203.0.113.8/32"))
	}
	st.s.Desired(st.now)
	st.s.Digest()
	done.Wait()
}

func TestABatchIsDoneWholeOrNotAtAll(t *testing.T) {
	whole, not := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		st := drawLog(t, 15)
		e := st.entry(olga)
		e.Atomic = true
		for range rapid.IntRange(1, 5).Draw(t, "commands") {
			who, c := drawAct(t)
			e.Actor, e.Commands = who, append(e.Commands, c)
		}
		oneByOne, refused := st.s.Clone(), -1
		loose := e
		loose.Atomic = false
		for i, o := range oneByOne.Apply(st.index+1, loose).Outcomes {
			if refused < 0 && o.Refusal != nil {
				refused = i
			}
		}
		untouched := st.s.Clone()
		expired := untouched.Apply(st.index+1, Entry{Stamp: e.Stamp}).Changed
		r := st.commit(e)
		if refused < 0 {
			whole++
			same(t, "a batch without a refusal", st.s, oneByOne, st.now)
			return
		}
		not++
		for i, o := range r.Outcomes {
			if o.Refusal == nil || (i != refused) != (o.Refusal.Code == RefusedBatch) {
				t.Fatalf("line %d of a batch whose line %d was refused: %+v", i, refused, o)
			}
		}
		if len(r.Outcomes) != len(e.Commands) || !slices.Equal(r.Changed, expired) || r.All {
			t.Fatalf("a refused batch says %+v", r)
		}
		sameButForTheRecord(t, st.s, untouched, st.now)
	})
	if whole == 0 || not == 0 {
		t.Errorf("%d batches done and %d refused: both must occur", whole, not)
	}
}

// A batch that adds, replaces, withdraws and edits, and then fails.
func TestARefusedBatchLeavesNoTrace(t *testing.T) {
	st := newStory()
	x := network("acme", "203.0.113.2/32")
	x.Reason = "first"
	st.must(alice, network("acme", "203.0.113.1/32"), x)
	st.must(bob, network("bolt", "203.0.113.1/32"), network("bolt", "203.0.113.3/32"))
	st.must(olga, EditClause{Map: "M", Field: ClauseLocalPref, Value: Clause{Seq: 10, LocalPref: Some(7)}},
		EditCustomer{Name: "acme", Field: CustomerRouteMaps, Value: Customer{RouteMaps: []string{"M"}}})
	before := st.s.Clone()
	y := network("acme", "203.0.113.2/32")
	y.RouteMap, y.Life, y.Reason = "M", Lifetime(hour), "second"
	e := st.entry(olga, y, noNetwork("acme", "203.0.113.1/32"), network("acme", "203.0.113.4/32"), Clear{Customer: "bolt"}, network("bolt", "203.0.113.3/32"),
		EditCustomer{Name: "acme", Field: CustomerPrefixes, Remove: true, Value: Customer{Prefixes: []netip.Prefix{pfx("203.0.113.0/24")}}},
		EditUser{Name: "alice", Remove: true}, EditSettings{Field: SettingsMaxBlackholes, Value: Settings{MaxBlackholes: 1}}, DeleteMember{"trigger2"},
		EditClause{Map: "M", Field: ClauseLocalPref, Value: Clause{Seq: 10, LocalPref: Some(8)}}, EditPrefixList{Name: "PL", Rule: PrefixRule{Any: true}},
		EditCommunityList{Name: "CL", Rule: CommunityRule{Communities: []Community{1}}}, EditContact{Contact: Contact{Name: "noc"}}, PutToken{Token{Name: "new"}},
		network("acme", "8.8.8.8/32"))
	e.Atomic = true
	if r := st.commit(e); r.Outcomes[len(r.Outcomes)-1].Refusal.Code != RefusedGrant || len(r.Changed) > 0 || r.All {
		t.Fatalf("%+v", r)
	}
	before.Apply(st.index, Entry{Stamp: st.now})
	sameButForTheRecord(t, st.s, before, st.now)
	d := st.s.Clone()
	if d.derive(); !reflect.DeepEqual(d.byPrefix, st.s.byPrefix) || d.holeCount != st.s.holeCount {
		t.Fatalf("the indexes have drifted: %v, %v", st.s.byPrefix, d.byPrefix)
	}
	// The deadlines are those of before, too.
	st.now += day
	if r := st.tick(); len(r.Changed) != 3 || len(st.s.Blackholes("", st.now)) != 0 {
		t.Fatalf("a day later: %+v", r)
	}
}

// sameButForTheRecord compares what a refused entry leaves behind, which is only
// that it is audited and remembered.
func sameButForTheRecord(t failer, got, want *State, now Instant) {
	g, w := got.Clone(), want.Clone()
	for _, s := range []*State{g, w} {
		s.audit, s.auditSeq, s.auditHead, s.recent = tail[AuditRecord]{}, 0, [32]byte{}, nil
	}
	same(t, "after a refused batch", g, w, now)
}

func TestAStateDerivesTheSameFromItsRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := drawLog(t, 30)
		d := st.s.Clone()
		d.derive()
		if !reflect.DeepEqual(d.byPrefix, st.s.byPrefix) || d.holeCount != st.s.holeCount || len(d.known) != len(st.s.known) {
			t.Fatalf("the indexes have drifted: %v, %v", st.s.byPrefix, d.byPrefix)
		}
		for name, holes := range st.s.holes {
			if len(holes) == 0 {
				t.Fatalf("an empty index of %s is left", name)
			}
		}
		if st.s.trial != nil {
			t.Fatal("a trial is left")
		}
	})
}
