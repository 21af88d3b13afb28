package vty

import (
	"strings"
	"unicode/utf8"
)

// keyKind says what a key does. Several byte sequences can mean one kind.
type keyKind uint8

const (
	keyNone keyKind = iota
	keyText         // r is to be inserted
	keyEnter
	keyHelp      // ?
	keyTab       // completion
	keyLeft      // Ctrl-B, arrow
	keyRight     // Ctrl-F, arrow
	keyHome      // Ctrl-A
	keyEnd       // Ctrl-E
	keyWordLeft  // M-b
	keyWordRight // M-f
	keyOlder     // Ctrl-P, arrow up
	keyNewer     // Ctrl-N, arrow down
	keyBackspace // Ctrl-H, DEL
	keyDelete    // the Delete key
	keyCtrlD     // delete, or leave the mode on an empty line
	keyKillRest  // Ctrl-K
	keyKillLine  // Ctrl-U
	keyKillWord  // Ctrl-W, M-DEL
	keyKillNext  // M-d
	keyTranspose // Ctrl-T
	keyQuote     // Ctrl-V: the next key is text
	keyRedraw    // Ctrl-L
	keySearch    // Ctrl-R
	keyCancel    // Ctrl-G: leaves the search
	keyInterrupt // Ctrl-C
	keyStop      // Ctrl-Z
)

// key is one key press.
type key struct {
	kind keyKind
	r    rune
}

// control maps the control bytes that have a meaning.
var control = [32]keyKind{
	'A' - 64: keyHome, 'B' - 64: keyLeft, 'C' - 64: keyInterrupt, 'D' - 64: keyCtrlD, 'E' - 64: keyEnd,
	'F' - 64: keyRight, 'G' - 64: keyCancel, 'H' - 64: keyBackspace, 'I' - 64: keyTab, 'K' - 64: keyKillRest,
	'L' - 64: keyRedraw, 'N' - 64: keyNewer, 'P' - 64: keyOlder, 'R' - 64: keySearch, 'T' - 64: keyTranspose,
	'U' - 64: keyKillLine, 'V' - 64: keyQuote, 'W' - 64: keyKillWord, 'Z' - 64: keyStop,
}

// meta maps the byte after ESC.
var meta = map[byte]keyKind{
	'b': keyWordLeft, 'B': keyWordLeft, 'f': keyWordRight, 'F': keyWordRight,
	'd': keyKillNext, 'D': keyKillNext, 0x7f: keyKillWord, 0x08: keyKillWord,
}

// arrows maps the last byte of ESC [ x and ESC O x.
var arrows = map[byte]keyKind{
	'A': keyOlder, 'B': keyNewer, 'C': keyRight, 'D': keyLeft, 'H': keyHome, 'F': keyEnd, 'M': keyEnter,
}

// tildes maps the number of ESC [ n ~.
var tildes = map[string]keyKind{
	"1": keyHome, "7": keyHome, "4": keyEnd, "8": keyEnd, "3": keyDelete,
}

// state is where in an escape sequence the decoder stands.
type state uint8

const (
	ground state = iota
	escape       // after ESC
	csi          // after ESC [
	ss3          // after ESC O
)

// maxSequence bounds what is kept of an escape sequence's parameters.
const maxSequence = 16

// decoder turns bytes into keys. Its memory is bounded whatever comes in, and
// bytes that it does not know are dropped.
type decoder struct {
	state   state
	args    []byte // parameters of a CSI sequence
	partial []byte // the beginning of a UTF-8 character
	afterCR bool   // LF and NUL belong to the CR before them (RFC 854: CR LF, CR NUL)
	quoted  bool   // after Ctrl-V
	paste   bool   // between ESC [ 200 ~ and ESC [ 201 ~
}

// next takes one byte and returns the key that it completes, keyNone when it
// completes none, and one more byte's key where an unfinished character had to
// be given up first.
func (d *decoder) next(b byte) (first, second key) {
	if len(d.partial) > 0 && !continues(b) {
		d.partial = d.partial[:0]
		return key{keyText, utf8.RuneError}, d.step(b)
	}
	return d.step(b), key{}
}

// continues tells whether b can stand inside a UTF-8 character.
func continues(b byte) bool { return b&0xc0 == 0x80 }

func (d *decoder) step(b byte) key {
	if d.belongsToCR(b) {
		return key{}
	}
	if b < 0x20 && d.state != ground && b != 0x08 {
		d.state = ground // a control byte ends any sequence and counts for itself
	}
	switch d.state {
	case escape:
		return d.afterEscape(b)
	case csi:
		return d.inCSI(b)
	case ss3:
		d.state = ground
		return key{kind: arrows[b]}
	}
	if b < 0x20 || b == 0x7f {
		return d.control(b)
	}
	return d.text(b)
}

// belongsToCR tells whether b is the second byte of CR LF or CR NUL.
func (d *decoder) belongsToCR(b byte) bool {
	was := d.afterCR
	d.afterCR = false
	return was && (b == '\n' || b == 0)
}

func (d *decoder) control(b byte) key {
	switch b {
	case '\r':
		d.afterCR = true
		return key{kind: keyEnter}
	case '\n':
		return key{kind: keyEnter}
	case 0x1b:
		d.state = escape
		return key{}
	case 0x7f:
		b = 0x08
	}
	d.quoted = false
	if !d.paste {
		k := control[b]
		d.quoted = k == keyQuote
		return key{kind: k}
	}
	if b == '\t' { // a pasted Tab separates words
		return key{keyText, ' '}
	}
	return key{}
}

func (d *decoder) text(b byte) key {
	quoted := d.quoted || d.paste
	if b < utf8.RuneSelf {
		d.quoted = false
		if b == '?' && !quoted {
			return key{kind: keyHelp}
		}
		return key{keyText, rune(b)}
	}
	d.partial = append(d.partial, b)
	if !utf8.FullRune(d.partial) {
		return key{}
	}
	r, _ := utf8.DecodeRune(d.partial)
	d.partial = d.partial[:0]
	d.quoted = false
	if r >= 0x80 && r < 0xa0 { // C1 controls drive some terminals as ESC does
		r = utf8.RuneError
	}
	return key{keyText, r}
}

func (d *decoder) afterEscape(b byte) key {
	d.state = ground
	switch b {
	case '[':
		d.state, d.args = csi, d.args[:0]
		return key{}
	case 'O':
		d.state = ss3
		return key{}
	}
	if d.paste {
		return key{}
	}
	return key{kind: meta[b]}
}

// inCSI follows ECMA-48 5.4: parameters and intermediates are 0x20 to 0x3f,
// the byte that ends the sequence is 0x40 to 0x7e.
func (d *decoder) inCSI(b byte) key {
	if b >= 0x20 && b < 0x40 {
		if len(d.args) < maxSequence {
			d.args = append(d.args, b)
		}
		return key{}
	}
	d.state = ground
	args := string(d.args)
	if b == '~' {
		return d.tilde(args)
	}
	if d.paste || b == 'M' {
		return key{}
	}
	if _, modifier, ok := strings.Cut(args, ";"); ok && modifier != "" && (b == 'C' || b == 'D') {
		if b == 'C' { // with Ctrl, Alt or Shift: by words
			return key{kind: keyWordRight}
		}
		return key{kind: keyWordLeft}
	}
	return key{kind: arrows[b]}
}

func (d *decoder) tilde(args string) key {
	switch args {
	case "200":
		d.paste = true
		return key{}
	case "201":
		d.paste = false
		return key{}
	}
	if d.paste {
		return key{}
	}
	number, _, _ := strings.Cut(args, ";")
	return key{kind: tildes[number]}
}
