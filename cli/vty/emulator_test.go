package vty

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// emulator is a terminal as xterm is one: the character after the one in the
// last column goes to the next row, and not before it is written.
type emulator struct {
	cols     int // 0: rows without end
	rows     [][]rune
	row, col int
	pending  bool // the last column has been written
}

func (e *emulator) line() []rune {
	for len(e.rows) <= e.row {
		e.rows = append(e.rows, nil)
	}
	return e.rows[e.row]
}

func (e *emulator) put(r rune) {
	n := cells(r)
	if n == 0 {
		return
	}
	if e.pending || e.cols > 0 && e.col+n > e.cols {
		e.row, e.col, e.pending = e.row+1, 0, false
	}
	l := e.line()
	for len(l) < e.col+n {
		l = append(l, ' ')
	}
	l[e.col] = r
	if n == 2 {
		l[e.col+1] = 0
	}
	e.rows[e.row] = l
	e.col += n
	if e.cols > 0 && e.col >= e.cols {
		e.col, e.pending = e.cols-1, true
	}
}

// feed interprets what the editor writes; anything else is an error.
func (e *emulator) feed(s string) error {
	for s != "" {
		if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
			i := strings.IndexAny(rest, "ACJ")
			if i < 0 {
				return fmt.Errorf("unknown sequence %q", s)
			}
			n := 1
			if i > 0 {
				if _, err := fmt.Sscanf(rest[:i], "%d", &n); err != nil {
					return err
				}
			}
			e.control(rest[i], n)
			s = rest[i+1:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch r {
		case '\b':
			e.col, e.pending = max(e.col-1, 0), false
		case '\r':
			e.col, e.pending = 0, false
		case '\n':
			e.row, e.pending = e.row+1, false
		default:
			if r < 0x20 {
				return fmt.Errorf("unknown control %q", r)
			}
			e.put(r)
		}
	}
	return nil
}

func (e *emulator) control(c byte, n int) {
	switch c {
	case 'A':
		e.row = max(e.row-n, 0)
	case 'C':
		e.col = min(e.col+n, e.cols-1)
	case 'J':
		l := e.line()
		e.rows = e.rows[:e.row+1]
		e.rows[e.row] = l[:min(e.col, len(l))]
	}
	e.pending = false
}

// text is what the terminal shows, without blanks at the ends of rows.
func (e *emulator) text() string {
	var out []string
	for _, l := range e.rows {
		out = append(out, strings.TrimRight(strings.ReplaceAll(string(l), "\x00", ""), " "))
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n")
}

// lettersForLines are what lines are made of in the tests: of one cell, of
// two, and one that combines with the letter before.
var lettersForLines = []rune("ab /ü漢😀\u0301")

// The picture on the terminal is always the prompt and the line, with the
// cursor in its place, whatever is typed in a window of whatever width.
func TestTheTerminalShowsTheLine(t *testing.T) {
	kinds := []keyKind{keyLeft, keyRight, keyHome, keyEnd, keyWordLeft, keyWordRight, keyBackspace, keyDelete,
		keyKillRest, keyKillLine, keyKillWord, keyKillNext, keyTranspose}
	rapid.Check(t, func(t *rapid.T) {
		cols := rapid.SampledFrom([]int{0, 20, 21, 40}).Draw(t, "columns")
		prompt := rapid.SampledFrom([]string{"# ", "trigger1# ", "a-long-name-indeed1# ", "exactly20columns1# "}).Draw(t, "prompt")
		var out strings.Builder
		ed := editor{w: bufio.NewWriter(&out)}
		term := emulator{cols: cols}
		ed.begin(prompt, cols)
		for range rapid.IntRange(1, 40).Draw(t, "keys") {
			if rapid.Bool().Draw(t, "text") {
				for _, r := range rapid.SliceOfN(rapid.SampledFrom(lettersForLines), 1, 12).Draw(t, "typed") {
					ed.edit(key{keyText, r})
				}
			} else {
				ed.edit(key{kind: rapid.SampledFrom(kinds).Draw(t, "key")})
			}
			_ = ed.w.Flush()
			if err := term.feed(out.String()); err != nil {
				t.Fatal(err)
			}
			out.Reset()
			want := emulator{cols: cols}
			_ = want.feed(prompt + string(ed.line))
			if got := term.text(); got != want.text() {
				t.Fatalf("it shows\n%s\nwant\n%s", got, want.text())
			}
			want = emulator{cols: cols}
			_ = want.feed(prompt + string(ed.line[:ed.cur]))
			if at := cursor(&term); at != cursor(&want) && !sameSpot(&term, &want) {
				t.Fatalf("the cursor is at %v, want %v, in %q before %d", at, cursor(&want), string(ed.line), ed.cur)
			}
		}
	})
}

func cursor(e *emulator) [2]int { return [2]int{e.row, e.col} }

// sameSpot: the end of a full row and the beginning of the next are one place,
// and so is the last column where a wide character did not fit.
func sameSpot(a, b *emulator) bool {
	if a.row > b.row {
		a, b = b, a
	}
	return b.row == a.row+1 && b.col == 0 && a.col >= a.cols-2
}

// Killing words one character at a time would write a long rest of the line
// over and over.
func TestLongLinesDoNotMultiplyOutput(t *testing.T) {
	for _, cols := range []int{0, 80} {
		var out strings.Builder
		ed := editor{w: bufio.NewWriter(&out)}
		ed.begin("# ", cols)
		ed.insert(slices.Repeat([]rune("x"), MaxLine/2)...)
		ed.insert(slices.Repeat([]rune(" "), 10)...)
		ed.insert(slices.Repeat([]rune("y"), MaxLine/2)...)
		for _, k := range []keyKind{keyWordLeft, keyKillWord, keyHome, keyKillNext} {
			before := out.Len()
			ed.edit(key{kind: k})
			_ = ed.w.Flush()
			if n := out.Len() - before; n > 8*MaxLine {
				t.Errorf("key %d at width %d writes %d bytes", k, cols, n)
			}
		}
	}
}
