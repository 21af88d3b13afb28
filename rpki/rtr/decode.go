package rtr

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	headerLen = 8
	// MaxPDU is the longest PDU that is read, in octets. The longest honest one
	// is an ASPA with some ten thousand providers.
	MaxPDU = 64 << 10
)

// bad makes the error for a PDU at fault, with a copy of its first octets.
func bad(code ErrorCode, raw []byte, format string, args ...any) *ProtocolError {
	return &ProtocolError{Code: code, Text: fmt.Sprintf(format, args...), Inner: slices.Clone(raw[:min(len(raw), 256)])}
}

// lengthOf returns the length that a header announces, after the checks that
// keep a liar from making us wait for, or keep, gigabytes.
func lengthOf(head []byte) (int, *ProtocolError) {
	n := binary.BigEndian.Uint32(head[4:])
	if n < headerLen || n > MaxPDU {
		return 0, bad(CorruptData, head, "a %s of %d octets (8 to %d are possible)", Type(head[1]), n, MaxPDU)
	}
	return int(n), nil
}

// Decode reads one PDU from exactly its octets. Its error is a *ProtocolError.
// The result keeps nothing of b.
func Decode(b []byte) (PDU, error) {
	p, err := decode(b)
	if err != nil {
		return PDU{}, err
	}
	return p, nil
}

func decode(b []byte) (PDU, *ProtocolError) {
	if len(b) < headerLen {
		return PDU{}, bad(CorruptData, b, "%d octets are no PDU", len(b))
	}
	p := PDU{Version: b[0], Type: Type(b[1])}
	if p.Version > Version2 {
		return p, bad(UnsupportedVersion, b, "version %d", p.Version)
	}
	n, err := lengthOf(b)
	if err == nil && n != len(b) {
		err = bad(CorruptData, b, "a %s of %d octets says it has %d", p.Type, len(b), n)
	}
	if err != nil {
		return p, err
	}
	field := binary.BigEndian.Uint16(b[2:])
	switch p.Type {
	case ResetQuery, CacheReset:
		err = p.decodeShort(b)
	case SerialNotify, SerialQuery, CacheResponse:
		p.Session, err = field, p.decodeShort(b)
	case EndOfData:
		p.Session, err = field, p.decodeEnd(b)
	case IPv4Prefix, IPv6Prefix:
		err = p.decodePrefix(b)
	case RouterKeyPDU:
		err = p.decodeKey(b)
	case ASPAPDU:
		err = p.decodeASPA(b)
	case ErrorReport:
		p.Code, err = ErrorCode(field), p.decodeError(b)
	default:
		err = bad(UnsupportedType, b, "%s", p.Type)
	}
	return p, err
}

func wrongLength(p *PDU, b []byte) *ProtocolError {
	return bad(CorruptData, b, "a %s of %d octets in version %d", p.Type, len(b), p.Version)
}

func (p *PDU) decodeShort(b []byte) *ProtocolError {
	want := 8
	if p.Type == SerialNotify || p.Type == SerialQuery {
		want = 12
	}
	if len(b) != want {
		return wrongLength(p, b)
	}
	if want == 12 {
		p.Serial = binary.BigEndian.Uint32(b[8:])
	}
	return nil
}

func (p *PDU) decodeEnd(b []byte) *ProtocolError {
	want := 24
	if p.Version == Version0 {
		want = 12
	}
	if len(b) != want {
		return wrongLength(p, b)
	}
	p.Serial = binary.BigEndian.Uint32(b[8:])
	if want == 24 {
		p.Timers = Timers{binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])}
	}
	return nil
}

// decodePrefix masks bits behind the length: whoever typed them into a cache
// meant the prefix.
func (p *PDU) decodePrefix(b []byte) *ProtocolError {
	size := 4
	if p.Type == IPv6Prefix {
		size = 16
	}
	if len(b) != 16+size {
		return wrongLength(p, b)
	}
	p.Announce = b[8]&1 == 1
	addr, _ := netip.AddrFromSlice(b[12 : 12+size])
	bits, longest := b[9], b[10]
	if bits > longest || int(longest) > 8*size {
		return bad(CorruptData, b, "%s/%d with maxLength %d", addr, bits, longest)
	}
	prefix, err := addr.Prefix(int(bits))
	if err != nil {
		return bad(CorruptData, b, "%s/%d", addr, bits)
	}
	p.VRP = VRP{Prefix: prefix, MaxLen: longest, ASN: binary.BigEndian.Uint32(b[12+size:])}
	return nil
}

func (p *PDU) decodeKey(b []byte) *ProtocolError {
	if p.Version < Version1 {
		return bad(UnsupportedType, b, "a Router Key in version %d", p.Version)
	}
	if len(b) < 32 {
		return wrongLength(p, b)
	}
	p.Announce = b[2]&1 == 1
	copy(p.Key.SKI[:], b[8:])
	p.Key.ASN = binary.BigEndian.Uint32(b[28:])
	p.Key.SPKI = string(b[32:])
	return nil
}

// decodeASPA reads the form of the newest draft, and that of the drafts before
// it (flags and address family behind the header, and a count), which StayRTR 0.5
// sends. The two cannot be mistaken for each other: a withdrawal of the new form
// ends after the customer, and only the old form has its flags in octet 8 and
// octet 2 zero.
func (p *PDU) decodeASPA(b []byte) *ProtocolError {
	if p.Version < Version2 {
		return bad(UnsupportedType, b, "an ASPA in version %d", p.Version)
	}
	if len(b) < 12 || len(b)%4 != 0 {
		return wrongLength(p, b)
	}
	p.Announce = b[2]&1 == 1
	rest := b[8:]
	if !p.Announce && len(b) >= 16 && len(b) == 16+4*int(binary.BigEndian.Uint16(b[10:])) {
		p.Announce = b[8]&1 == 1
		p.family = 4 + 2*(b[9]&1)
		rest = b[12:]
	}
	p.ASPA.Customer = binary.BigEndian.Uint32(rest)
	for rest = rest[4:]; len(rest) > 0; rest = rest[4:] {
		p.ASPA.Providers = append(p.ASPA.Providers, binary.BigEndian.Uint32(rest))
	}
	switch {
	case p.Announce:
		return p.checkProviders(b)
	case p.family == 0 && len(p.ASPA.Providers) > 0:
		return bad(ASPAProviderList, b, "a withdrawal of the ASPA of AS%d with providers", p.ASPA.Customer)
	}
	return nil
}

func (p *PDU) checkProviders(b []byte) *ProtocolError {
	all := p.ASPA.Providers
	if len(all) == 0 {
		return bad(ASPAProviderList, b, "AS%d attests no provider at all (AS0 would say that it has none)", p.ASPA.Customer)
	}
	for i, a := range all {
		if i > 0 && a <= all[i-1] {
			return bad(ASPAProviderList, b, "the providers of AS%d are not in ascending order", p.ASPA.Customer)
		}
		if a == p.ASPA.Customer {
			return bad(ASPAProviderList, b, "AS%d names itself as its provider", a)
		}
	}
	return nil
}

// decodeError is lenient with the text, which is for people only.
func (p *PDU) decodeError(b []byte) *ProtocolError {
	if len(b) < 16 {
		return wrongLength(p, b)
	}
	inner := binary.BigEndian.Uint32(b[8:])
	if uint64(inner) > uint64(len(b)-16) {
		return wrongLength(p, b)
	}
	p.Inner = slices.Clone(b[12 : 12+inner])
	rest := b[12+inner:]
	text := binary.BigEndian.Uint32(rest)
	if uint64(text) > uint64(len(rest)-4) {
		return wrongLength(p, b)
	}
	p.Text = printable(string(rest[4 : 4+text]))
	return nil
}

// printable keeps a cache from writing control characters, or a novel, to a
// terminal or the log.
func printable(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '?'
		}
		return r
	}, s)
}

// ReadPDU reads one PDU, whatever its version says and means. It is for the side
// of a cache, and for tools; a Client reads faster.
func ReadPDU(r io.Reader) (PDU, error) {
	head := make([]byte, headerLen)
	if _, err := io.ReadFull(r, head); err != nil {
		return PDU{}, err
	}
	n, bad := lengthOf(head)
	if bad != nil {
		return PDU{}, bad
	}
	raw := append(head, make([]byte, n-headerLen)...)
	if _, err := io.ReadFull(r, raw[headerLen:]); err != nil {
		return PDU{}, err
	}
	return Decode(raw)
}
