package bmp

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// maxMessage is the most octets of an UPDATE (RFC 4271 section 4).
const maxMessage = 4096

// Attributes are the path attributes of an UPDATE, shared by all that it announces.
type Attributes struct {
	Octets    []byte // as on the wire, without MP_REACH_NLRI and MP_UNREACH_NLRI
	NextHop   []byte // of IPv6, as in MP_REACH_NLRI
	TwoOctets bool   // the AS numbers in it have two octets
}

// Update is what one UPDATE said. Attributes is nil when it announced nothing.
type Update struct {
	Announced, Withdrawn []netip.Prefix
	Attributes           *Attributes
}

// updates returns the messages that announce prefixes with the same attributes.
func (a *Attributes) updates(prefixes []netip.Prefix) [][]byte {
	four, six := byFamily(prefixes)
	room := maxMessage - 64 - len(a.Octets) - len(a.NextHop)
	var out [][]byte
	for _, nlri := range packed(four, room) {
		out = append(out, update(nil, a.Octets, nlri))
	}
	for _, nlri := range packed(six, room) {
		reach := append([]byte{0, 2, 1, byte(len(a.NextHop))}, a.NextHop...)
		out = append(out, update(nil, append(slices.Clone(a.Octets), attribute(14, append(append(reach, 0), nlri...))...), nil))
	}
	return out
}

// withdrawals returns the messages that withdraw prefixes.
func withdrawals(prefixes []netip.Prefix) [][]byte {
	four, six := byFamily(prefixes)
	var out [][]byte
	for _, nlri := range packed(four, maxMessage-64) {
		out = append(out, update(nlri, nil, nil))
	}
	for _, nlri := range packed(six, maxMessage-64) {
		out = append(out, update(nil, attribute(15, append([]byte{0, 2, 1}, nlri...)), nil))
	}
	return out
}

// ends are the End-of-RIB of both families (RFC 4724 section 2): the whole table was
// sent (RFC 7854 section 5).
func ends() [][]byte {
	return [][]byte{update(nil, nil, nil), update(nil, attribute(15, []byte{0, 2, 1}), nil)}
}

func byFamily(prefixes []netip.Prefix) (four, six []netip.Prefix) {
	for _, p := range prefixes {
		if p.Addr().Is4() {
			four = append(four, p)
		} else {
			six = append(six, p)
		}
	}
	return four, six
}

// packed writes prefixes as NLRI, in parts of at most room octets.
func packed(prefixes []netip.Prefix, room int) (parts [][]byte) {
	var part []byte
	for _, p := range prefixes {
		octets := (p.Bits() + 7) / 8
		if len(part)+1+octets > room && len(part) > 0 {
			parts, part = append(parts, part), nil
		}
		part = append(append(part, byte(p.Bits())), p.Addr().AsSlice()[:octets]...)
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

// attribute is an optional attribute with a length of two octets.
func attribute(kind byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x90, kind}, uint16(len(value))), value...)
}

// update is an UPDATE message (RFC 4271 section 4.3).
func update(withdrawn, attributes, nlri []byte) []byte {
	b := append(slice16(0xff), 0, 0, 2)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(withdrawn))), withdrawn...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(attributes))), attributes...)
	b = append(b, nlri...)
	binary.BigEndian.PutUint16(b[16:], uint16(len(b)))
	return b
}
