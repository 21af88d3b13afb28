package rtbh

import "net/netip"

// Entry is one record of the log: commands that one actor asked for at once.
type Entry struct {
	Request  RequestID // the same id again returns the first result and changes nothing
	Typed    Instant   // log clock at the node where it was typed
	Stamp    Instant   // log clock of the leader that put it into the log
	Actor    Actor
	Atomic   bool // all commands or none
	Commands []Command
}

// Result is what applying an entry did.
type Result struct {
	Index     uint64
	At        Instant
	Outcomes  []Outcome      // one for each command, in order
	Changed   []netip.Prefix // prefixes whose desired route may have changed, sorted
	All       bool           // any desired route may have changed
	Duplicate bool           // the request was known: Outcomes are those of the first time
}

// Outcome is what became of one command.
type Outcome struct {
	Refusal   *Refusal // nil: accepted
	Unchanged bool     // accepted, and it was so already
	Deadline  Instant  // of an accepted Announce
	Pending   uint64   // waits for approval under this number; 0 = no
}

// RefusalCode names the rule that refused a command.
type RefusalCode uint8

// The rules. Values are frozen: they are in the log.
const (
	RefusedSyntax    RefusalCode = iota + 1 // not a valid value
	RefusedHostBits                         // bits set beyond the mask
	RefusedFamily                           // wrong address family
	RefusedGrant                            // outside the customer's prefixes
	RefusedLength                           // mask shorter than allowed
	RefusedProtected                        // overlaps a protected prefix
	RefusedLimit                            // a budget is used up
	RefusedRouteMap                         // undefined, or not allowed for the customer
	RefusedLifetime                         // outside the bounds
	RefusedAbsent                           // what is to be removed is not there
	RefusedRole                             // the user's role does not allow it
	RefusedUnknown                          // user, customer, list or member does not exist
	RefusedInUse                            // something else needs it
	RefusedStale                            // typed too long ago to be applied safely
	RefusedExists                           // it is there already and may not be replaced
	RefusedBatch                            // another command of an atomic batch was refused
	RefusedVersion                          // some member's binary cannot read it yet
)

// Refusal says which rule refused a command and what to do. It is an error.
type Refusal struct {
	Code RefusalCode
	Text string // one sentence for people, ending in a full stop, without "% "
}

func (r *Refusal) Error() string { return r.Text }
