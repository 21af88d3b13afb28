package rov

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/mrt"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// readTable reads one table of either kind. The records count even when there is
// an error.
func readTable(in *input) ([]record, error) {
	var g gather
	head, err := in.Peek(12)
	switch foreign := foreignTo(head); {
	case len(head) == 0:
		if err == nil || err == io.EOF {
			err = errors.New("the file is empty")
		}
	case foreign != "":
		err = errors.New(foreign)
	case isText(head):
		err = readCSV(in.Reader, &g)
	default:
		err = readMRT(in.Reader, &g)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", in.name, err)
	}
	return g.all, err
}

// foreignTo recognizes what people give by mistake.
func foreignTo(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}):
		return "these are BGP messages without the headers of MRT: `rov` reads TABLE_DUMP and TABLE_DUMP_V2, and prefix,origin lines"
	case bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{")), bytes.HasPrefix(head, []byte("[")):
		return "this is JSON: a table is MRT or prefix,origin lines (VRPs go to --vrps)"
	}
	return ""
}

// isText: an MRT header has zeros in its type, a line of text has none.
func isText(head []byte) bool { return bytes.IndexByte(head, 0) < 0 }

func readMRT(in io.Reader, g *gather) error {
	r, err := mrt.Read(in, func(e mrt.Entry) {
		o := vrp.Origin{ASN: e.Origin}
		switch e.Kind {
		case route.OriginNone:
			o = vrp.Origin{None: true}
		case route.OriginOwn:
			// A path that is empty comes from a neighbor in the AS of whoever
			// wrote the file, which the file does not name.
			o.ASN = e.PeerAS
		}
		g.add(pack(e.Prefix, o))
	})
	if err == nil && r.Routes == 0 {
		err = fmt.Errorf("no routing table in %d records: `rov` reads TABLE_DUMP and TABLE_DUMP_V2, not updates", r.Records)
	}
	return err
}

// readCSV reads prefix,origin lines, with or without a header, which may name the
// columns in another order; more columns are left alone. Tabs, semicolons and
// blanks separate too.
func readCSV(in *bufio.Reader, g *gather) error {
	l := layout{prefix: 0, origin: 1}
	err := eachLine(in, func(n int, line []byte) error {
		if l.separator == 0 {
			l.separator = separatorOf(line)
			if l.header(line) {
				return nil
			}
		}
		r, err := l.route(line)
		if err == nil {
			g.add(r)
		}
		return err
	})
	if err == nil && len(g.all) == 0 {
		err = errors.New("there is no route in it")
	}
	return err
}

// layout says where a line of a table has what.
type layout struct {
	separator      byte // 0: not known before the first line
	prefix, origin int  // columns
}

func separatorOf(line []byte) byte {
	for _, c := range []byte(",;\t") {
		if bytes.IndexByte(line, c) >= 0 {
			return c
		}
	}
	return ' '
}

// header takes a line that names columns.
func (l *layout) header(line []byte) bool {
	at := columns{-1, -1, -1}
	for i := 0; ; i++ {
		name, there := l.field(line, i)
		if !there {
			break
		}
		at.take(i, string(name))
	}
	if at.prefix < 0 || at.asn < 0 {
		return false
	}
	l.prefix, l.origin = at.prefix, at.asn
	return true
}

// field returns a column, without blanks and quotes around it.
func (l *layout) field(line []byte, n int) ([]byte, bool) {
	for ; ; n-- {
		if l.separator == ' ' {
			line = bytes.TrimLeft(line, " ")
		}
		one, rest, more := bytes.Cut(line, []byte{l.separator})
		if n == 0 {
			return bytes.Trim(bytes.TrimSpace(one), `"`), true
		}
		if !more {
			return nil, false
		}
		line = rest
	}
}

// eachLine hands out the lines of a text, without the empty ones and comments.
// The last line of a file that is cut off is not handed out: it may be half of
// itself and still look right.
func eachLine(in *bufio.Reader, f func(n int, line []byte) error) error {
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("the file is cut off behind line %d", n-1)
		case err != nil && err != io.EOF:
			return fmt.Errorf("line %d: %w", n, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			if err := f(n, line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

func (l *layout) route(line []byte) (record, error) {
	prefix, _ := l.field(line, l.prefix)
	origin, there := l.field(line, l.origin)
	if !there {
		return record{}, fmt.Errorf("%q is not prefix,origin", clip(line))
	}
	p, err := parsePrefix(string(prefix))
	if err != nil {
		return record{}, err
	}
	if string(origin) == asSet || bytes.HasPrefix(origin, []byte("{")) {
		return pack(p, vrp.Origin{None: true}), nil
	}
	asn, err := ParseASN(string(origin))
	if err != nil {
		return record{}, err
	}
	return pack(p, vrp.Origin{ASN: asn}), nil
}

// asSet stands for an origin that is no single AS, on the way in and out.
const asSet = "AS_SET"

func clip(b []byte) string { return string(b[:min(len(b), 60)]) }

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is not a prefix", clip([]byte(s)))
	}
	if p.Addr().Is4In6() {
		return p, fmt.Errorf("%s is an IPv4-mapped prefix: write it as IPv4", p)
	}
	return p.Masked(), nil
}

// ParseASN reads an AS number, with or without AS before it.
func ParseASN(s string) (uint32, error) {
	digits := s
	if len(s) > 2 && (s[0] == 'A' || s[0] == 'a') && (s[1] == 'S' || s[1] == 's') {
		digits = s[2:]
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not an AS number (0 to 4294967295, AS before it is allowed)", clip([]byte(s)))
	}
	return uint32(n), nil
}
