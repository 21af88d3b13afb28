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

// Key is the identity of a received route: a neighbor holds at most one route
// for each prefix and path id (RFC 7911). It is comparable.
type Key struct {
	Prefix netip.Prefix
	Peer   netip.Addr
	PathID uint32 // 0 without ADD-PATH
}

// Route is one route as a neighbor announced it, before any policy of ours.
// Path and its kin come out of PathOf.
type Route struct {
	Key
	PeerAS      uint32
	NextHop     netip.Addr
	Path        Path
	Origin      Origin
	MED         Optional
	LocalPref   Optional
	Communities []uint32 // RFC 1997, in the order received
}

// Origin is the ORIGIN attribute with its numbers of RFC 4271 section 4.3. It says
// how the route got into BGP; whose it is, is the end of the path.
type Origin uint8

// The values of ORIGIN.
const (
	IGP Origin = iota
	EGP
	Incomplete
)

// Optional is a number that an UPDATE may lack.
type Optional struct {
	Set   bool
	Value uint32
}

// Equal tells whether both routes are the same, value for value.
func (r Route) Equal(o Route) bool {
	return r.Key == o.Key && r.PeerAS == o.PeerAS && r.NextHop == o.NextHop &&
		r.Path.Equal(o.Path) && r.Origin == o.Origin && r.MED == o.MED && r.LocalPref == o.LocalPref && slices.Equal(r.Communities, o.Communities)
}

// Update is one event of a neighbor's Adj-RIB-In: a route that is new or
// replaces the one with its Key, or, with Withdrawn, the end of it. Of a
// withdrawal only Key counts.
type Update struct {
	Route
	Withdrawn bool
}

// Role is what a neighbor is to us (RFC 9234 section 3.1). It is the neighbor's
// side of the relation: RoleProvider says that we are its customer. The BGP role
// capability that we send says our own side, the opposite.
type Role uint8

// The roles of a neighbor. Without one its AS paths are not verified.
const (
	RoleNone Role = iota
	RoleProvider
	RoleRouteServer
	RoleRouteServerClient
	RoleCustomer
	RolePeer
)

var roleNames = [...]string{"none", "provider", "rs-server", "rs-client", "customer", "peer"}

// ParseRole reads the name of a role; false: there is no such role.
func ParseRole(name string) (Role, bool) {
	for r := RoleProvider; int(r) < len(roleNames); r++ {
		if roleNames[r] == name {
			return r, true
		}
	}
	return RoleNone, false
}

// Opposite is the role on the other side of the session (RFC 9234 section 4.2).
func (r Role) Opposite() Role {
	switch r {
	case RoleProvider:
		return RoleCustomer
	case RoleCustomer:
		return RoleProvider
	case RoleRouteServer:
		return RoleRouteServerClient
	case RoleRouteServerClient:
		return RoleRouteServer
	}
	return r
}

func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return "unknown"
}

// Peer is what there is to know about a neighbor that sends routes.
type Peer struct {
	Addr netip.Addr
	AS   uint32
	Role Role
}
