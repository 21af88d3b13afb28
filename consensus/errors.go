package consensus

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a caller can act on.
var (
	// ErrClosed means that the node is being closed.
	ErrClosed = errors.New("this node is shutting down")
	// ErrUnknownMember is a name that is not in the cluster.
	ErrUnknownMember = errors.New("no member of that name")
	// ErrNoLeader means that no leader is known now.
	ErrNoLeader = errors.New("no leader is known")
	// ErrNotEmpty is an initialisation of a directory that holds something.
	ErrNotEmpty = errors.New("is not empty")
	// ErrBroken is a log, snapshot or mark on disk that cannot be trusted.
	ErrBroken = errors.New("the node's log on disk is damaged")
	// ErrMajority is a change of membership that would lose the majority.
	ErrMajority = errors.New("this would lose the majority")
)

// Silent is a member that does not answer, or not about the log.
type Silent struct {
	Name string
	For  time.Duration // since it last answered anybody that this node hears; 0 for one whose log has stopped
}

func (s Silent) String() string {
	if s.For == 0 {
		return s.Name
	}
	return fmt.Sprintf("%s %s", s.Name, s.For.Truncate(time.Second))
}

// NotAccepted says that nothing happened and nothing will.
type NotAccepted struct {
	Reach  int      // voting members that this node reaches, itself included
	Of     int      // voting members
	Silent []Silent // those that it does not reach, by name
	Why    string   // what stood in the way, without a full stop
}

func (e *NotAccepted) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "not accepted: %s", e.Why)
	if e.Of > 0 {
		fmt.Fprintf(&b, "; this node reaches %d of %d voting members", e.Reach, e.Of)
	}
	for i, s := range e.Silent {
		if i == 0 {
			b.WriteString(" (silent: ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(s.String())
		if i == len(e.Silent)-1 {
			b.WriteString(")")
		}
	}
	return b.String()
}

// NotConfirmed says that the outcome is unknown: the entry may still take
// effect. Proposing it again with the same request id is safe.
type NotConfirmed struct {
	Why string // what was seen, without a full stop
}

func (e *NotConfirmed) Error() string {
	return "not confirmed: " + e.Why + "; it may still take effect, and repeating it is safe"
}

// The transport's verdicts on a call, see transport.go.
var (
	errUnreachable = errors.New("the member cannot be reached") // certainly not delivered
	errLost        = errors.New("the member did not answer")    // may have been delivered
)

// remoteError is what the other side's handler returned, or the other side
// instead of one; notRun is when the handler certainly did not run.
type remoteError struct {
	text   string
	notRun bool
}

func (e *remoteError) Error() string { return e.text }
