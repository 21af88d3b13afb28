package sink

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// Capability codes.
const (
	capMultiprotocol = 1  // RFC 4760
	capRefresh       = 2  // RFC 2918
	capGraceful      = 64 // RFC 4724
	capFourOctetAS   = 65 // RFC 6793
)

const asTrans = 23456 // RFC 6793 section 9

// family is an address family; only unicast exists here.
type family uint8

const (
	ipv4 family = 1 // AFI 1, SAFI 1
	ipv6 family = 2 // AFI 2, SAFI 1
)

const safiUnicast = 1

// open is what matters of an OPEN message (RFC 4271 section 4.2).
type open struct {
	as        uint32
	hold      time.Duration
	id        netip.Addr
	fourOctet bool
	families  map[family]bool
	graceful  *graceful
}

// graceful is the graceful restart capability (RFC 4724 section 3).
type graceful struct {
	restarting bool
	time       time.Duration
	forwarding map[family]bool // families in the capability, with their F bit
}

// encode makes the body of the OPEN.
func (o open) encode() []byte {
	as := o.as
	if as > 0xffff {
		as = asTrans
	}
	var caps []byte
	for _, f := range []family{ipv4, ipv6} {
		if o.families[f] {
			caps = append(caps, capMultiprotocol, 4, 0, byte(f), 0, safiUnicast)
		}
	}
	caps = append(caps, capRefresh, 0, capFourOctetAS, 4)
	caps = binary.BigEndian.AppendUint32(caps, o.as)
	if o.graceful != nil {
		caps = append(caps, o.graceful.encode()...)
	}
	id := o.id.As4()
	b := []byte{4}
	b = binary.BigEndian.AppendUint16(b, uint16(as))
	b = binary.BigEndian.AppendUint16(b, uint16(o.hold/time.Second))
	b = append(b, id[:]...)
	b = append(b, byte(2+len(caps)), 2, byte(len(caps)))
	return append(b, caps...)
}

func (g *graceful) encode() []byte {
	v := binary.BigEndian.AppendUint16(nil, uint16(g.time/time.Second)&0x0fff)
	if g.restarting {
		v[0] |= 0x80
	}
	for _, f := range []family{ipv4, ipv6} {
		if forwarding, listed := g.forwarding[f]; listed {
			flags := byte(0)
			if forwarding {
				flags = 0x80
			}
			v = append(v, 0, byte(f), safiUnicast, flags)
		}
	}
	return append([]byte{capGraceful, byte(len(v))}, v...)
}

func badOpen(subcode uint8, format string, args ...any) error {
	return &malformed{codeOpen, subcode, fmt.Sprintf(format, args...)}
}

// parseOpen reads the body of an OPEN.
func parseOpen(b []byte) (open, error) {
	o := open{families: map[family]bool{}}
	if len(b) < 10 {
		return o, badOpen(0, "OPEN of %d octets", len(b))
	}
	if b[0] != 4 {
		return o, badOpen(1, "BGP version %d", b[0])
	}
	o.as = uint32(binary.BigEndian.Uint16(b[1:]))
	seconds := binary.BigEndian.Uint16(b[3:])
	if seconds == 1 || seconds == 2 {
		return o, badOpen(6, "hold time %d", seconds)
	}
	o.hold = time.Duration(seconds) * time.Second
	o.id = netip.AddrFrom4([4]byte(b[5:9]))
	params := b[10:]
	if len(params) != int(b[9]) {
		return o, badOpen(0, "OPEN with %d octets of parameters, not %d", len(params), b[9])
	}
	if err := o.parseParameters(params); err != nil {
		return o, err
	}
	if len(o.families) == 0 {
		o.families[ipv4] = true // RFC 4760 section 8: the default without the capability
	}
	return o, nil
}

func (o *open) parseParameters(b []byte) error {
	for len(b) > 0 {
		kind, value, rest, ok := takeTLV(b)
		if !ok {
			return badOpen(0, "torn optional parameter")
		}
		if kind == 2 { // RFC 5492
			if err := o.parseCapabilities(value); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

func (o *open) parseCapabilities(b []byte) error {
	for len(b) > 0 {
		code, v, rest, ok := takeTLV(b)
		if !ok {
			return badOpen(0, "torn capability")
		}
		switch {
		case code == capMultiprotocol && len(v) == 4:
			if f, ok := familyOf(binary.BigEndian.Uint16(v), v[3]); ok {
				o.families[f] = true
			}
		case code == capFourOctetAS && len(v) == 4:
			o.as, o.fourOctet = binary.BigEndian.Uint32(v), true
		case code == capGraceful && len(v) >= 2:
			o.graceful = parseGraceful(v)
		}
		b = rest
	}
	return nil
}

func parseGraceful(v []byte) *graceful {
	g := &graceful{
		restarting: v[0]&0x80 != 0,
		time:       time.Duration(binary.BigEndian.Uint16(v)&0x0fff) * time.Second,
		forwarding: map[family]bool{},
	}
	for v = v[2:]; len(v) >= 4; v = v[4:] {
		if f, ok := familyOf(binary.BigEndian.Uint16(v), v[2]); ok {
			g.forwarding[f] = v[3]&0x80 != 0
		}
	}
	return g
}

func familyOf(afi uint16, safi uint8) (family, bool) {
	if safi != safiUnicast || (afi != uint16(ipv4) && afi != uint16(ipv6)) {
		return 0, false
	}
	return family(afi), true
}

// takeTLV splits a type, a length octet and that many octets off b.
func takeTLV(b []byte) (kind uint8, value, rest []byte, ok bool) {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return 0, nil, nil, false
	}
	n := 2 + int(b[1])
	return b[0], b[2:n], b[n:], true
}

// Open frames an OPEN message for IPv4 and IPv6 unicast, for [Sink.Send] and
// for those who write into a connection of their own.
func Open(as uint32, id netip.Addr, hold time.Duration) []byte {
	o := open{as: as, id: id, hold: hold, families: map[family]bool{ipv4: true, ipv6: true}}
	return Message(msgOpen, o.encode())
}
