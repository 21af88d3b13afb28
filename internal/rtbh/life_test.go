package rtbh

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const victim = "203.0.113.7/32"

func TestAPlainNetworkLastsForTheDefault(t *testing.T) {
	st := newStory()
	r := st.must(alice, network("acme", victim))
	if r.Outcomes[0].Deadline != start+day {
		t.Fatalf("ends %s", r.Outcomes[0].Deadline)
	}
	if st.now = start + day - 1; !st.isOut(victim) {
		t.Fatal("ended early")
	}
	if st.now++; st.isOut(victim) {
		t.Fatal("is out after its end, though nothing was committed since")
	}
	if h := st.s.History(netip.Prefix{}, "", st.now-1); len(h) != 0 {
		t.Fatalf("in the history before its end: %+v", h)
	}
	// Over is over: the history says so at that instant, on every node alike.
	if h := st.s.History(pfx(victim), "acme", st.now); len(h) != 1 || h[0].Cause != EndExpired || h[0].At != start+day || h[0].AtIndex != 0 {
		t.Fatalf("history before the log has taken it out: %+v", h)
	}
	if r := st.tick(); !slices.Equal(r.Changed, []netip.Prefix{pfx(victim)}) {
		t.Fatalf("the tick changed %v", r.Changed)
	}
	h := st.s.History(netip.Prefix{}, "", st.now)
	if len(h) != 1 || h[0].Cause != EndExpired || h[0].At != start+day || h[0].EndBy != (Actor{}) || h[0].AtIndex != st.index {
		t.Fatalf("history: %+v", h)
	}
}

func TestARefreshNeverShortensUnlessAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := newStory()
		st.must(local, EditCustomer{Name: "acme", Field: CustomerMaxLife, Value: Customer{MaxLife: Forever}})
		st.must(local, EditCustomer{Name: "acme", Field: CustomerDefaultLife, Value: Customer{DefaultLife: Lifetime(hour)}})
		life := rapid.SampledFrom([]Lifetime{0, Lifetime(minute), Lifetime(hour), Lifetime(3 * day), Forever}).Draw(t, "life")
		x := network("acme", victim)
		x.Life = life
		was := st.must(alice, x).Outcomes[0].Deadline
		st.now += rapid.SampledFrom([]Instant{0, 1, minute - 1, 30 * minute}).Draw(t, "later")
		if was != Never && st.now >= was {
			return
		}
		got := st.must(alice, network("acme", victim)).Outcomes[0]
		want := max(was, st.now+hour)
		if was == Never {
			want = Never
		}
		if got.Deadline != want || got.Unchanged != (want == was) {
			t.Fatalf("was to end at %s, a refresh at %s makes it %+v, want %s", was, st.now, got, want)
		}
		x.Life = Lifetime(minute)
		r := st.must(alice, x)
		if d := r.Outcomes[0].Deadline; d != st.now+minute {
			t.Fatalf("`expire 1m` makes it end %s", d)
		}
		if want != st.now+minute && !slices.Equal(r.Changed, []netip.Prefix{pfx(victim)}) {
			t.Fatal("whoever waits for the old end is not told of the nearer one")
		}
	})
}

func TestARefreshKeepsWhatItDoesNotName(t *testing.T) {
	st := newStory()
	x := network("acme", victim)
	x.Reason, x.Ticket = "NTP amplification", "NOC-1"
	st.must(alice, x)
	st.later(time.Hour)
	st.must(olga, network("acme", victim))
	b, ok := st.s.Blackhole(pfx(victim), "acme", st.now)
	if !ok || b.Reason != "NTP amplification" || b.Ticket != "NOC-1" || b.Since != start || b.Refreshed != start+hour || b.By != olga || b.Index+1 != b.Updated {
		t.Fatalf("%+v", b)
	}
}

func TestOneCustomersWithdrawalKeepsTheOthers(t *testing.T) {
	st := newStory()
	st.must(local, EditClause{Map: "BOLT", Field: ClauseCommunities, Value: Clause{Seq: 10, Communities: []Community{64500<<16 | 666}}},
		EditCustomer{Name: "bolt", Field: CustomerRouteMaps, Value: Customer{RouteMaps: []string{"BOLT"}}})
	x := network("bolt", victim)
	x.RouteMap = "BOLT"
	st.must(bob, x)
	st.must(alice, network("acme", victim))
	r, _ := st.s.RouteFor(pfx(victim), st.now)
	if !slices.Equal(r.Communities, []Community{64500<<16 | 666}) {
		t.Fatalf("the attributes are not those of the earliest: %+v", r)
	}
	if len(st.s.Desired(st.now)) != 1 {
		t.Fatal("one prefix is one route")
	}
	// A refresh changes nothing about who was first.
	st.must(bob, x)
	if again, _ := st.s.RouteFor(pfx(victim), st.now); !again.Equal(r) {
		t.Fatalf("a refresh changed the route to %+v", again)
	}
	res := st.must(bob, noNetwork("bolt", victim))
	r, out := st.s.RouteFor(pfx(victim), st.now)
	if !out || !slices.Contains(r.Communities, BlackholeWellKnown) || !slices.Contains(res.Changed, pfx(victim)) {
		t.Fatalf("after bolt's withdrawal: %+v, %v", r, out)
	}
	st.must(alice, noNetwork("acme", victim))
	if st.isOut(victim) {
		t.Fatal("still out after both withdrew")
	}
}

func TestTheEarliestDecidesOnlyWhileItLasts(t *testing.T) {
	st := newStory()
	x := network("bolt", victim)
	x.Life = Lifetime(hour)
	st.must(bob, x)
	st.must(local, EditClause{Map: "LATE", Field: ClauseLocalPref, Value: Clause{Seq: 10, LocalPref: Some(7)}},
		EditCustomer{Name: "acme", Field: CustomerRouteMaps, Value: Customer{RouteMaps: []string{"LATE"}}})
	y := network("acme", victim)
	y.RouteMap = "LATE"
	st.must(alice, y)
	if r, _ := st.s.RouteFor(pfx(victim), start+hour-1); r.LocalPref.Set {
		t.Fatalf("before the end of the first: %+v", r)
	}
	if r, out := st.s.RouteFor(pfx(victim), start+hour); !out || r.LocalPref != Some(7) {
		t.Fatalf("after the end of the first: %+v", r)
	}
}

func TestAChangedGrantFlagsWhatIsOutsideAndEndsNothing(t *testing.T) {
	st := newStory()
	st.must(alice, network("acme", victim))
	grant := EditCustomer{Name: "acme", Field: CustomerPrefixes, Remove: true, Value: Customer{Prefixes: []netip.Prefix{pfx("203.0.113.0/24")}}}
	st.must(olga, grant)
	if b, ok := st.s.Blackhole(pfx(victim), "acme", st.now); !ok || !b.Flagged || !st.isOut(victim) {
		t.Fatalf("%+v %v", b, ok)
	}
	refusedAs(t, st.do(alice, network("acme", victim)), RefusedGrant)
	st.must(olga, EditCustomer{Name: "acme", Field: CustomerROAPrefixes, Value: Customer{ROAPrefixes: []netip.Prefix{pfx("203.0.113.0/28")}}})
	if b, _ := st.s.Blackhole(pfx(victim), "acme", st.now); b.Flagged {
		t.Fatal("still flagged though a ROA grants it")
	}
	st.must(alice, network("acme", victim))
}

func TestClearEndsEverythingAtOnce(t *testing.T) {
	st := newStory()
	st.must(alice, network("acme", victim), network("acme", "2001:db8:113::9/128"))
	st.must(bob, network("bolt", victim))
	r := st.must(olga, Clear{Customer: "acme", Reason: "asked by phone"})
	if len(r.Changed) != 2 || !st.isOut(victim) || st.isOut("2001:db8:113::9/128") {
		t.Fatalf("clear of one customer: %+v", r)
	}
	st.must(olga, Clear{})
	if st.isOut(victim) {
		t.Fatal("still out")
	}
	for _, h := range st.s.History(netip.Prefix{}, "", st.now) {
		if h.Cause != EndCleared || h.EndBy != olga {
			t.Fatalf("%+v", h)
		}
	}
}

func TestDeadlinesBetweenTwoMoments(t *testing.T) {
	st := newStory()
	for i, l := range []Instant{minute, 2 * minute, 3 * minute} {
		x := network("acme", []string{"203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32"}[i])
		x.Life = Lifetime(l)
		st.must(alice, x)
	}
	if got := st.s.EndingBetween(start+minute, start+2*minute); !slices.Equal(got, []netip.Prefix{pfx("203.0.113.2/32")}) {
		t.Fatalf("got %v", got)
	}
	if _, more := st.s.NextEnd(start + 3*minute); more {
		t.Fatal("an end after the last one")
	}
}

func TestARefreshStormDoesNotPileUp(t *testing.T) {
	st := newStory()
	for range 10_000 {
		st.now++
		st.must(alice, network("acme", victim))
	}
	if n := len(st.s.ends); n > 2000 {
		t.Fatalf("%d deadlines are kept for one blackhole", n)
	}
	if end, _ := st.s.NextEnd(st.now); end != st.now+day {
		t.Fatalf("ends %s", end)
	}
}

func TestHistoryAndAuditAreBounded(t *testing.T) {
	st := newStory()
	for range historyKept + historyKept/8 + 100 {
		st.index += 2
		st.s.Apply(st.index-1, Entry{Stamp: st.now, Actor: alice, Commands: []Command{network("acme", victim)}})
		st.s.Apply(st.index, Entry{Stamp: st.now, Actor: alice, Commands: []Command{noNetwork("acme", victim)}})
	}
	h := st.s.History(netip.Prefix{}, "", st.now)
	if len(h) < historyKept || len(h) > historyKept+historyKept/8 || h[0].AtIndex != st.index {
		t.Fatalf("%d kept, the newest of %d", len(h), h[0].AtIndex)
	}
	if a, _ := st.s.Audit(); len(a) < auditKept || len(a) > auditKept+auditKept/8 {
		t.Fatalf("%d audit records kept", len(a))
	}
}
