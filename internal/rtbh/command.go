package rtbh

import "net/netip"

// Command is one change that is asked for. The set is closed: every type is in
// this file, and each has its number in the log (see encode.go).
type Command interface{ kind() Kind }

// Announce is `network P [route-map R] [expire L] [reason TEXT] [ticket TEXT]`.
// Where it exists already, it replaces the route-map and refreshes the deadline.
type Announce struct {
	Customer string
	Prefix   netip.Prefix // exactly as typed: host bits are refused, not cleared
	RouteMap string
	Life     Lifetime // 0 = the default; Forever = never
	Until    Instant  // an absolute end instead of Life; 0 = none
	Reason   string
	Ticket   string
}

// Withdraw is `no network P`.
type Withdraw struct {
	Customer string
	Prefix   netip.Prefix
	Reason   string
}

// Clear ends all blackholes, or those of one customer; operators only.
type Clear struct {
	Customer string // "" = everybody's
	Reason   string
}

// EditCustomer changes one field of a customer. For lists the values are added,
// or with Remove taken out; for single values Remove goes back to the default.
type EditCustomer struct {
	Name   string
	Field  CustomerField
	Remove bool
	Value  Customer // only the part named by Field counts
}

// EditUser changes one field of a user, as [EditCustomer] does.
type EditUser struct {
	Name   string
	Field  UserField
	Remove bool
	Value  User
}

// EditSettings changes one field of the cluster's settings.
type EditSettings struct {
	Field  SettingsField
	Remove bool
	Value  Settings
}

// EditClause changes one line of a route-map's clause. It makes the clause, and
// the map, when they do not exist.
type EditClause struct {
	Map    string
	Field  ClauseField
	Remove bool
	Value  Clause // Seq and Deny always count, else only the part named by Field
}

// DeleteRouteMap is `no route-map NAME`.
type DeleteRouteMap struct{ Name string }

// EditPrefixList adds, replaces or removes one rule of a prefix-list.
// Remove with a rule of Seq 0 deletes the list.
type EditPrefixList struct {
	Name   string
	IPv6   bool
	Remove bool
	Rule   PrefixRule
}

// EditCommunityList adds, replaces or removes one rule of a community-list.
// Remove with a rule of Seq 0 deletes the list.
type EditCommunityList struct {
	Name   string
	Remove bool
	Rule   CommunityRule
}

// EditContact puts a contact whole, or removes it.
type EditContact struct {
	Remove  bool
	Contact Contact
}

// Approve lets a pending request of another user take effect; Reject drops it.
type Approve struct {
	ID     uint64
	Reject bool
}

// The commands below are made by the cluster itself, through [DoorNode].

// InitCluster is the first entry of a cluster.
type InitCluster struct {
	ClusterID string
	Created   Instant
}

// PutMember adds a member or replaces the record of that name.
type PutMember struct{ Member Member }

// DeleteMember takes a member out; its certificate is refused from then on.
type DeleteMember struct{ Name string }

// PutToken keeps the hash of a join token.
type PutToken struct{ Token Token }

// UseToken takes a token out when its node has joined.
type UseToken struct{ Hash [32]byte }

// Tick carries only its entry's stamp: the clock goes on, what is over ends.
type Tick struct{}

// Checkpoint says which digest the proposer had at an index.
type Checkpoint struct {
	Index  uint64
	Digest [32]byte
	Node   string
}

// SetBudget is a node's `neighbor X maximum-announced N`. 0 takes it away.
type SetBudget struct {
	Node     string
	Neighbor string
	Max      uint32
}

// CountRefused adds tries of a known user that were refused before the log.
type CountRefused struct {
	User  string
	Count uint32
	Last  Instant
	From  string
	Why   string
}

// RaiseVersion lets commands of a newer version into the log from here on.
type RaiseVersion struct{ Version uint32 }

// RecordLocal is the late record of what an operator did at a node while there
// was no majority.
type RecordLocal struct {
	At   Instant
	Node string
	User string
	Text string
}
