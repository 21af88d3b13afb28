package cli

import (
	"iter"
	"net/netip"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// Table is what the neighbors of this node send, before any policy. Nothing of it is
// ever announced.
type Table interface {
	// Walk yields received routes by prefix. A table may have a million and may
	// change meanwhile.
	Walk(q TableQuery) iter.Seq[TableRoute]
	// Longest returns the longest prefix around an address that a neighbor sends
	// and that keep takes; false: there is none.
	Longest(a netip.Addr, keep func(netip.Prefix) bool) (netip.Prefix, bool)
}

// TableQuery chooses received routes.
type TableQuery struct {
	Neighbor netip.Addr   // invalid: any
	Within   netip.Prefix // this prefix and what lies in it; invalid: any
	Exact    bool         // only Within itself
}

// TableRoute is a route as a neighbor announced it.
type TableRoute struct {
	Prefix      netip.Prefix
	Neighbor    netip.Addr
	NeighborAS  uint32
	NextHop     netip.Addr
	Path        []uint32 // nearest first
	Origin      rtbh.Origin
	MED         rtbh.Optional
	LocalPref   rtbh.Optional
	Communities []rtbh.Community
	State       string // valid, invalid, not-found; "": there are no VRPs to judge by
}
