package mrt

import (
	"fmt"

	"github.com/triggerd/triggerd/internal/route"
)

// Path attributes (RFC 4271 section 4.3, RFC 6793).
const (
	attrASPath  = 2
	attrAS4Path = 17

	flagExtended = 0x10
)

// origin finds the end of the AS path in path attributes whose AS numbers have
// width octets.
func (m *reader) origin(attrs []byte, width int) (route.OriginKind, uint32, error) {
	m.segments, m.as4, m.asns = m.segments[:0], m.as4[:0], m.asns[:0]
	for b := (&buffer{b: attrs}); len(b.b) > 0; {
		flags, typ := b.u8(), b.u8()
		var n int
		if flags&flagExtended != 0 {
			n = int(b.u16())
		} else {
			n = int(b.u8())
		}
		value := b.take(n)
		if b.short {
			return 0, 0, fmt.Errorf("the path attributes: %w", errShort)
		}
		var err error
		switch {
		case typ == attrASPath:
			m.segments, err = m.path(m.segments, value, width)
		case typ == attrAS4Path && width == 2:
			m.as4, err = m.path(m.as4, value, 4)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	// RFC 6793 section 4.2.3: an AS4_PATH that is not longer than the path
	// replaces its end.
	if n := length(m.as4); n > 0 && n <= length(m.segments) {
		kind, asn := route.OriginOf(m.as4)
		return kind, asn, nil
	}
	kind, asn := route.OriginOf(m.segments)
	return kind, asn, nil
}

func (m *reader) path(out []route.Segment, value []byte, width int) ([]route.Segment, error) {
	for b := (&buffer{b: value}); len(b.b) > 0; {
		typ, n := route.SegmentType(b.u8()), int(b.u8())
		first := len(m.asns)
		for range n {
			if width == 2 {
				m.asns = append(m.asns, uint32(b.u16()))
			} else {
				m.asns = append(m.asns, b.u32())
			}
		}
		if b.short {
			return out, fmt.Errorf("the AS path: %w", errShort)
		}
		out = append(out, route.Segment{Type: typ, ASNs: m.asns[first:len(m.asns):len(m.asns)]})
	}
	return out, nil
}

// length counts as RFC 4271 section 9.1.2.2: a set is one, confederations none.
func length(segments []route.Segment) int {
	n := 0
	for _, s := range segments {
		switch s.Type {
		case route.Sequence:
			n += len(s.ASNs)
		case route.Set:
			n++
		}
	}
	return n
}
