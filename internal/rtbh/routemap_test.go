package rtbh

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// seen is the route of a blackhole that acme announces with a route-map.
func seen(t *testing.T, st *story, p, routeMap string) Route {
	t.Helper()
	st.must(alice, Announce{Customer: "acme", Prefix: pfx(p), RouteMap: routeMap})
	r, ok := st.s.RouteFor(pfx(p), st.now)
	if !ok {
		t.Fatalf("%s is not announced", p)
	}
	return r
}

// lines writes lines of clause 10 of a route-map and lets acme use it.
func lines(st *story, name string, lines ...EditClause) {
	for _, l := range lines {
		l.Map = name
		if l.Value.Seq == 0 {
			l.Value.Seq = 10
		}
		st.must(local, l)
	}
	st.must(local, EditCustomer{Name: "acme", Field: CustomerRouteMaps, Value: Customer{RouteMaps: []string{name}}})
}

func TestTheDefaultRoute(t *testing.T) {
	st := newStory()
	for p, hop := range map[string]netip.Addr{victim: DiscardNextHop4, "2001:db8:113::7/128": DiscardNextHop6} {
		want := Route{Prefix: pfx(p), NextHop: hop, Origin: OriginIGP, Communities: []Community{BlackholeWellKnown, NoExport}}
		if got := seen(t, st, p, ""); !got.Equal(want) || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
		if got := seen(t, st, p, DefaultRouteMap); !got.Equal(want) {
			t.Errorf("by its name: %+v", got)
		}
	}
	// RFC 7999, RFC 1997
	if BlackholeWellKnown != 65535<<16|666 || NoExport != 65535<<16|65281 {
		t.Error("the well-known communities have wrong values")
	}
}

func TestSetLines(t *testing.T) {
	st := newStory()
	lines(st, "ALL",
		EditClause{Field: ClauseCommunities, Value: Clause{Communities: []Community{9, 3, 9, 5}, Additive: true}},
		EditClause{Field: ClauseLarge, Value: Clause{Large: []LargeCommunity{{2, 0, 0}, {1, 2, 3}, {1, 2, 3}, {1, 2, 2}}}},
		EditClause{Field: ClauseExt, Value: Clause{Ext: []ExtCommunity{7, 6}}},
		EditClause{Field: ClauseNextHop4, Value: Clause{NextHop4: netip.MustParseAddr("192.0.2.66")}},
		EditClause{Field: ClauseNextHop6, Value: Clause{NextHop6: netip.MustParseAddr("100::66")}},
		EditClause{Field: ClauseLocalPref, Value: Clause{LocalPref: Some(0)}},
		EditClause{Field: ClauseMED, Value: Clause{MED: Some(4294967295)}},
		EditClause{Field: ClauseOrigin, Value: Clause{Origin: Some(2)}},
		EditClause{Field: ClausePrepend, Value: Clause{Prepend: []uint32{64502, 64501, 64502}}})
	want := Route{
		Prefix: pfx(victim), NextHop: netip.MustParseAddr("192.0.2.66"), Origin: OriginIncomplete, LocalPref: Some(0), MED: Some(4294967295),
		Communities: []Community{3, 5, 9}, Large: []LargeCommunity{{1, 2, 2}, {1, 2, 3}, {2, 0, 0}}, Ext: []ExtCommunity{6, 7}, Prepend: []uint32{64502, 64501, 64502},
	}
	if got := seen(t, st, victim, "ALL"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := seen(t, st, "2001:db8:113::7/128", "ALL"); got.NextHop != netip.MustParseAddr("100::66") {
		t.Errorf("IPv6 next-hop %s", got.NextHop)
	}
	// Without a line the route has what it began with.
	for f := ClauseCommunities; f < clauseFields; f++ {
		st.must(local, EditClause{Map: "ALL", Field: f, Remove: true, Value: Clause{Seq: 10}})
	}
	if got := seen(t, st, victim, "ALL"); !reflect.DeepEqual(got, Route{Prefix: pfx(victim), NextHop: DiscardNextHop4}) {
		t.Errorf("all lines removed: %+v", got)
	}
}

func TestAdditiveKeepsWhatWasThere(t *testing.T) {
	was := []Community{1, 5}
	if got := merged(was, []Community{5, 3}, true, compareNumbers); !slices.Equal(got, []Community{1, 3, 5}) {
		t.Errorf("additive: %v", got)
	}
	if got := merged(was, []Community{5, 3}, false, compareNumbers); !slices.Equal(got, []Community{3, 5}) {
		t.Errorf("not additive: %v", got)
	}
	c := Clause{Communities: []Community{3}, Additive: true, Large: []LargeCommunity{{1, 1, 1}}, LargeAdditive: true, Prepend: []uint32{64501}}
	r := c.apply(Route{Prefix: pfx(victim), Communities: []Community{7}, Large: []LargeCommunity{{9, 9, 9}}, Prepend: []uint32{64500}})
	if !slices.Equal(r.Communities, []Community{3, 7}) || !slices.Equal(r.Large, []LargeCommunity{{1, 1, 1}, {9, 9, 9}}) || !slices.Equal(r.Prepend, []uint32{64501, 64500}) {
		t.Errorf("%+v", r)
	}
}

func TestTheFirstClauseThatMatchesDecides(t *testing.T) {
	st := newStory()
	st.must(local,
		EditPrefixList{Name: "DENIED", Rule: PrefixRule{Prefix: pfx("203.0.113.0/30"), Le: 32}},
		EditPrefixList{Name: "EVEN", Rule: PrefixRule{Prefix: pfx("203.0.113.8/32")}},
		EditPrefixList{Name: "SIX", IPv6: true, Rule: PrefixRule{Any: true}})
	lines(st, "M",
		EditClause{Field: ClauseLocalPref, Value: Clause{Seq: 30, LocalPref: Some(30)}},
		EditClause{Value: Clause{Seq: 10, Deny: true}},
		EditClause{Field: ClauseMatchPrefix4, Value: Clause{Seq: 10, Deny: true, MatchPrefix4: "DENIED"}},
		EditClause{Field: ClauseLocalPref, Value: Clause{Seq: 20, LocalPref: Some(20)}},
		EditClause{Field: ClauseMatchPrefix4, Value: Clause{Seq: 20, MatchPrefix4: "EVEN"}},
		EditClause{Field: ClauseLocalPref, Value: Clause{Seq: 25, LocalPref: Some(25)}},
		EditClause{Field: ClauseMatchPrefix6, Value: Clause{Seq: 25, MatchPrefix6: "SIX"}})
	refusedAs(t, st.do(alice, Announce{Customer: "acme", Prefix: pfx("203.0.113.3/32"), RouteMap: "M"}), RefusedRouteMap)
	for p, want := range map[string]uint32{"203.0.113.8/32": 20, "203.0.113.9/32": 30, "2001:db8:113::7/128": 25} {
		if r := seen(t, st, p, "M"); r.LocalPref != Some(want) {
			t.Errorf("%s has local-preference %d, want %d", p, r.LocalPref.Value, want)
		}
	}
}

// A map that comes to deny what is out, or to match a list that is gone, keeps
// the traffic stopped: the default map takes its place.
func TestALiveBlackholeSurvivesItsRouteMap(t *testing.T) {
	st := newStory()
	lines(st, "M", EditClause{Field: ClauseLocalPref, Value: Clause{LocalPref: Some(7)}})
	seen(t, st, victim, "M")
	r := st.must(local, EditClause{Map: "M", Field: ClauseMatchPrefix4, Value: Clause{Seq: 10, MatchPrefix4: "NOSUCH"}})
	if !r.All {
		t.Error("nobody is told that routes may have changed")
	}
	if got, ok := st.s.RouteFor(pfx(victim), st.now); !ok || !slices.Contains(got.Communities, BlackholeWellKnown) {
		t.Errorf("%+v %v", got, ok)
	}
	refusedAs(t, st.do(alice, Announce{Customer: "acme", Prefix: pfx("203.0.113.8/32"), RouteMap: "M"}), RefusedRouteMap)
}

// A customer under attack must hear of it when the default map announces
// nothing.
func TestADefaultMapThatDeniesIsNotSilent(t *testing.T) {
	st := newStory()
	st.must(local, EditClause{Map: DefaultRouteMap, Value: Clause{Seq: 10, Deny: true}})
	refusedAs(t, st.do(alice, network("acme", victim)), RefusedRouteMap)
}

func TestPlainNetworkGoesBackToTheDefaultMap(t *testing.T) {
	st := newStory()
	lines(st, "M", EditClause{Field: ClauseLocalPref, Value: Clause{LocalPref: Some(7)}})
	if r := seen(t, st, victim, "M"); r.LocalPref != Some(7) {
		t.Fatalf("%+v", r)
	}
	r := st.must(alice, network("acme", victim))
	if got, _ := st.s.RouteFor(pfx(victim), st.now); got.LocalPref.Set || !slices.Equal(r.Changed, []netip.Prefix{pfx(victim)}) {
		t.Fatalf("%+v, changed %v", got, r.Changed)
	}
	accepted(t, st.do(local, EditCustomer{Name: "acme", Field: CustomerRouteMaps, Remove: true}, DeleteRouteMap{"M"}))
}

func TestPrefixLists(t *testing.T) {
	rule := func(p string, ge, le uint8) PrefixRule { return PrefixRule{Prefix: pfx(p), Ge: ge, Le: le} }
	for _, c := range []struct {
		rule PrefixRule
		yes  []string
		no   []string
	}{
		{rule("10.0.0.0/8", 0, 0), []string{"10.0.0.0/8"}, []string{"10.0.0.0/9", "0.0.0.0/0", "11.0.0.0/8"}},
		{rule("10.0.0.0/8", 24, 0), []string{"10.1.2.0/24", "10.1.2.3/32"}, []string{"10.0.0.0/8", "10.1.2.0/23", "11.1.2.3/32"}},
		{rule("10.0.0.0/8", 0, 24), []string{"10.0.0.0/8", "10.1.2.0/24"}, []string{"10.1.2.0/25", "0.0.0.0/0"}},
		{rule("10.0.0.0/8", 16, 24), []string{"10.1.0.0/16", "10.1.2.0/24"}, []string{"10.0.0.0/15", "10.1.2.0/25"}},
		{rule("0.0.0.0/0", 0, 32), []string{"0.0.0.0/0", "192.0.2.7/32"}, []string{"::/0", "2001:db8::/32"}},
		{rule("2001:db8::/32", 128, 0), []string{"2001:db8::7/128"}, []string{"2001:db8::/32", "2001:db9::7/128", "32.1.13.184/32"}},
		{PrefixRule{Any: true}, []string{"0.0.0.0/0", "192.0.2.7/32"}, nil},
	} {
		for i, all := range [][]string{c.yes, c.no} {
			for _, p := range all {
				permit := PrefixList{Rules: []PrefixRule{c.rule}}
				deny := PrefixList{Rules: []PrefixRule{{Deny: true, Any: c.rule.Any, Prefix: c.rule.Prefix, Ge: c.rule.Ge, Le: c.rule.Le}, {Any: true}}}
				if got := permit.Permits(pfx(p)); got != (i == 0) {
					t.Errorf("permit %+v: %s %v", c.rule, p, got)
				}
				if got := deny.Permits(pfx(p)); got != (i == 1) {
					t.Errorf("deny %+v, then any: %s %v", c.rule, p, got)
				}
			}
		}
	}
	if (PrefixList{}).Permits(pfx(victim)) {
		t.Error("an empty list permits")
	}
}

func TestRulesAreNumberedInStepsOfFive(t *testing.T) {
	st := newStory()
	for _, seq := range []uint32{0, 0, 7, 0, 5} { // 5, 10, then 7, then 15, then 5 again
		st.must(local, EditPrefixList{Name: "PL", Rule: PrefixRule{Seq: seq, Prefix: pfx("10.0.0.0/8"), Le: uint8(20 + seq)}},
			EditCommunityList{Name: "CL", Rule: CommunityRule{Seq: seq, Communities: []Community{Community(seq), 1}}})
	}
	var seqs []uint32
	for _, r := range st.s.PrefixLists()[0].Rules {
		seqs = append(seqs, r.Seq)
	}
	if !slices.Equal(seqs, []uint32{5, 7, 10, 15}) || st.s.PrefixLists()[0].Rules[0].Le != 25 {
		t.Errorf("%+v", st.s.PrefixLists()[0].Rules)
	}
	seqs = nil
	for _, r := range st.s.CommunityLists()[0].Rules {
		seqs = append(seqs, r.Seq)
	}
	if !slices.Equal(seqs, []uint32{5, 7, 10, 15}) || !slices.Equal(st.s.CommunityLists()[0].Rules[0].Communities, []Community{1, 5}) {
		t.Errorf("%+v", st.s.CommunityLists()[0].Rules)
	}
	st.must(local, EditPrefixList{Name: "PL", Remove: true, Rule: PrefixRule{Seq: 7}}, EditCommunityList{Name: "CL", Remove: true})
	if len(st.s.PrefixLists()[0].Rules) != 3 || len(st.s.CommunityLists()) != 0 {
		t.Error("removal of a rule, or of a list")
	}
}

func TestCommunityLists(t *testing.T) {
	l := CommunityList{Rules: []CommunityRule{
		{Seq: 5, Deny: true, Communities: []Community{1, 2}},
		{Seq: 10, Communities: []Community{1}},
		{Seq: 15, Communities: []Community{3, 4}},
	}}
	for _, c := range []struct {
		have []Community
		want bool
	}{
		{nil, false}, {[]Community{1}, true}, {[]Community{1, 2}, false}, {[]Community{1, 2, 3}, false},
		{[]Community{3}, false}, {[]Community{3, 4}, true}, {[]Community{4, 3, 9}, true}, {[]Community{2}, false},
	} {
		if got := l.Permits(c.have); got != c.want {
			t.Errorf("%v: %v", c.have, got)
		}
	}
	st := newStory()
	st.s.communityLists["CL"] = l
	m := RouteMap{Clauses: []Clause{{Seq: 10, MatchCommunity: "CL", MED: Some(1)}, {Seq: 20, MED: Some(2)}}}
	if r, _ := st.s.evaluate(m, Route{Prefix: pfx(victim), Communities: []Community{1}}); r.MED != Some(1) {
		t.Errorf("match community: %+v", r)
	}
	if r, _ := st.s.evaluate(m, Route{Prefix: pfx(victim), Communities: []Community{2}}); r.MED != Some(2) {
		t.Errorf("no match: %+v", r)
	}
}
