package cli

import (
	"iter"
	"net/netip"
	"time"
)

// RPKI is what this node knows from RPKI caches, and what it makes of the routes
// that its neighbors send.
type RPKI interface {
	// Caches returns the configured caches, best first.
	Caches() []RTRCache
	// VRPs are those that routes are judged by, IPv4 first, by prefix. false: no
	// cache has usable data.
	VRPs() (all iter.Seq[VRP], usable bool)
	// Covering returns the VRPs whose prefix covers p, the longest first.
	Covering(p netip.Prefix) []VRP
	// ASPAs are those that AS paths are verified by, ascending by customer.
	ASPAs() []ASPA
	// Differences compares the best cache that has data with every other one.
	Differences() []CacheDifference
	// Statistics are the counters of this node.
	Statistics() RPKIStatistics
	// Received returns received routes by prefix. more: the query's limit left
	// some out.
	Received(q ReceivedQuery) (routes []Received, more bool)
	// Usable tells whether there are VRPs to judge by.
	Usable() bool
	// Blackhole tells what neighbors that validate make of a blackhole.
	Blackhole(p netip.Prefix, origin uint32) RPKIAdvice
	// Refresh asks every cache for what is new.
	Refresh()
	// Accept believes a sudden loss of VRPs that is held off; false: none is.
	Accept() bool
}

// RTRCache is one cache and the connection to it.
type RTRCache struct {
	Host       string
	Port       uint16
	Transport  string // tcp, tls, ssh, tcp-md5
	Preference uint8  // lower is better
	InUse      bool   // its data count now
	Up         bool   // the connection works and its last answer was complete
	State      string // idle, connecting, querying, synced, no-data
	Since      time.Time
	Version    uint8 // of the protocol
	HasData    bool  // complete and not expired; then these count:
	Session    uint16
	Serial     uint32
	Updated    time.Time // of the last complete answer; zero = never
	Expires    time.Time
	IPv4, IPv6 int // VRPs
	ASPAs      int
	RouterKeys int
	LastError  string // "" = none
}

// VRP is one validated ROA payload.
type VRP struct {
	Prefix netip.Prefix
	MaxLen uint8
	ASN    uint32
}

// ASPA is what an AS attests about its providers; AS 0 alone: it has none.
type ASPA struct {
	Customer  uint32
	Providers []uint32
}

// CacheDifference is what two caches do not agree on. A is the better one.
type CacheDifference struct {
	A, B         string // HOST:PORT
	OnlyA, OnlyB int    // VRPs
	SampleA      []VRP  // some of those that only A has
	SampleB      []VRP
}

// The states of received routes (RFC 6811 section 2).
const (
	rpkiValid    = "valid"
	rpkiInvalid  = "invalid"
	rpkiNotFound = "not-found"
)

// ReceivedQuery chooses received routes.
type ReceivedQuery struct {
	Within netip.Prefix // this prefix and what lies in it; invalid: any
	Origin *uint32      // nil: any
	State  string       // "" = any
	Path   string       // "" = any
	Limit  int          // 0 = none
}

// Received is a route that a neighbor sends, with its state.
type Received struct {
	Prefix     netip.Prefix
	Neighbor   netip.Addr
	NeighborAS uint32
	Origin     uint32
	NoOrigin   bool   // the path ends in an AS_SET
	State      string // valid, invalid, not-found
	Reason     string // of invalid: as, length
	Why        string // in words
	Path       string // by ASPA: valid, invalid, unknown, or unverified: there is nothing to verify it by
}

// unverified is the state of the path of a neighbor without a role, and of every
// path while there are no ASPAs.
const unverified = "unverified"

// RPKIAdvice is what neighbors that validate will make of a blackhole.
type RPKIAdvice struct {
	Text    string
	Known   bool // there are data to judge by
	Refused bool // neighbors that drop invalid routes drop it
	State   string
	Reason  string
	VRPs    []VRP // that cover it
}
