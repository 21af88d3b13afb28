package peer

import (
	"context"
	"errors"
	"fmt"
)

// ErrLost is uncertain: the other side may have received the request and may
// have acted on it, but the answer did not come.
var ErrLost = errors.New("the answer was lost")

// The codes that this package gives; handlers may use others.
const (
	CodeError       = "error"        // the handler's error had no code
	CodeUnknownKind = "unknown-kind" // the other binary does not know such calls
	CodeBusy        = "busy"         // too many calls at once: not handled
	CodeTooLarge    = "too-large"    // the answer is larger than MaxBody
	CodeFault       = "fault"        // the handler panicked
	CodeRetry       = "retry"        // nothing was done; ask again or ask another member
)

// RemoteError is an error that the other side's handler returned. A handler
// that returns one (wrapped or not) chooses the code.
type RemoteError struct {
	Code string // a word to act on
	Text string // for people
}

// Error is the text alone: it was written for people by the other side.
func (e *RemoteError) Error() string { return e.Text }

// Call asks the member serverID at addr and returns its handler's answer.
// The error is an ErrUnreachable when the request was certainly not delivered,
// an ErrLost when it may have been (the connection broke or ctx ended while
// waiting), an ErrTooLarge, or the handler's *RemoteError. A side that has
// gone silent is noticed within about 2 s, whatever ctx allows. The body must
// not be changed before Call returns. Calls to one member share a connection.
func (p *Port) Call(ctx context.Context, addr, serverID, kind string, body []byte) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, ErrTooLarge
	}
	if !isWord(kind) {
		return nil, fmt.Errorf("%w: %q is not a kind of call", ErrUnreachable, kind)
	}
	for {
		l, fresh := p.line(lineKey{addr, serverID})
		if l == nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, ErrClosed)
		}
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w: %w", addr, ErrUnreachable, ctx.Err())
		}
		if l.err != nil {
			return nil, l.err
		}
		got, err := l.call(ctx, kind, body)
		if errors.Is(err, errStale) {
			p.dropLine(lineKey{addr, serverID}, l)
			if !fresh && ctx.Err() == nil {
				continue // it had broken while idle; a new one is dialed
			}
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		if err != nil && !errors.As(err, new(*RemoteError)) {
			err = fmt.Errorf("%s: %w", addr, err)
		}
		return got, err
	}
}
