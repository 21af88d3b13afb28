package rpki

import (
	"encoding/binary"
	"net/netip"

	"github.com/triggerd/triggerd/rpki/vrp"
)

// record is a received route in 40 octets. With its place in the tree of
// prefixes a route takes some 100 octets of heap.
type record struct {
	hi, lo  uint64 // the address; IPv4 in lo
	origin  uint32
	pathID  uint32
	set     uint32 // its attributes, in sets
	next    uint32 // the next route of the same prefix, or the next free record; 0: none
	peer    uint16
	bits    uint8
	flags   flags
	verdict [2]verdict // by the two views; see index.judge
}

type flags uint8

const (
	live   flags = 1 << iota
	six          // IPv6
	noneAS       // the path ends in an AS_SET
	ownAS        // the origin is our own AS
)

// verdict is a vrp.State and a vrp.PathState in one octet.
type verdict uint8

func verdictOf(s vrp.State, p vrp.PathState) verdict { return verdict(s) | verdict(p)<<4 }

func (v verdict) state() vrp.State    { return vrp.State(v & 0xf) }
func (v verdict) path() vrp.PathState { return vrp.PathState(v >> 4) }

func (r *record) setPrefix(p netip.Prefix) {
	r.bits = uint8(p.Bits())
	if a := p.Addr(); a.Is4() {
		four := a.As4()
		r.hi, r.lo = 0, uint64(binary.BigEndian.Uint32(four[:]))
	} else {
		b := a.As16()
		r.hi, r.lo = binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
		r.flags |= six
	}
}

func (r *record) prefix() netip.Prefix {
	if r.flags&six == 0 {
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], uint32(r.lo))
		return netip.PrefixFrom(netip.AddrFrom4(four), int(r.bits))
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], r.hi)
	binary.BigEndian.PutUint64(b[8:], r.lo)
	return netip.PrefixFrom(netip.AddrFrom16(b), int(r.bits))
}

func (r *record) claims(own uint32) vrp.Origin {
	switch {
	case r.flags&noneAS != 0:
		return vrp.Origin{None: true}
	case r.flags&ownAS != 0:
		return vrp.Origin{ASN: own}
	}
	return vrp.Origin{ASN: r.origin}
}

// arena holds records by number, from 1. Its blocks never move, so growing
// copies nothing.
type arena struct {
	blocks []*[blockLen]record
	used   uint32 // highest number in use, ever
	free   uint32 // head of the free records
}

const blockLen = 4096

func (a *arena) at(id uint32) *record { return &a.blocks[(id-1)/blockLen][(id-1)%blockLen] }

func (a *arena) take() (uint32, *record) {
	id := a.free
	if id != 0 {
		a.free = a.at(id).next
	} else {
		a.used++
		id = a.used
		if int(id-1)/blockLen == len(a.blocks) {
			a.blocks = append(a.blocks, new([blockLen]record))
		}
	}
	r := a.at(id)
	*r = record{flags: live}
	return id, r
}

func (a *arena) give(id uint32) {
	*a.at(id) = record{next: a.free}
	a.free = id
}
