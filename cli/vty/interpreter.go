package vty

import (
	"context"
	"io"
)

// Interpreter understands lines. One Interpreter belongs to one session and
// its methods are called from one goroutine at a time, never concurrently.
type Interpreter interface {
	// Prompt is what stands before the line, with its space at the end:
	// "trigger1(config)# ".
	Prompt() string

	// Execute runs one line, given without its line end. It writes its output
	// to out with "\n" as line end (vty makes CRLF of it where there is a
	// terminal). A Write that fails with [ErrQuit] means that the reader had
	// enough: go on with what must be done, print no more. ctx ends when the
	// session does, and when the user presses Ctrl-C at a command that has
	// been running for a second or more.
	Execute(ctx context.Context, line string, out io.Writer) Outcome

	// Describe is what `?` prints below the line typed so far: whole lines,
	// each ended by "\n". A line that ends in a space asks what may follow.
	Describe(line string) string

	// Complete answers Tab. insert is what is to be appended to the line (the
	// rest of the last word, with a space behind it when the word is
	// complete), "" when nothing can be added; choices are the words that the
	// last word could become, to be listed when insert is "".
	Complete(line string) (insert string, choices []string)

	// Interrupt is Ctrl-C at the prompt: the line has been discarded, and any
	// configuration mode is left for the enable mode, as in Quagga. The view
	// mode stays.
	Interrupt()

	// End is Ctrl-Z: the same change of mode as the command `end`, silently.
	End()
}

// Foreseer is an [Interpreter] that can make use of knowing what comes: lines
// that were pasted or piped wait here whole while one of them is executed.
type Foreseer interface {
	// Foresee is called once, before the first line. ahead may be called during
	// Execute only; it returns the lines that wait behind the one being
	// executed, as they will be executed: in this order, unchanged, with
	// nothing between them and none of them left out, unless the session ends
	// before, or Ctrl-C, which ends Execute's context, throws them away. Blank
	// lines are not among them, and it stops where a key follows that would edit
	// a line or ask for help.
	Foresee(ahead func() []string)
}

// Status is how a line ended. The zero value is accepted.
type Status uint8

// The statuses, from best to worst; their numbers are the exit statuses.
const (
	OK           Status = iota // accepted
	Refused                    // certainly nothing happened: unknown command, not allowed, no majority
	NotConfirmed               // it may still take effect
)

// Outcome is what became of a line.
type Outcome struct {
	Status Status

	// Close ends the session (`exit` at the enable or view mode).
	Close bool

	// Forget keeps the line out of the history. A swallowed line is also
	// never echoed when its Enter came along with it (see Hush).
	Forget bool

	// Hush announces that the next line may be a secret that an old script
	// sends, as after `enable`. When that line arrives whole, its echo is held
	// back until its own Outcome is known, and dropped when that says Forget.
	Hush bool
}

// ExitStatus is 0 accepted, 1 refused, 2 not confirmed.
func (o Outcome) ExitStatus() int { return int(o.Status) }
