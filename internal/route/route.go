// Package route holds the value of a route that a neighbor sent to us: the one
// shape in which received routes leave bgp and enter the validation in rpki.
//
// It holds values only, from the standard library. It must not know BGP
// messages, GoBGP, RPKI states or who keeps the values. bgp makes them; rpki
// and the command line read them.
package route

import (
	"net/netip"
	"slices"
)

// OriginKind tells how much of the origin an AS path gives away, as origin
// validation needs it (RFC 6811 section 2).
type OriginKind uint8

// The kinds of origin.
const (
	// OriginNone is an empty path: the route was made inside the
	// neighbor's own AS.
	OriginNone OriginKind = iota
	// OriginAS is a path that ends in a sequence: Origin is its last AS.
	OriginAS
	// OriginSet is a path that ends in an AS_SET: no single AS is the
	// origin, and no VRP can make the route valid.
	OriginSet
)

// Key is the identity of a received route: a neighbor holds at most one route
// for each prefix and path id (RFC 7911). It is comparable.
type Key struct {
	Prefix netip.Prefix
	Peer   netip.Addr
	PathID uint32 // 0 without ADD-PATH
}

// Route is one route as a neighbor announced it, before any policy of ours.
type Route struct {
	Key
	PeerAS      uint32
	NextHop     netip.Addr
	OriginKind  OriginKind
	Origin      uint32   // the origin AS; only with OriginAS
	ASPath      []uint32 // as received, nearest AS first; the members of sets are included in place
	Communities []uint32 // RFC 1997, in the order received
}

// Equal tells whether both routes are the same, value for value.
func (r Route) Equal(o Route) bool {
	return r.Key == o.Key && r.PeerAS == o.PeerAS && r.NextHop == o.NextHop &&
		r.OriginKind == o.OriginKind && r.Origin == o.Origin &&
		slices.Equal(r.ASPath, o.ASPath) && slices.Equal(r.Communities, o.Communities)
}

// OriginAS returns the AS that validation compares with the VRPs: the last AS
// of the path, or the neighbor's own AS when the path is empty. The second
// result is false when there is no single origin.
func (r Route) OriginAS() (uint32, bool) {
	switch r.OriginKind {
	case OriginAS:
		return r.Origin, true
	case OriginNone:
		return r.PeerAS, true
	default:
		return 0, false
	}
}
