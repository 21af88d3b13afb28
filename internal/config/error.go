package config

import (
	"errors"
	"fmt"
	"strings"
)

// Error is one thing wrong with a file. [Parse] may return several, joined: use
// errors.As for the first, or print them all with Error.
type Error struct {
	File   string
	Line   int // from 1; 0 when a line is missing rather than wrong
	Column int // in bytes from 1; 0 when it is about the whole line
	Text   string
}

// Error prints FILE:LINE:COLUMN: and what was found and expected there.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Column > 0 {
		fmt.Fprintf(&b, ":%d", e.Column)
	}
	b.WriteString(": ")
	b.WriteString(e.Text)
	return b.String()
}

// misplaced is an error that knows the value it is about.
type misplaced struct {
	value string // name of the value in the match
	text  string
}

func (m *misplaced) Error() string { return m.text }

// at says what is wrong with one value of the line.
func at(value, format string, args ...any) error {
	return &misplaced{value: value, text: fmt.Sprintf(format, args...)}
}

// complaints collects what is wrong with the file as a whole.
type complaints struct {
	file string
	errs []error
}

func (c *complaints) add(line int, format string, args ...any) {
	c.errs = append(c.errs, &Error{File: c.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

func (c *complaints) err() error { return errors.Join(c.errs...) }
