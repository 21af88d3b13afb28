package sink

import (
	"encoding/binary"
	"net/netip"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// Path attribute types.
const (
	attrOrigin      = 1
	attrASPath      = 2
	attrNextHop     = 3
	attrMED         = 4
	attrLocalPref   = 5
	attrCommunities = 8  // RFC 1997
	attrMPReach     = 14 // RFC 4760
	attrMPUnreach   = 15
	attrExt         = 16 // RFC 4360
	attrLarge       = 32 // RFC 8092
)

const flagExtendedLength = 0x10

// Subcodes of UPDATE errors (RFC 4271 section 6.3).
const (
	subAttributes = 1
	subMissing    = 3
	subLength     = 5
	subOrigin     = 6
	subOptional   = 9
	subNetwork    = 10
	subASPath     = 11
)

// update is a parsed UPDATE.
type update struct {
	withdrawn []netip.Prefix
	announced []netip.Prefix
	attrs     Attributes // for all of announced; IPv4 and IPv6 have their own next-hop
	nextHop4  netip.Addr
	nextHop6  netip.Addr
	endOfRIB  []family // RFC 4724 section 2
}

// Attributes are the path attributes of a route, as they were on the wire.
type Attributes struct {
	NextHop     netip.Addr
	Origin      rtbh.Origin
	ASPath      []uint32 // nearest first; members of sets in place
	MED         rtbh.Optional
	LocalPref   rtbh.Optional
	Communities []rtbh.Community
	Large       []rtbh.LargeCommunity
	Ext         []rtbh.ExtCommunity
}

// parser reads the attributes of one UPDATE.
type parser struct {
	fourOctet bool
	u         update
	seen      map[uint8]bool
}

// parseUpdate reads the body of an UPDATE (RFC 4271 section 4.3). fourOctet
// says how AS numbers are written in AS_PATH (RFC 6793).
func parseUpdate(b []byte, fourOctet bool) (update, error) {
	p := parser{fourOctet: fourOctet, seen: map[uint8]bool{}}
	withdrawn, b, ok := takeField(b)
	if !ok {
		return p.u, badUpdate(subAttributes, "torn withdrawn routes")
	}
	attrs, nlri, ok := takeField(b)
	if !ok {
		return p.u, badUpdate(subAttributes, "torn path attributes")
	}
	var err error
	if p.u.withdrawn, err = appendPrefixes(nil, withdrawn, ipv4); err != nil {
		return p.u, err
	}
	if err := p.attributes(attrs); err != nil {
		return p.u, err
	}
	before := len(p.u.announced)
	if p.u.announced, err = appendPrefixes(p.u.announced, nlri, ipv4); err != nil {
		return p.u, err
	}
	if len(withdrawn)+len(attrs)+len(nlri) == 0 {
		p.u.endOfRIB = append(p.u.endOfRIB, ipv4)
	}
	return p.u, p.complete(len(p.u.announced) > before)
}

// takeField splits a two-octet length and that many octets off b.
func takeField(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < n {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}

// complete checks the mandatory attributes (RFC 4271 section 5).
func (p *parser) complete(nlri bool) error {
	if len(p.u.announced) == 0 {
		return nil
	}
	if !p.seen[attrOrigin] || !p.seen[attrASPath] {
		return badUpdate(subMissing, "routes without ORIGIN or AS_PATH")
	}
	if nlri && !p.seen[attrNextHop] {
		return badUpdate(subMissing, "IPv4 routes without NEXT_HOP")
	}
	return nil
}

func (p *parser) attributes(b []byte) error {
	for len(b) > 0 {
		if len(b) < 3 {
			return badUpdate(subAttributes, "torn attribute")
		}
		flags, kind, n, head := b[0], b[1], int(b[2]), 3
		if flags&flagExtendedLength != 0 {
			if len(b) < 4 {
				return badUpdate(subAttributes, "torn attribute %d", kind)
			}
			n, head = int(binary.BigEndian.Uint16(b[2:])), 4
		}
		if len(b) < head+n {
			return badUpdate(subAttributes, "attribute %d of %d octets is torn", kind, n)
		}
		if p.seen[kind] {
			return badUpdate(subAttributes, "attribute %d twice", kind)
		}
		p.seen[kind] = true
		if err := p.attribute(kind, b[head:head+n]); err != nil {
			return err
		}
		b = b[head+n:]
	}
	return nil
}

func (p *parser) attribute(kind uint8, v []byte) error {
	a := &p.u.attrs
	switch kind {
	case attrOrigin:
		if len(v) != 1 || v[0] > 2 {
			return badUpdate(subOrigin, "ORIGIN %x", v)
		}
		a.Origin = rtbh.Origin(v[0])
	case attrASPath:
		return p.asPath(v)
	case attrNextHop:
		if len(v) != 4 {
			return badUpdate(subLength, "NEXT_HOP of %d octets", len(v))
		}
		p.u.nextHop4 = netip.AddrFrom4([4]byte(v))
	case attrMED:
		return number(&a.MED, v)
	case attrLocalPref:
		return number(&a.LocalPref, v)
	case attrCommunities:
		return each(v, 4, func(b []byte) {
			a.Communities = append(a.Communities, rtbh.Community(binary.BigEndian.Uint32(b)))
		})
	case attrExt:
		return each(v, 8, func(b []byte) {
			a.Ext = append(a.Ext, rtbh.ExtCommunity(binary.BigEndian.Uint64(b)))
		})
	case attrLarge:
		return each(v, 12, func(b []byte) {
			a.Large = append(a.Large, rtbh.LargeCommunity{
				Global: binary.BigEndian.Uint32(b),
				Local1: binary.BigEndian.Uint32(b[4:]),
				Local2: binary.BigEndian.Uint32(b[8:]),
			})
		})
	case attrMPReach:
		return p.mpReach(v)
	case attrMPUnreach:
		return p.mpUnreach(v)
	}
	return nil // nothing here depends on the others
}

func number(o *rtbh.Optional, v []byte) error {
	if len(v) != 4 {
		return badUpdate(subLength, "number of %d octets", len(v))
	}
	*o = rtbh.Some(binary.BigEndian.Uint32(v))
	return nil
}

// each cuts v into pieces of size octets.
func each(v []byte, size int, f func([]byte)) error {
	if len(v)%size != 0 {
		return badUpdate(subOptional, "communities of %d octets", len(v))
	}
	for ; len(v) > 0; v = v[size:] {
		f(v[:size])
	}
	return nil
}

// asPath reads segments of sequences and sets (RFC 4271 section 4.3 b).
func (p *parser) asPath(v []byte) error {
	width := 2
	if p.fourOctet {
		width = 4
	}
	for len(v) > 0 {
		if len(v) < 2 || v[0] < 1 || v[0] > 4 || v[1] == 0 || len(v) < 2+int(v[1])*width {
			return badUpdate(subASPath, "torn AS_PATH")
		}
		end := 2 + int(v[1])*width
		for b := v[2:end]; len(b) > 0; b = b[width:] {
			as := uint32(binary.BigEndian.Uint16(b))
			if p.fourOctet {
				as = binary.BigEndian.Uint32(b)
			}
			p.u.attrs.ASPath = append(p.u.attrs.ASPath, as)
		}
		v = v[end:]
	}
	return nil
}

// mpReach reads MP_REACH_NLRI (RFC 4760 section 3).
func (p *parser) mpReach(v []byte) error {
	if len(v) < 5 || len(v) < 5+int(v[3]) {
		return badUpdate(subOptional, "MP_REACH_NLRI of %d octets", len(v))
	}
	f, known := familyOf(binary.BigEndian.Uint16(v), v[2])
	if !known {
		return nil
	}
	hop, err := nextHop(v[4 : 4+int(v[3])])
	if err != nil {
		return err
	}
	if f == ipv4 {
		p.u.nextHop4 = hop
	} else {
		p.u.nextHop6 = hop
	}
	p.u.announced, err = appendPrefixes(p.u.announced, v[5+int(v[3]):], f)
	return err
}

// nextHop takes an IPv4, an IPv6, or an IPv6 and a link-local address (RFC 2545
// section 3, RFC 8950).
func nextHop(b []byte) (netip.Addr, error) {
	switch len(b) {
	case 4:
		return netip.AddrFrom4([4]byte(b)), nil
	case 16, 32:
		return netip.AddrFrom16([16]byte(b[:16])), nil
	default:
		return netip.Addr{}, badUpdate(subOptional, "next-hop of %d octets", len(b))
	}
}

// mpUnreach reads MP_UNREACH_NLRI (RFC 4760 section 4); without routes it is
// the End-of-RIB of its family (RFC 4724 section 2).
func (p *parser) mpUnreach(v []byte) error {
	if len(v) < 3 {
		return badUpdate(subOptional, "MP_UNREACH_NLRI of %d octets", len(v))
	}
	f, known := familyOf(binary.BigEndian.Uint16(v), v[2])
	if !known {
		return nil
	}
	if len(v) == 3 {
		p.u.endOfRIB = append(p.u.endOfRIB, f)
		return nil
	}
	var err error
	p.u.withdrawn, err = appendPrefixes(p.u.withdrawn, v[3:], f)
	return err
}

// appendPrefixes reads prefixes: a length in bits and the octets it needs.
func appendPrefixes(to []netip.Prefix, b []byte, f family) ([]netip.Prefix, error) {
	size := 4
	if f == ipv6 {
		size = 16
	}
	for len(b) > 0 {
		bits := int(b[0])
		n := (bits + 7) / 8
		if n > size || bits > 8*size || len(b) < 1+n {
			return to, badUpdate(subNetwork, "prefix of %d bits", bits)
		}
		var octets [16]byte
		copy(octets[:], b[1:1+n])
		addr := netip.AddrFrom16(octets)
		if f == ipv4 {
			addr = netip.AddrFrom4([4]byte(octets[:4]))
		}
		to = append(to, netip.PrefixFrom(addr, bits).Masked())
		b = b[1+n:]
	}
	return to, nil
}
