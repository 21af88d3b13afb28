package bgp

import (
	"log/slog"
	"net/netip"
	"slices"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/triggerd/triggerd/internal/route"
)

// Received routes are read from GoBGP's debug record of each UPDATE, which is
// made on the session's own goroutine before the UPDATE is processed, and not
// from its watch of updates: what that hands out shares memory with the
// Adj-RIB-In, which v4.8.0 goes on changing. An eBGP neighbor that sends
// LOCAL_PREF (which it must not, and real tables have it) is enough for a torn
// read, and the panic is in a goroutine of GoBGP that nobody can recover. The
// record is also cheaper: the watch copies a neighbor's whole configuration for
// each UPDATE.

// receivedUpdates reads that record: IPv4 in the fields of RFC 4271, IPv6 in the
// attributes of RFC 4760. broken is for an UPDATE whose attributes are: it
// withdraws whatever it names.
func receivedUpdates(from netip.Addr, r slog.Record, broken bool) []route.Update {
	var shared route.Route
	var announced, withdrawn []netip.Prefix
	var announced6 []netip.Prefix
	var nextHop6 netip.Addr
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Any().(type) {
		case []gobgp.PathNLRI:
			if a.Key == "nlri" {
				announced = appendPrefixes(announced, v)
			} else {
				withdrawn = appendPrefixes(withdrawn, v)
			}
		case []gobgp.PathAttributeInterface:
			for _, attribute := range v {
				switch x := attribute.(type) {
				case *gobgp.PathAttributeMpReachNLRI:
					announced6, nextHop6 = appendPrefixes(announced6, x.Value), x.Nexthop
				case *gobgp.PathAttributeMpUnreachNLRI:
					withdrawn = appendPrefixes(withdrawn, x.Value)
				default:
					readReceived(&shared, attribute)
				}
			}
		}
		return true
	})
	if broken {
		withdrawn, announced, announced6 = slices.Concat(withdrawn, announced, announced6), nil, nil
	}
	out := make([]route.Update, 0, len(withdrawn)+len(announced)+len(announced6))
	for _, p := range withdrawn {
		out = append(out, route.Update{Route: route.Route{Key: route.Key{Prefix: p, Peer: from}}, Withdrawn: true})
	}
	announce := func(prefixes []netip.Prefix, nextHop netip.Addr) {
		for _, p := range prefixes {
			one := shared
			one.Key, one.NextHop = route.Key{Prefix: p, Peer: from}, nextHop
			out = append(out, route.Update{Route: one})
		}
	}
	announce(announced, shared.NextHop)
	announce(announced6, nextHop6)
	return out
}

func readReceived(r *route.Route, a gobgp.PathAttributeInterface) {
	switch a := a.(type) {
	case *gobgp.PathAttributeNextHop:
		r.NextHop = a.Value
	case *gobgp.PathAttributeOrigin:
		r.Origin = route.Origin(a.Value)
	case *gobgp.PathAttributeMultiExitDisc:
		r.MED = route.Optional{Set: true, Value: a.Value}
	case *gobgp.PathAttributeLocalPref:
		r.LocalPref = route.Optional{Set: true, Value: a.Value}
	case *gobgp.PathAttributeCommunities:
		r.Communities = slices.Clone(a.Value)
	case *gobgp.PathAttributeAsPath:
		segments := make([]route.Segment, len(a.Value))
		for i, s := range a.Value {
			segments[i] = route.Segment{Type: route.SegmentType(s.GetType()), ASNs: s.GetAS()}
		}
		r.Path = route.PathOf(segments)
	}
}
