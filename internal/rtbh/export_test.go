package rtbh

import (
	"net/netip"
	"testing"
)

func TestExportTakesTheFirstClauseThatMatches(t *testing.T) {
	s := NewState()
	s.prefixLists["FOUR"] = PrefixList{Name: "FOUR", Rules: []PrefixRule{{Seq: 5, Prefix: netip.MustParsePrefix("192.0.2.0/24"), Le: 32}}}
	s.routeMaps["EDGE"] = RouteMap{Name: "EDGE", Clauses: []Clause{
		{Seq: 5, Deny: true, MatchPrefix4: "FOUR"},
		{Seq: 10, Communities: []Community{64501<<16 | 666}, MED: Some(5)},
		{Seq: 20, MED: Some(6)},
	}}
	var routes []Route
	for _, p := range []string{"192.0.2.7/32", "198.51.100.7/32", "2001:db8::7/128"} {
		r, ok := s.evaluate(s.routeMaps[DefaultRouteMap], baseRoute(netip.MustParsePrefix(p)))
		if !ok {
			t.Fatal(p)
		}
		routes = append(routes, r)
	}
	out, defined := s.Export("EDGE", routes)
	if !defined || len(out) != 2 || out[0].Prefix != routes[1].Prefix || out[1].Prefix != routes[2].Prefix {
		t.Fatalf("defined %v: %+v", defined, out)
	}
	for i, r := range out {
		want := routes[i+1]
		want.Communities, want.MED = []Community{64501<<16 | 666}, Some(5)
		if !r.Equal(want) {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
	if routes[1].MED.Set {
		t.Error("the route itself was changed")
	}
	if _, defined := s.Export("NOBODY", routes); defined {
		t.Error("a route-map that does not exist is defined")
	}
}
