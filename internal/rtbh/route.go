package rtbh

import (
	"net/netip"
	"slices"
)

// Community is a BGP community (RFC 1997): AS in the high 16 bits.
type Community uint32

// Well-known communities.
const (
	NoExport           Community = 0xFFFFFF01 // RFC 1997
	NoAdvertise        Community = 0xFFFFFF02 // RFC 1997
	NoExportSubconf    Community = 0xFFFFFF03 // RFC 1997, local-AS
	BlackholeWellKnown Community = 0xFFFF029A // 65535:666, RFC 7999
)

// LargeCommunity is a BGP large community (RFC 8092).
type LargeCommunity struct{ Global, Local1, Local2 uint32 }

// ExtCommunity is a BGP extended community as its eight octets (RFC 4360).
type ExtCommunity uint64

// Origin is the ORIGIN attribute (RFC 4271 section 5.1.1).
type Origin uint8

// The three origins, with their values on the wire.
const (
	OriginIGP        Origin = 0
	OriginEGP        Origin = 1
	OriginIncomplete Origin = 2
)

// String prints the origin as Quagga's route-maps name it.
func (o Origin) String() string {
	return [...]string{"igp", "egp", "incomplete"}[min(o, 2)]
}

// Optional is a number that may be absent, for attributes where 0 is a value.
type Optional struct {
	Set   bool
	Value uint32
}

// Some returns the optional that holds v.
func Some(v uint32) Optional { return Optional{Set: true, Value: v} }

// Discard next-hops that routers point at null: TEST-NET-1 by custom, and the
// discard-only prefix of RFC 6666 for IPv6.
var (
	DiscardNextHop4 = netip.MustParseAddr("192.0.2.1")
	DiscardNextHop6 = netip.MustParseAddr("100::1")
)

// Route is one announcement with every attribute that leaves the node. All
// slices are sorted and without duplicates except Prepend, whose order counts.
type Route struct {
	Prefix      netip.Prefix
	NextHop     netip.Addr
	Origin      Origin
	LocalPref   Optional
	MED         Optional
	Communities []Community
	Large       []LargeCommunity
	Ext         []ExtCommunity
	Prepend     []uint32 // AS numbers put before the path, in order of the path
}

// At returns the route with the same attributes for another prefix.
func (r Route) At(p netip.Prefix) Route {
	r.Prefix = p
	return r
}

// Equal tells whether both routes are the same announcement, value for value.
func (r Route) Equal(o Route) bool {
	return r.Prefix == o.Prefix && r.NextHop == o.NextHop && r.Origin == o.Origin &&
		r.LocalPref == o.LocalPref && r.MED == o.MED &&
		slices.Equal(r.Communities, o.Communities) && slices.Equal(r.Large, o.Large) &&
		slices.Equal(r.Ext, o.Ext) && slices.Equal(r.Prepend, o.Prepend)
}
