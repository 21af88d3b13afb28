package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// saying is a refusal that the command line makes itself, printed as it is.
type saying string

func (s saying) Error() string { return string(s) }

// absent is what Quagga says to `no network` of what is not there.
const absent = saying("% Can't find specified static route configuration.")

// print writes to the session. The reader may be gone or have quit the pager:
// what a command does is done all the same, so the error is of no use here.
func (c *call) print(format string, a ...any) { fmt.Fprintf(c.out, format, a...) }

// explain prints why a line failed and says how its session counts that.
func (c *call) explain(err error) vty.Status {
	var (
		unread  *grammar.Error
		said    saying
		refusal *rtbh.Refusal
		not     *NotAccepted
		unknown *NotConfirmed
	)
	switch {
	case err == nil:
		return vty.OK
	case errors.As(err, &unread):
		if unread.Kind == grammar.Unknown {
			unread.Line = clean(shortened(c.typed)) // all of it, also when `do` ran the rest
		}
		c.print("%s\n", unread.Error())
	case errors.As(err, &said):
		c.print("%s\n", said)
	case errors.As(err, &refusal):
		c.print("%% %s\n", clean(refusal.Text))
	case errors.As(err, &not):
		c.print("%% %s\n%% %s\n", clean(not.Error()), c.unchanged())
	case errors.As(err, &unknown):
		c.print("%% %s\n", unknown.Error())
		return vty.NotConfirmed
	default:
		c.print("%% %s\n", clean(sentence(err.Error())))
	}
	return vty.Refused
}

// maxEcho is how much of a line that is no command is printed back.
const maxEcho = 500

// shortened cuts what is too long to be worth repeating.
func shortened(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "") + "..."
}

// unchanged comforts: losing the majority withdraws nothing.
func (c *call) unchanged() string {
	n := 0
	c.ports.Cluster.View(func(s *rtbh.State, now rtbh.Instant) { n = len(s.Blackholes(c.scope, now)) })
	whose := "Your"
	if c.scope == "" {
		whose = "All"
	}
	switch {
	case n == 0:
		return "Nothing was changed."
	case n == 1 && c.scope != "":
		return "Your 1 blackhole stays announced; nothing was changed."
	case n == 1:
		return "The 1 blackhole stays announced; nothing was changed."
	}
	return fmt.Sprintf("%s %d blackholes stay announced; nothing was changed.", whose, n)
}

// sentence makes a Go error readable as one.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
