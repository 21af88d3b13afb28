package rov

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"

	"github.com/triggerd/triggerd/rpki/vrp"
)

// Format is the shape of the output.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
	CSV  Format = "csv"
)

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Text, JSON, CSV:
		return f, nil
	}
	return "", fmt.Errorf("%q is no format: text, json and csv are", s)
}

// notAdvertised is the state of what was asked for and is in no table.
const notAdvertised = "not-advertised"

func (j *job) printSummary(w *bufio.Writer, s Summary) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// print writes one row a route, in order, and what is missing behind them.
func (j *job) print(w *bufio.Writer, s Summary) error {
	l := lister{format: j.o.Format, w: w}
	l.begin()
	j.rows(&l)
	if !j.o.Invalid {
		j.missing(&l)
	}
	l.end(s)
	return l.err
}

// rows formats pieces of the table on all processors and writes them in order.
func (j *job) rows(l *lister) {
	const piece = 1 << 13
	ready := make(chan chan []byte, 2*runtime.GOMAXPROCS(0))
	go func() {
		defer close(ready)
		for from := 0; from < len(j.all); from += piece {
			one := make(chan []byte, 1)
			ready <- one
			go func() {
				var b []byte
				for i := from; i < min(from+piece, len(j.all)); i++ {
					if !j.o.Invalid || j.states[i].Invalid() {
						b = l.format.row(b, j.row(i))
					}
				}
				one <- b
			}()
		}
	}()
	for one := range ready {
		l.add(<-one)
	}
}

// row is what is printed of one route.
type row struct {
	prefix, origin, state, reason, why string
}

func (j *job) row(i int) row {
	r := j.all[i]
	p := r.prefix()
	out := row{p.String(), strconv.FormatUint(uint64(r.origin), 10), j.states[i].String(), j.states[i].Reason(), ""}
	if r.none {
		out.origin = asSet
	}
	out.why = j.table.Explain(p, r.claims()).String()
	if r.none && j.states[i] != vrp.NotFound {
		out.why = "the path ends in an AS_SET; " + out.why
	}
	return out
}

// missing names what was asked for and is not advertised. A prefix is, when
// exactly it is.
func (j *job) missing(l *lister) {
	for _, asn := range j.o.ASNs {
		if !slices.ContainsFunc(j.all, func(r record) bool { return !r.none && r.origin == asn }) {
			l.add(l.format.row(nil, row{"", strconv.FormatUint(uint64(asn), 10), notAdvertised, "", "no route has this origin"}))
		}
	}
	for _, p := range j.o.Prefixes {
		exact, under := j.within(p)
		if exact {
			continue
		}
		why := "no route has this prefix or lies in it"
		if under > 0 {
			why = fmt.Sprintf("only in parts: %s in it", plural(under, "route lies", "routes lie"))
		}
		l.add(l.format.row(nil, row{p.String(), "", notAdvertised, "", why}))
	}
}

func (j *job) within(wide netip.Prefix) (exact bool, under int) {
	for _, r := range j.all {
		p := r.prefix()
		if p == wide {
			exact = true
		} else if p.Bits() > wide.Bits() && wide.Contains(p.Addr()) {
			under++
		}
	}
	return exact, under
}

// row appends one route. No field has a comma or a quote in it.
func (f Format) row(b []byte, r row) []byte {
	switch f {
	case CSV:
		return fmt.Appendf(b, "%s,%s,%s,%s,%s\n", r.prefix, r.origin, r.state, r.reason, r.why)
	case JSON:
		return r.appendJSON(b)
	}
	if r.reason != "" {
		r.why = r.reason + ": " + r.why
	}
	switch r.origin {
	case "", asSet:
	default:
		r.origin = "AS" + r.origin
	}
	return fmt.Appendf(b, "%-14s  %-18s  %-12s  %s\n", r.state, dash(r.prefix), dash(r.origin), r.why)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (r row) appendJSON(b []byte) []byte {
	prefix, origin := "null", r.origin
	if r.prefix != "" {
		prefix = `"` + r.prefix + `"`
	}
	if origin == "" || origin == asSet {
		origin = "null"
	}
	return fmt.Appendf(b, `  {"prefix":%s,"origin":%s,"state":"%s","reason":"%s","why":"%s"},`+"\n", prefix, origin, r.state, r.reason, r.why)
}

// lister puts rows together to a document.
type lister struct {
	format Format
	w      *bufio.Writer
	any    bool
	err    error
}

func (l *lister) put(b []byte) {
	if l.err == nil {
		_, l.err = l.w.Write(b)
	}
}

func (l *lister) begin() {
	switch l.format {
	case CSV:
		l.put([]byte("prefix,origin_asn,state,reason,why\n"))
	case JSON:
		l.put([]byte("["))
	}
}

// add writes rows. In JSON the comma behind the last is not known to be the last
// before the end, so that each piece is written without it and the next begins
// with it.
func (l *lister) add(rows []byte) {
	if len(rows) == 0 {
		return
	}
	if l.format == JSON {
		if l.any {
			l.put([]byte{','})
		}
		l.put([]byte{'\n'})
		rows = rows[:len(rows)-2]
	}
	l.any = true
	l.put(rows)
}

func (l *lister) end(s Summary) {
	switch l.format {
	case JSON:
		l.put([]byte("\n]\n"))
	case Text:
		l.put(fmt.Appendf(nil, "%s: %d valid, %d invalid (%d as, %d length), %d not-found\n",
			plural(s.Routes, "route", "routes"), s.Valid, s.Invalid, s.InvalidAS, s.InvalidLength, s.NotFound))
	}
}
