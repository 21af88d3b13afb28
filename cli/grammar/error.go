package grammar

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrBlank is the answer to an empty line and to a comment: nothing to do.
var ErrBlank = errors.New("blank line or comment")

// Kind says why a line is not a command.
type Kind uint8

// The kinds of [Error].
const (
	Unknown    Kind = iota // no command reads like this
	Incomplete             // a command starts like this
	Ambiguous              // several commands read equally well
)

// Error says why a line is not a command, and where. Its text is what the
// command line prints.
type Error struct {
	Kind     Kind
	Line     string   // as typed
	Column   int      // of the first word that fits nothing, counted in bytes from 1; behind the end when Incomplete
	Found    string   // that word; "" when Incomplete
	Expected []string // what could stand there, as `?` names it, sorted; with Ambiguous the rivals
}

// Error returns the line that Quagga prints (without its "[BGP]", which hides the
// message from Ansible and Netmiko). Control characters come out as '?'.
func (e *Error) Error() string {
	switch e.Kind {
	case Incomplete:
		return "% Command incomplete."
	case Ambiguous:
		return "% Ambiguous command."
	}
	return "% Unknown command: " + printable(e.Line)
}

// shown is how many expected words a message names.
const shown = 16

// Detail says for a file what was found and what was expected there.
func (e *Error) Detail() string {
	want := strings.Join(e.Expected[:min(len(e.Expected), shown)], ", ")
	if more := len(e.Expected) - shown; more > 0 {
		want += fmt.Sprintf(" and %d more", more)
	}
	switch e.Kind {
	case Incomplete:
		return "the line ends where one of these must follow: " + want
	case Ambiguous:
		return fmt.Sprintf("%q may mean each of: %s", printable(e.Found), want)
	}
	if want == "" {
		want = "the end of the line"
	}
	return fmt.Sprintf("found %q, expected: %s", printable(e.Found), want)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}
