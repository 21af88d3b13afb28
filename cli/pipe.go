package cli

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
)

// pipeWords are what may stand behind the bar of a show command.
var pipeWords = []grammar.Choice{
	{Token: "begin", Help: "Start with the first line that matches"},
	{Token: "count", Help: "Count the lines, or those that match"},
	{Token: "exclude", Help: "Leave out the lines that match"},
	{Token: "include", Help: "Show only the lines that match"},
}

// cutPipe splits a line at its first bar that stands by itself.
func cutPipe(line string) (head, tail string, ok bool) {
	for i := 1; i < len(line); i++ {
		if line[i] == '|' && (line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i], line[i+1:], true
		}
	}
	return "", "", false
}

// pipes tells whether a command's output can be piped: all that shows.
func pipes(r *row) bool {
	return strings.HasPrefix(r.Pattern, "show ") || r.Pattern == "write terminal"
}

// piped runs a show command with its output filtered.
func (c *call) piped(r *row, m *match, tail string) error {
	f, err := newFilter(c.out, tail)
	if err != nil {
		return err
	}
	whole := c.out
	c.out = f
	err = c.runRow(r, m)
	c.out = whole
	f.finish()
	return err
}

// filter passes on the lines that a pipe asks for.
type filter struct {
	out   io.Writer
	verb  string
	re    *regexp.Regexp // nil: `count` without an expression
	begun bool
	count int
	rest  []byte // an unfinished line
}

// maxExpression bounds what is compiled.
const maxExpression = 500

func newFilter(out io.Writer, tail string) (*filter, error) {
	verb, expr, _ := strings.Cut(strings.TrimSpace(tail), " ")
	expr = strings.TrimSpace(expr)
	var fits []string
	for _, w := range pipeWords {
		if verb != "" && strings.HasPrefix(w.Token, verb) {
			fits = append(fits, w.Token)
		}
	}
	f := &filter{out: out}
	switch {
	case verb == "":
		return nil, saying("% Command incomplete.")
	case len(fits) == 0:
		return nil, saying("% Unknown command: after | there may be include, exclude, begin or count.")
	}
	f.verb = fits[0]
	if expr == "" {
		if f.verb == "count" {
			return f, nil
		}
		return nil, saying("% Command incomplete.")
	}
	if len(expr) > maxExpression {
		return nil, saying(fmt.Sprintf("%% A regular expression has at most %d characters here.", maxExpression))
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, saying("% Bad regular expression: " + clean(expr))
	}
	f.re = re
	return f, nil
}

// Write takes output apart into lines.
func (f *filter) Write(p []byte) (int, error) {
	n := len(p)
	if len(f.rest) > 0 {
		p = append(f.rest, p...)
	}
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		if !whole {
			f.rest = slices.Clone(p)
			return n, nil
		}
		if err := f.line(line); err != nil {
			f.rest = nil
			return n, err
		}
		p = rest
	}
}

func (f *filter) line(line []byte) error {
	hit := f.re == nil || f.re.Match(line)
	switch f.verb {
	case "count":
		if hit {
			f.count++
		}
		return nil
	case "exclude":
		hit = !hit
	case "begin":
		f.begun = f.begun || hit
		hit = f.begun
	}
	if !hit {
		return nil
	}
	_, err := f.out.Write(append(slices.Clone(line), '\n'))
	return err
}

// finish passes on what has no line end, and prints the count.
func (f *filter) finish() {
	if len(f.rest) > 0 {
		_ = f.line(f.rest) // as for every print: a reader that is gone changes nothing
		f.rest = nil
	}
	if f.verb == "count" {
		fmt.Fprintf(f.out, "%d\n", f.count)
	}
}

// describePipe is `?` behind the bar.
func describePipe(tail string) string {
	word, more, spaced := strings.Cut(strings.TrimLeft(tail, " \t"), " ")
	if spaced {
		if strings.TrimSpace(more) != "" {
			return grammar.Format([]grammar.Choice{{Token: "LINE", Help: "Regular expression"}, {Token: "<cr>"}}, 0)
		}
		return grammar.Format([]grammar.Choice{{Token: "LINE", Help: "Regular expression"}}, 0)
	}
	var fits []grammar.Choice
	for _, w := range pipeWords {
		if strings.HasPrefix(w.Token, word) {
			fits = append(fits, w)
		}
	}
	if len(fits) == 0 {
		return "% There is no matched command.\n"
	}
	return grammar.Format(fits, 0)
}

// completePipe is Tab behind the bar.
func completePipe(tail string) (insert string, choices []string) {
	word := strings.TrimLeft(tail, " \t")
	for _, w := range pipeWords {
		if strings.HasPrefix(w.Token, word) {
			choices = append(choices, w.Token)
		}
	}
	if len(choices) == 1 {
		return choices[0][len(word):] + " ", nil
	}
	return "", choices
}
