package grammar

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token of a pattern stands for.
type kind uint8

const (
	keyword kind = iota
	number
	ipv4
	ipv4Prefix
	ipv6
	ipv6Prefix
	word
	line
)

// class ranks the ways in which a word can be read; the least wins.
type class uint8

const (
	asValue class = iota
	asExact
	asPartial
	asWord
	asLine
	classes // how many there are
)

// longest is the length of the longest word that can be an address or a number.
const longest = 64

// token is one element of a pattern that takes one word of the line (LINE: one
// or more).
type token struct {
	kind     kind
	text     string // as `?` shows it
	name     string // what a Match calls it
	named    bool   // the pattern says so with `$`
	help     string
	symbol   int32 // equal for equal text, within a table
	min, max uint64
}

// read tells whether a word is a whole value of this token, and how good that reading is.
func (t *token) read(w string) (class, bool) {
	switch t.kind {
	case keyword:
		if !strings.HasPrefix(t.text, w) {
			return 0, false
		}
		if len(w) == len(t.text) {
			return asExact, true
		}
		return asPartial, true
	case word:
		return asWord, readable(w)
	case line:
		return asLine, readable(w)
	}
	if len(w) > longest {
		return 0, false
	}
	switch t.kind {
	case number:
		n, err := strconv.ParseUint(w, 10, 64)
		return asValue, err == nil && t.min <= n && n <= t.max
	case ipv4, ipv6:
		a, err := netip.ParseAddr(w)
		return asValue, err == nil && a.Is4() == (t.kind == ipv4) && a.Zone() == ""
	}
	p, err := netip.ParsePrefix(w)
	return asValue, err == nil && p.Addr().Is4() == (t.kind == ipv4Prefix)
}

// readable tells whether a free word holds only UTF-8 that can be shown: what
// is stored here is later printed on other people's terminals.
func readable(w string) bool {
	for i, r := range w {
		if unicode.IsControl(r) {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(w[i:]); size == 1 {
				return false
			}
		}
	}
	return true
}

// begins tells whether a word could be typed on into a value of this token: what
// `?` asks about the word at the cursor.
func (t *token) begins(w string) bool {
	switch {
	case t.kind == keyword:
		return strings.HasPrefix(t.text, w)
	case t.kind == word, t.kind == line:
		return readable(w)
	case w == "":
		return true
	case len(w) > longest:
		return false
	case t.kind == number:
		return t.beginsNumber(w)
	case t.kind == ipv4, t.kind == ipv6:
		return beginsAddr(w, t.kind == ipv4)
	}
	addr, bits, slash := strings.Cut(w, "/")
	if !slash {
		return beginsAddr(addr, t.kind == ipv4Prefix)
	}
	if bits == "" {
		w += "0"
	}
	_, ok := t.read(w)
	return ok
}

// beginsNumber tries the digits as they are and with more digits behind them.
func (t *token) beginsNumber(w string) bool {
	low, err := strconv.ParseUint(w, 10, 64)
	if err != nil {
		return false
	}
	for high := low; low <= t.max; low, high = low*10, high*10+9 {
		if high >= t.min {
			return true
		}
		if low == 0 || high > (1<<64-10)/10 {
			break
		}
	}
	return false
}

// tails are what may be missing at the end of an address: one of them makes
// every beginning of an address whole.
var tails = [...]string{
	"", "0", ".0", ".0.0", ".0.0.0", "0.0", "0.0.0",
	":", "::", ":0", "0::", ":0:0",
}

func beginsAddr(w string, v4 bool) bool {
	for _, tail := range tails {
		a, err := netip.ParseAddr(w + tail)
		if err == nil && a.Is4() == v4 && a.Zone() == "" {
			return true
		}
	}
	return false
}
