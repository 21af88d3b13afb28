package mrt

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/triggerd/triggerd/internal/route"
)

var errShort = errors.New("it ends too early")

// buffer reads big-endian fields; after the end it gives zeros and says so.
type buffer struct {
	b     []byte
	short bool
}

func (b *buffer) take(n int) []byte {
	if n > len(b.b) {
		b.short, b.b = true, nil
		return make([]byte, min(n, 16))[:min(n, 16)]
	}
	out := b.b[:n]
	b.b = b.b[n:]
	return out
}

func (b *buffer) u8() uint8 { return b.take(1)[0] }

func (b *buffer) u16() uint16 {
	x := b.take(2)
	return uint16(x[0])<<8 | uint16(x[1])
}

func (b *buffer) u32() uint32 { return uint32(b.u16())<<16 | uint32(b.u16()) }

func (b *buffer) addr(size int) netip.Addr {
	a, _ := netip.AddrFromSlice(b.take(size))
	return a
}

// prefix reads the length and the octets that it needs (RFC 6396 section 4.3.2).
func (b *buffer) prefix(size int) (netip.Prefix, error) {
	bits := int(b.u8())
	if bits > 8*size {
		return netip.Prefix{}, fmt.Errorf("a prefix of %d bits", bits)
	}
	var raw [16]byte
	copy(raw[:size], b.take((bits+7)/8))
	a, _ := netip.AddrFromSlice(raw[:size])
	return a.Prefix(bits)
}

// dumpV1 is RFC 6396 section 4.2: one route, with AS numbers of two octets.
func (m *reader) dumpV1(b *buffer, size int) error {
	b.take(4) // view, sequence
	addr, bits := b.addr(size), int(b.u8())
	b.take(5) // status, time
	e := Entry{PeerAS: 0}
	e.Peer = b.addr(size)
	e.PeerAS = uint32(b.u16())
	attrs := b.take(int(b.u16()))
	if b.short {
		return errShort
	}
	var err error
	if e.Prefix, err = addr.Prefix(bits); err != nil {
		return err
	}
	if e.Kind, e.Origin, err = m.origin(attrs, 2); err != nil {
		return err
	}
	m.emit(e)
	return nil
}

// peerIndex is RFC 6396 section 4.3.1.
func (m *reader) peerIndex(b *buffer) error {
	b.take(4) // collector
	b.take(int(b.u16()))
	n := int(b.u16())
	m.peers = m.peers[:0]
	for range n {
		kind := b.u8()
		b.take(4) // identifier
		p := peer{}
		if kind&1 == 0 {
			p.addr = b.addr(4)
		} else {
			p.addr = b.addr(16)
		}
		if kind&2 == 0 {
			p.as = uint32(b.u16())
		} else {
			p.as = b.u32()
		}
		if b.short {
			return fmt.Errorf("the peer index: %w", errShort)
		}
		m.peers = append(m.peers, p)
	}
	return nil
}

// rib is RFC 6396 section 4.3.2, with path ids RFC 8050 section 4: one prefix,
// one route for each peer. A route that cannot be read spoils only itself.
func (m *reader) rib(b *buffer, size int, addPath bool) error {
	b.take(4) // sequence
	p, err := b.prefix(size)
	if err != nil {
		return err
	}
	n := int(b.u16())
	var bad error
	for range n {
		e := Entry{Key: route.Key{Prefix: p}}
		from := int(b.u16())
		b.take(4) // time
		if addPath {
			e.PathID = b.u32()
		}
		attrs := b.take(int(b.u16()))
		if b.short {
			return fmt.Errorf("%s: %w", p, errShort)
		}
		if from >= len(m.peers) {
			bad = fmt.Errorf("%s is of peer %d, the index has %d", p, from, len(m.peers))
			continue
		}
		e.Peer, e.PeerAS = m.peers[from].addr, m.peers[from].as
		if e.Kind, e.Origin, err = m.origin(attrs, 4); err != nil {
			bad = fmt.Errorf("%s: %w", p, err)
			continue
		}
		m.emit(e)
	}
	return bad
}
