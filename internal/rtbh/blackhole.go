package rtbh

import "net/netip"

// Blackhole is one prefix that one customer has blackholed. (Prefix, Customer)
// is its identity: where two grants overlap, nobody's withdrawal ends another's.
type Blackhole struct {
	Prefix     netip.Prefix
	Customer   string
	RouteMap   string // as typed; "" = the default route-map
	Reason     string
	Ticket     string
	By         Actor     // who asked for it, or changed it last
	Since      Instant   // first committed
	Refreshed  Instant   // last committed
	Deadline   Instant   // when it ends by itself; Never
	Life       Lifetime  // the lifetime that Deadline came from, Forever, or 0 when a time was given
	Request    RequestID // of the last change
	Index      uint64    // log index of the first commit: the order among overlapping ones
	Updated    uint64    // log index of the last change
	Flagged    bool      // its grant is gone; it stays until it ends
	ApprovedBy string    // second operator, where approval was needed
}

// Active tells whether the blackhole is announced at now.
func (b Blackhole) Active(now Instant) bool { return b.Deadline == Never || now < b.Deadline }

// EndCause says why a blackhole ended.
type EndCause uint8

// The causes.
const (
	EndWithdrawn EndCause = iota // `no network`
	EndExpired                   // its deadline came
	EndCleared                   // `clear blackhole`
	EndCustomer                  // its customer was deleted
)

// String names the cause.
func (c EndCause) String() string {
	return [...]string{"withdrawn", "expired", "cleared", "customer deleted"}[min(c, EndCustomer)]
}

// Ended is a blackhole that is over, kept for the history.
type Ended struct {
	Blackhole
	At      Instant
	Cause   EndCause
	EndBy   Actor  // zero for EndExpired
	AtIndex uint64 // log index at which it was taken out
}
