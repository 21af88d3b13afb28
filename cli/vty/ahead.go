package vty

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// mostAhead is how many lines are told at once. All that a client has sent would
// be looked through again for every few lines that are executed.
const mostAhead = 1024

// ahead returns the lines that wait here whole, at most mostAhead, and takes none
// of them; see [Foreseer]. afterCR says that a CR has just been taken, to which an LF or NUL
// at the beginning belongs. It stops at a line that is too long to be executed,
// or whose keys are not plain.
func (in *input) ahead(afterCR bool, plain func([]byte) bool) []string {
	if len(in.cur) < maxTypeAhead {
		_ = in.fetch() // an error shows up when waiting
	}
	var lines []string
	rest := in.cur
	for len(lines) < mostAhead {
		if afterCR && len(rest) > 0 && (rest[0] == '\n' || rest[0] == 0) {
			rest = rest[1:]
		}
		end := bytes.IndexAny(rest, "\r\n")
		if end < 0 || end > MaxLine || !plain(rest[:end]) {
			return lines
		}
		if line := rest[:end]; len(bytes.TrimSpace(line)) > 0 {
			lines = append(lines, string(line))
		}
		afterCR = rest[end] == '\r'
		rest = rest[end+1:]
	}
	return lines
}

// plainKeys tells of typed bytes whether each of them just adds itself to the
// line. A question mark asks for help, except in what a terminal marked as
// pasted.
func plainKeys(pasted bool) func([]byte) bool {
	return func(b []byte) bool {
		for len(b) > 0 {
			r, size := utf8.DecodeRune(b)
			if r == utf8.RuneError || r == '?' && !pasted || !unicode.IsPrint(r) {
				return false
			}
			b = b[size:]
		}
		return true
	}
}
