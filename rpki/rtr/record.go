package rtr

import (
	"cmp"
	"encoding/binary"
	"net/netip"
)

// rec4 and rec6 are VRPs in 12 and 24 octets instead of the 40 of a VRP value: a
// cache has three quarters of a million. op is set while an epoch is being
// received and zero in a Set.
type rec4 struct {
	addr, asn uint32
	bits, max uint8
	op        op
}

type rec6 struct {
	hi, lo    uint64
	asn       uint32
	bits, max uint8
	op        op
}

type op uint8

const (
	announce op = iota
	withdraw
)

// record is what rec4 and rec6 have in common. Their order is that of prefixes,
// then maxLength, then ASN, so that all VRPs of a prefix are neighbors and a
// prefix comes before what lies under it.
type record[T any] interface {
	comparable
	order(T) int
	bare() T // without op
	doing() op
	vrp() VRP
}

func (r rec4) order(o rec4) int {
	if r.addr != o.addr {
		return cmp.Compare(r.addr, o.addr)
	}
	return orderTail(r.bits, o.bits, r.max, o.max, r.asn, o.asn)
}

func (r rec6) order(o rec6) int {
	if r.hi != o.hi {
		return cmp.Compare(r.hi, o.hi)
	}
	if r.lo != o.lo {
		return cmp.Compare(r.lo, o.lo)
	}
	return orderTail(r.bits, o.bits, r.max, o.max, r.asn, o.asn)
}

func orderTail(bits, oBits, longest, oLongest uint8, asn, oASN uint32) int {
	if bits != oBits {
		return cmp.Compare(bits, oBits)
	}
	if longest != oLongest {
		return cmp.Compare(longest, oLongest)
	}
	return cmp.Compare(asn, oASN)
}

func (r rec4) bare() rec4 { r.op = announce; return r }
func (r rec6) bare() rec6 { r.op = announce; return r }
func (r rec4) doing() op  { return r.op }
func (r rec6) doing() op  { return r.op }

func (r rec4) vrp() VRP {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], r.addr)
	return VRP{netip.PrefixFrom(netip.AddrFrom4(a), int(r.bits)), r.max, r.asn}
}

func (r rec6) vrp() VRP {
	var a [16]byte
	binary.BigEndian.PutUint64(a[:], r.hi)
	binary.BigEndian.PutUint64(a[8:], r.lo)
	return VRP{netip.PrefixFrom(netip.AddrFrom16(a), int(r.bits)), r.max, r.asn}
}

func pack4(v VRP) rec4 {
	a := v.Prefix.Addr().As4()
	return rec4{addr: binary.BigEndian.Uint32(a[:]), asn: v.ASN, bits: uint8(v.Prefix.Bits()), max: v.MaxLen}
}

func pack6(v VRP) rec6 {
	a := v.Prefix.Addr().As16()
	return rec6{hi: binary.BigEndian.Uint64(a[:]), lo: binary.BigEndian.Uint64(a[8:]), asn: v.ASN, bits: uint8(v.Prefix.Bits()), max: v.MaxLen}
}

// read4 reads an IPv4 Prefix PDU without the detour over a PDU value; false
// leaves the PDU, right or wrong, to decode.
func read4(b []byte) (rec4, bool) {
	if len(b) != 20 || b[9] > b[10] || b[10] > 32 {
		return rec4{}, false
	}
	r := rec4{addr: binary.BigEndian.Uint32(b[12:]), asn: binary.BigEndian.Uint32(b[16:]), bits: b[9], max: b[10], op: op(1 - b[8]&1)}
	r.addr &= ^uint32(0) << (32 - r.bits)
	return r, true
}

func read6(b []byte) (rec6, bool) {
	if len(b) != 32 || b[9] > b[10] || b[10] > 128 {
		return rec6{}, false
	}
	r := rec6{
		hi: binary.BigEndian.Uint64(b[12:]), lo: binary.BigEndian.Uint64(b[20:]),
		asn: binary.BigEndian.Uint32(b[28:]), bits: b[9], max: b[10], op: op(1 - b[8]&1),
	}
	r.hi &= ^uint64(0) << (64 - min(r.bits, 64))
	r.lo &= ^uint64(0) << (128 - max(r.bits, 64))
	return r, true
}
