package rov

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/rpki/vrp"
)

// record is a prefix and an origin in 24 octets: a table has millions. Their
// order is that of the output: IPv4 first, by prefix, then origin.
type record struct {
	hi, lo uint64
	origin uint32
	bits   uint8
	six    bool
	none   bool // the origin is an AS_SET
}

func pack(p netip.Prefix, o vrp.Origin) record {
	r := record{origin: o.ASN, bits: uint8(p.Bits()), none: o.None}
	if a := p.Addr(); a.Is4() {
		four := a.As4()
		r.lo = uint64(binary.BigEndian.Uint32(four[:]))
	} else {
		six := a.As16()
		r.hi, r.lo, r.six = binary.BigEndian.Uint64(six[:]), binary.BigEndian.Uint64(six[8:]), true
	}
	return r
}

func (r record) prefix() netip.Prefix {
	if !r.six {
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], uint32(r.lo))
		return netip.PrefixFrom(netip.AddrFrom4(four), int(r.bits))
	}
	var six [16]byte
	binary.BigEndian.PutUint64(six[:], r.hi)
	binary.BigEndian.PutUint64(six[8:], r.lo)
	return netip.PrefixFrom(netip.AddrFrom16(six), int(r.bits))
}

func (r record) claims() vrp.Origin { return vrp.Origin{ASN: r.origin, None: r.none} }

func (r record) order(o record) int {
	switch {
	case r.six != o.six:
		return bigger(r.six)
	case r.hi != o.hi:
		return cmp.Compare(r.hi, o.hi)
	case r.lo != o.lo:
		return cmp.Compare(r.lo, o.lo)
	case r.bits != o.bits:
		return cmp.Compare(r.bits, o.bits)
	case r.none != o.none:
		return bigger(r.none)
	}
	return cmp.Compare(r.origin, o.origin)
}

func bigger(b bool) int {
	if b {
		return 1
	}
	return -1
}

// tidy sorts records, each once: the same prefix and origin from many neighbors
// is one route here.
func tidy(all []record) []record {
	if !slices.IsSortedFunc(all, record.order) {
		slices.SortFunc(all, record.order)
	}
	return slices.Compact(all)
}

// gather collects the records of one file. Most repetitions come right behind
// each other, since a table has all neighbors of a prefix in one place.
type gather struct{ all []record }

func (g *gather) add(r record) {
	for i := len(g.all) - 1; i >= 0 && i >= len(g.all)-8; i-- {
		if g.all[i] == r {
			return
		}
	}
	g.all = append(g.all, r)
}
