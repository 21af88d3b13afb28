package rpki

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// anyRoute draws a route as an UPDATE can carry it.
func anyRoute(t *rapid.T) route.Route {
	hops := []string{"", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"}
	hop, _ := netip.ParseAddr(rapid.SampledFrom(hops).Draw(t, "next-hop"))
	optional := func(name string) route.Optional {
		if rapid.Bool().Draw(t, name) {
			return route.Optional{Set: true, Value: rapid.Uint32().Draw(t, name+" value")}
		}
		return route.Optional{}
	}
	segment := rapid.Custom(func(t *rapid.T) route.Segment {
		return route.Segment{
			Type: route.SegmentType(rapid.IntRange(1, 4).Draw(t, "type")),
			ASNs: rapid.SliceOfN(rapid.Uint32(), 0, 4).Draw(t, "ASNs"),
		}
	})
	prefix := rapid.SampledFrom([]string{"192.0.2.0/24", "192.0.2.0/25", "2001:db8::/32"}).Draw(t, "prefix")
	return route.Route{
		Key:    route.Key{Prefix: netip.MustParsePrefix(prefix), Peer: rapid.SampledFrom([]netip.Addr{peerA, peerB}).Draw(t, "peer"), PathID: rapid.Uint32Range(0, 1).Draw(t, "id")},
		PeerAS: 64510, NextHop: hop, Path: route.PathOf(rapid.SliceOfN(segment, 0, 3).Draw(t, "path")),
		Origin: route.Origin(rapid.IntRange(0, 2).Draw(t, "origin")), MED: optional("MED"), LocalPref: optional("local-pref"),
		Communities: rapid.SliceOfN(rapid.Uint32(), 0, 5).Draw(t, "communities"),
	}
}

// What a walk yields is what the neighbors sent, value for value, after any number of
// announcements, replacements and withdrawals; and no set of attributes is left over.
func TestAWalkYieldsWhatWasSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(Options{OwnAS: ourAS})
		there := map[route.Key]route.Route{}
		for _, r := range rapid.SliceOfN(rapid.Custom(anyRoute), 0, 30).Draw(t, "routes") {
			gone := rapid.IntRange(0, 3).Draw(t, "withdrawn") == 0
			s.Apply([]route.Update{{Route: r, Withdrawn: gone}})
			if there[r.Key] = r; gone {
				delete(there, r.Key)
			}
		}
		n := 0
		for got := range s.Walk(Query{}) {
			n++
			if want, ok := there[got.Key]; !ok || !got.Equal(want) {
				t.Fatalf("walked over %+v, was sent %+v", got.Route, want)
			}
		}
		if n != len(there) {
			t.Fatalf("walked over %d routes of %d", n, len(there))
		}
		s.PeerDown(peerA)
		s.PeerDown(peerB)
		if len(s.index.sets.byKey) != 0 || len(s.index.sets.free) != len(s.index.sets.all)-1 {
			t.Fatalf("%d sets are left, %d free of %d", len(s.index.sets.byKey), len(s.index.sets.free), len(s.index.sets.all)-1)
		}
	})
}

func TestAWalkChoosesByNeighborAndPrefix(t *testing.T) {
	s := New(Options{OwnAS: ourAS})
	for _, p := range []string{"192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24"} {
		for _, peer := range []netip.Addr{peerB, peerA} {
			s.Apply([]route.Update{{Route: route.Route{Key: route.Key{Prefix: netip.MustParsePrefix(p), Peer: peer}, PeerAS: 64510}}})
		}
	}
	walk := func(q Query) (out []string) {
		for r := range s.Walk(q) {
			out = append(out, r.Prefix.String())
			if r.State != vrp.NotFound || q.Peer.IsValid() && r.Peer != q.Peer {
				t.Errorf("%+v", r)
			}
		}
		return out
	}
	for _, c := range []struct {
		q    Query
		want []string
	}{
		{Query{Peer: peerA}, []string{"192.0.2.0/24", "192.0.2.128/25", "198.51.100.0/24"}},
		{Query{Peer: peerA, Limit: 2}, []string{"192.0.2.0/24", "192.0.2.128/25"}},
		{Query{Peer: peerB, Prefix: netip.MustParsePrefix("192.0.2.0/24")}, []string{"192.0.2.0/24", "192.0.2.128/25"}},
		{Query{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Exact: true}, []string{"192.0.2.0/24", "192.0.2.0/24"}},
		{Query{Peer: netip.MustParseAddr("192.0.2.99")}, nil},
	} {
		if got := walk(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
	for range s.Walk(Query{}) {
		break // a reader may leave at any time
	}
	longest, ok := s.Longest(netip.MustParseAddr("192.0.2.200"), func(p netip.Prefix) bool { return true })
	if !ok || longest.String() != "192.0.2.128/25" {
		t.Error(longest, ok)
	}
	longest, ok = s.Longest(netip.MustParseAddr("192.0.2.200"), func(p netip.Prefix) bool { return p.Bits() < 25 })
	if !ok || longest.String() != "192.0.2.0/24" {
		t.Error(longest, ok)
	}
	if p, ok := s.Longest(netip.MustParseAddr("203.0.113.1"), func(netip.Prefix) bool { return true }); ok {
		t.Error(p)
	}
}
