package rtbh

import "net/netip"

// DefaultRouteMap is the route-map of a `network` line that names none. It is
// made with the cluster, can be edited by operators and never deleted.
const DefaultRouteMap = "BLACKHOLE"

// RouteMap turns a blackhole into a route, in Quagga's terms. Clauses are
// sorted by Seq; the first that matches decides.
type RouteMap struct {
	Name    string
	Clauses []Clause
}

// Clause is one `route-map NAME permit|deny SEQ` with its match and set lines.
type Clause struct {
	Seq         uint16
	Deny        bool
	Description string

	MatchCommunity string // name of a community-list
	MatchPrefix4   string // name of a prefix-list, for IPv4 routes
	MatchPrefix6   string // name of a prefix-list, for IPv6 routes

	Communities   []Community // sorted
	Additive      bool        // of Communities
	Large         []LargeCommunity
	LargeAdditive bool
	Ext           []ExtCommunity
	NextHop4      netip.Addr
	NextHop6      netip.Addr
	LocalPref     Optional
	MED           Optional
	Origin        Optional // an Origin
	Prepend       []uint32
}

// ClauseField names the line of a clause that a command changes.
type ClauseField uint8

// The fields of a clause. Values are frozen: they are in the log.
const (
	ClauseExists ClauseField = iota // create, or with Remove delete
	ClauseDescription
	ClauseMatchCommunity
	ClauseMatchPrefix4
	ClauseMatchPrefix6
	ClauseCommunities
	ClauseLarge
	ClauseExt
	ClauseNextHop4
	ClauseNextHop6
	ClauseLocalPref
	ClauseMED
	ClauseOrigin
	ClausePrepend
	clauseFields
)

// PrefixList is a Quagga prefix-list: the first rule that matches decides, and
// nothing matching means deny.
type PrefixList struct {
	Name  string
	IPv6  bool
	Rules []PrefixRule // sorted by Seq
}

// PrefixRule is one line of a prefix-list. Any ignores Prefix.
type PrefixRule struct {
	Seq    uint32
	Deny   bool
	Any    bool
	Prefix netip.Prefix
	Ge, Le uint8 // 0 = not given
}

// CommunityList is a standard community-list: a route matches a rule when it
// carries all of the rule's communities.
type CommunityList struct {
	Name  string
	Rules []CommunityRule // sorted by Seq
}

// CommunityRule is one line of a community-list.
type CommunityRule struct {
	Seq         uint32
	Deny        bool
	Communities []Community
}
