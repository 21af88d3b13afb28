package history

import (
	"fmt"
	"net/netip"
	"time"
)

// Verb is what was asked for.
type Verb uint8

// The verbs.
const (
	Announce Verb = iota
	Withdraw
	Read
)

// String is the word for people.
func (v Verb) String() string { return [...]string{"announce", "withdraw", "read"}[v] }

// Outcome is what whoever asked was told.
type Outcome uint8

// The outcomes. Refused is certain: nothing was changed. Unknown may still take
// effect, at any later time.
const (
	Pending Outcome = iota
	Acknowledged
	Refused
	Unknown
)

// String is the word for people.
func (o Outcome) String() string {
	return [...]string{"pending", "acknowledged", "refused", "unknown"}[o]
}

// Op is one write. Start is read before anything is sent, End after the answer
// has come.
type Op struct {
	Verb       Verb
	Prefix     netip.Prefix
	Node       string        // where it was typed
	Life       time.Duration // of an announcement; 0 = longer than any soak
	Start, End time.Time
	Outcome    Outcome
	Said       string // what was answered
}

// String is the write as one line of a history.
func (o Op) String() string {
	life := ""
	if o.Life > 0 {
		life = fmt.Sprintf(" expire %v", o.Life)
	}
	if o.Outcome == Pending {
		return fmt.Sprintf("%s  %s%s at %s: pending", Clock(o.Start), o.Verb, life, o.Node)
	}
	return fmt.Sprintf("%s  %s%s at %s: %s %s (%d ms) %q", Clock(o.Start), o.Verb, life, o.Node,
		o.Outcome, Clock(o.End), o.End.Sub(o.Start).Milliseconds(), o.Said)
}

// mayAct tells whether the write can have had an effect at all by a moment.
func (o *Op) mayAct(at time.Time) bool { return o.Outcome != Refused && !o.Start.After(at) }

// before tells whether the write certainly took effect before another began.
func (o *Op) before(other *Op) bool {
	return o.Outcome == Acknowledged && o.End.Before(other.Start)
}

// Clock prints a moment with milliseconds, in UTC as the nodes' logs do.
func Clock(t time.Time) string {
	if t.IsZero() {
		return "the beginning"
	}
	return t.UTC().Format("15:04:05.000")
}
