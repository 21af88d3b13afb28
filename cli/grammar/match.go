package grammar

import (
	"net/netip"
	"strconv"
	"strings"
)

// Match is a line that was read as one command.
type Match struct {
	Line   string // as typed
	Mode   *Mode  // where the row was found: the current mode or one above it
	values []value
}

// value is one token of the line as it was read.
type value struct {
	name   string // the capture's name
	named  bool   // by `$` in the pattern
	text   string // as typed; a keyword in full
	column int
	prefix netip.Prefix
	addr   netip.Addr
	number uint64
}

// find prefers what was given the name with `$` to a keyword that reads the same,
// as in `port (1-65535)$port`.
func (m *Match) find(name string) (found value, ok bool) {
	for _, v := range m.values {
		if v.name == name && (!ok || v.named && !found.named) {
			found, ok = v, true
		}
	}
	return found, ok
}

// Has tells whether the line had this keyword or value.
func (m *Match) Has(name string) bool {
	_, ok := m.find(name)
	return ok
}

// Text returns a value as typed (for LINE with its inner spaces), and a
// keyword in full however it was abbreviated. "" when it is not in the line.
func (m *Match) Text(name string) string {
	v, _ := m.find(name)
	return v.text
}

// All returns every value of that name, for elements that repeat.
func (m *Match) All(name string) []string {
	var all []string
	first, _ := m.find(name)
	for _, v := range m.values {
		if v.name == name && v.named == first.named {
			all = append(all, v.text)
		}
	}
	return all
}

// Prefix returns a prefix as typed, with its host bits. Invalid when it is not
// in the line or is no prefix.
func (m *Match) Prefix(name string) netip.Prefix {
	v, _ := m.find(name)
	return v.prefix
}

// Addr returns an address. Invalid when it is not in the line or is no address.
func (m *Match) Addr(name string) netip.Addr {
	v, _ := m.find(name)
	return v.addr
}

// Number returns a number, 0 when it is not in the line or is no number.
func (m *Match) Number(name string) uint64 {
	v, _ := m.find(name)
	return v.number
}

// Column returns where a value starts in the line, counted in bytes from 1; 0
// when it is not in the line.
func (m *Match) Column(name string) int {
	v, _ := m.find(name)
	return v.column
}

// match collects what a reading found in the line.
func (w *walk) match(r *reading) *Match {
	m := &Match{Line: w.line, values: make([]value, 0, len(w.words))}
	for i, t := range w.tokens(r.c, r.step) {
		s := w.words[i]
		if t.kind == line {
			rest := strings.TrimRight(w.line[s.from:], " \t")
			m.values = append(m.values, value{name: t.name, named: t.named, text: rest, column: s.from + 1})
			break
		}
		m.values = append(m.values, t.value(w.line[s.from:s.to], s.from+1))
	}
	return m
}

// value is a word that the token has been found to read.
func (t *token) value(w string, column int) value {
	v := value{name: t.name, named: t.named, text: w, column: column}
	switch t.kind {
	case keyword:
		v.text = t.text
	case number:
		v.number, _ = strconv.ParseUint(w, 10, 64)
	case ipv4, ipv6:
		v.addr, _ = netip.ParseAddr(w)
	case ipv4Prefix, ipv6Prefix:
		v.prefix, _ = netip.ParsePrefix(w)
	}
	return v
}
