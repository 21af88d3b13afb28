package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/triggerd/triggerd/cli/grammar"
)

// maxFile bounds what is read: no node's file comes near it.
const maxFile = 16 << 20

// reader is the execution context of the file's lines.
type reader struct {
	file  string
	mode  *grammar.Mode
	line  int    // number of the line at hand
	text  string // the line at hand
	first map[string]int
	notes []*note
	draft draft
	heard func(line int, in *grammar.Mode, text string) // each line that is understood; nil: nobody listens
}

// note is a warning in the making: lines of one kind share it.
type note struct {
	kind, text string
	line       int
	lines      int
}

// Parse reads a node's file. name is how errors call the file. The node is whole,
// defaults filled in, only when the error is nil; warnings are given in either
// case. The error is one [*Error] or several, joined, except when reading fails.
func Parse(name string, from io.Reader) (Node, []Warning, error) {
	r := &reader{file: name, mode: topMode, first: map[string]int{}}
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return Node{}, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxFile {
		return Node{}, nil, &Error{File: name, Text: fmt.Sprintf("the file is larger than %d MiB: this is no node's configuration", maxFile>>20)}
	}
	text := strings.TrimPrefix(string(data), "\ufeff") // some editors write a byte order mark
	if err := r.lines(text); err != nil {
		return Node{}, r.warnings(), err
	}
	node, err := r.finish()
	if err != nil {
		return Node{}, r.warnings(), err
	}
	return node, r.warnings(), nil
}

func (r *reader) lines(text string) error {
	for text != "" {
		line, rest, ended := strings.Cut(text, "\n")
		text = rest
		r.line++
		r.text = strings.TrimSuffix(line, "\r")
		err := r.one()
		if !ended && !blank(r.text) {
			if err != nil {
				err.Text += " (the file ends here without a line end: has it been cut off?)"
			} else {
				r.note("torn", "the last line has no line end: if the file has been cut off, this line may not be whole")
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// one reads the line at hand.
func (r *reader) one() *Error {
	if blank(r.text) {
		return nil
	}
	if column, what := unreadable(r.text); what != "" {
		return r.wrong(column, what)
	}
	row, m, err := table.Parse(r.mode, r.text, grammar.Everyone)
	var syntax *grammar.Error
	switch {
	case errors.As(err, &syntax):
		return r.wrong(syntax.Column, syntax.Detail())
	case err != nil:
		return nil // blank
	}
	if r.heard != nil {
		r.heard(r.line, m.Mode, r.text)
	}
	// As in Quagga, a line of the mode above leaves the block that it stands in.
	r.mode = m.Mode
	if row.Enters != nil {
		r.mode = row.Enters
	}
	err = row.Run(r, m)
	var place *misplaced
	switch {
	case errors.As(err, &place):
		return r.wrong(m.Column(place.value), place.text)
	case err != nil:
		return r.wrong(0, err.Error())
	}
	return nil
}

// blank tells whether a line is empty or a comment; comments may hold any bytes.
func blank(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return line == "" || line[0] == '!' || line[0] == '#'
}

// unreadable finds the first byte that no line may hold.
func unreadable(line string) (column int, what string) {
	for i, c := range line {
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(line[i:]); size == 1 {
				return i + 1, fmt.Sprintf("found the byte 0x%02x, expected UTF-8 text", line[i])
			}
		}
		if c != '\t' && unicode.IsControl(c) {
			return i + 1, fmt.Sprintf("found the control character 0x%02x, expected readable text", c)
		}
	}
	return 0, ""
}

func (r *reader) wrong(column int, text string) *Error {
	return &Error{File: r.file, Line: r.line, Column: column, Text: text}
}

// once refuses a line of which a file can have only one.
func (r *reader) once(what string) error {
	if line, ok := r.first[what]; ok {
		return fmt.Errorf("there is a second `%s`: the first is in line %d", what, line)
	}
	r.first[what] = r.line
	return nil
}

// note warns about the line at hand.
func (r *reader) note(kind, format string, args ...any) { r.noteAt(r.line, kind, format, args...) }

// noteAt warns about a line; lines of the same kind are counted under the first.
func (r *reader) noteAt(line int, kind, format string, args ...any) {
	for _, n := range r.notes {
		if n.kind == kind {
			n.lines++
			return
		}
	}
	r.notes = append(r.notes, &note{kind: kind, text: fmt.Sprintf(format, args...), line: line, lines: 1})
}

func (r *reader) warnings() []Warning {
	var all []Warning
	for _, n := range r.notes {
		text := n.text
		if n.lines > 1 {
			text += fmt.Sprintf(" (%d lines)", n.lines)
		}
		all = append(all, Warning{Line: n.line, Text: text})
	}
	slices.SortStableFunc(all, func(a, b Warning) int { return cmp.Compare(a.Line, b.Line) })
	return all
}
