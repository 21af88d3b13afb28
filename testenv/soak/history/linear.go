package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Call is one operation on a single prefix by a client that does one at a time.
type Call struct {
	Client     int
	Verb       Verb
	Node       string
	Start, End time.Time
	Outcome    Outcome // of a write: Acknowledged or Unknown; of a read: Acknowledged
	Present    bool    // what a read saw
}

// String is the call as one line.
func (c Call) String() string {
	what := c.Verb.String()
	if c.Verb == Read {
		what = fmt.Sprintf("read: present %v", c.Present)
	}
	return fmt.Sprintf("%s  client %d at %s: %s, %s %s", Clock(c.Start), c.Client, c.Node, what, c.Outcome, Clock(c.End))
}

// Judgement is what is known of a history.
type Judgement uint8

// The judgements. Undecided means that the search took too long.
const (
	Linear Judgement = iota
	NotLinear
	Undecided
)

// Linearizable judges the history of one prefix, absent at first: whether there
// is an order of the calls, each at one moment between its start and its end,
// that explains every answer. A call whose outcome is unknown may have acted at
// any time after its start, or never. Refused calls are not to be passed: they
// say nothing.
func Linearizable(calls []Call, within time.Duration) Judgement {
	if len(calls) == 0 {
		return Linear
	}
	epoch := slices.MinFunc(calls, func(a, b Call) int { return a.Start.Compare(b.Start) }).Start
	var forever int64 = 1
	for _, c := range calls {
		forever = max(forever, int64(c.Start.Sub(epoch))+1, int64(c.End.Sub(epoch))+1)
	}
	ops := make([]porcupine.Operation, 0, len(calls))
	for i, c := range calls {
		op := porcupine.Operation{ClientId: c.Client, Input: c.Verb, Output: c, Call: int64(c.Start.Sub(epoch)), Return: int64(c.End.Sub(epoch))}
		if c.Outcome == Unknown {
			// From then on its client is another one: this call never returns.
			op.ClientId, op.Return = 1_000_000+i, forever
		}
		ops = append(ops, op)
	}
	switch porcupine.CheckOperationsTimeout(prefixModel, ops, within) {
	case porcupine.Ok:
		return Linear
	case porcupine.Illegal:
		return NotLinear
	}
	return Undecided
}

// prefixModel is one prefix: present or not.
var prefixModel = porcupine.Model{
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		present, call := state.(bool), output.(Call)
		switch input.(Verb) {
		case Announce:
			return true, true
		case Withdraw:
			// What is not there can't be withdrawn: that is a refusal.
			return present || call.Outcome == Unknown, false
		}
		return present == call.Present, present
	},
	Equal: func(a, b any) bool { return a == b },
}

// CallStory prints calls in the order of their start.
func CallStory(calls []Call) string {
	sorted := slices.Clone(calls)
	slices.SortFunc(sorted, func(a, b Call) int { return a.Start.Compare(b.Start) })
	var b strings.Builder
	for _, c := range sorted {
		fmt.Fprintf(&b, "    %s\n", c)
	}
	return strings.TrimRight(b.String(), "\n")
}
