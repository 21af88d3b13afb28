package cli

import (
	"net/netip"
	"time"
)

// RPKIStatistics are what a node counts about RPKI. Counters begin with the
// process.
type RPKIStatistics struct {
	Routes    RouteCounts
	Neighbors []NeighborCounts // by address
	Usable    bool             // there are data to judge by
	IPv4      int              // VRPs in use
	IPv6      int
	ASPAs     int
	Expires   time.Time // of the data in use; with Usable
	Held      *HeldLoss // nil: none
	Caches    []CacheCounters
	Changes   DataChanges
}

// RouteCounts are received routes by state. Unverified paths are in none of the
// Path counts.
type RouteCounts struct {
	Routes        int `json:"routes"`
	Valid         int `json:"valid"`
	InvalidAS     int `json:"invalidAs"`
	InvalidLength int `json:"invalidLength"`
	NotFound      int `json:"notFound"`
	PathValid     int `json:"aspaValid"`
	PathInvalid   int `json:"aspaInvalid"`
	PathUnknown   int `json:"aspaUnknown"`
}

// NeighborCounts are the routes of one neighbor.
type NeighborCounts struct {
	Neighbor netip.Addr
	AS       uint32
	Role     string // what it is to us; none
	RouteCounts
}

// HeldLoss is a sudden loss of VRPs that is not believed yet.
type HeldLoss struct {
	Cache string    `json:"cache"`
	Lost  int       `json:"lost"`
	Of    int       `json:"of"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // then it is
}

// CacheCounters are what was exchanged with one cache.
type CacheCounters struct {
	RTRCache
	Connects   uint64 // tries
	Failures   uint64 // connections, and tries, that ended by themselves
	Downgrades uint64 // to a lower version of the protocol
	Answers    uint64 // complete ones
	Expired    uint64 // times that data ran out

	PDUsIn, PDUsOut     map[string]uint64 // by their names in RFC 8210; without zeros
	ErrorsIn, ErrorsOut map[string]uint64 // Error Reports by their codes; without zeros
}

// DataChanges are changes of the data that routes are judged by, and the work
// that they made.
type DataChanges struct {
	Count   int
	Added   int // VRPs
	Removed int
	States  int           // of routes that changed
	Took    time.Duration // from End of Data to the last changed state, all together
	Longest time.Duration
	Last    time.Duration
	LastAt  time.Time // zero: never
}
