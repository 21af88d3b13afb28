package rov

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/mrt"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// readTable reads one table of either kind. The records count even when there is
// an error.
func readTable(in *input) ([]record, error) {
	var g gather
	head, err := in.Peek(12)
	switch {
	case len(head) == 0:
		if err == nil || err == io.EOF {
			err = errors.New("the file is empty")
		}
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

// readCSV reads prefix,origin lines, with or without a header; more columns are
// left alone.
func readCSV(in *bufio.Reader, g *gather) error {
	return eachLine(in, func(n int, line []byte) error {
		r, err := parseRoute(line)
		if err == nil {
			g.add(r)
		} else if n == 1 && bytes.Contains(bytes.ToLower(line), []byte("prefix")) {
			return nil
		}
		return err
	})
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

func parseRoute(line []byte) (record, error) {
	first, rest, found := bytes.Cut(line, []byte{','})
	if !found {
		return record{}, fmt.Errorf("%q is not prefix,origin", clip(line))
	}
	p, err := parsePrefix(string(bytes.TrimSpace(first)))
	if err != nil {
		return record{}, err
	}
	second, _, _ := bytes.Cut(rest, []byte{','})
	origin := string(bytes.TrimSpace(second))
	if origin == asSet || strings.HasPrefix(origin, "{") {
		return pack(p, vrp.Origin{None: true}), nil
	}
	asn, err := ParseASN(origin)
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
