package bmp

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Message types (RFC 7854 section 4.1).
const (
	typeRouteMonitoring = 0
	typeStatistics      = 1
	typePeerDown        = 2
	typePeerUp          = 3
	typeInitiation      = 4
	typeTermination     = 5
)

const (
	version       = 3
	headerLen     = 6
	peerHeaderLen = 42
)

// Flags of the per-peer header (RFC 7854 section 4.2, RFC 8671 section 4).
const (
	flagIPv6       = 0x80
	flagPostPolicy = 0x40
	flagTwoOctetAS = 0x20
	flagOut        = 0x10
)

// message starts a message; finish puts its length in.
func message(kind byte) []byte { return []byte{version, 0, 0, 0, 0, kind} }

func finish(b []byte) []byte {
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)))
	return b
}

// peerHeader appends the per-peer header. The peer is a global instance: there are no
// VRFs to be seen from outside.
func peerHeader(b []byte, s Session, flags byte, at time.Time) []byte {
	var addr [16]byte
	if s.Neighbor.Is6() {
		flags |= flagIPv6
		addr = s.Neighbor.As16()
	} else {
		four := s.Neighbor.As4()
		copy(addr[12:], four[:])
	}
	b = append(b, 0, flags)
	b = append(b, make([]byte, 8)...) // distinguisher
	b = append(b, addr[:]...)
	b = binary.BigEndian.AppendUint32(b, s.AS)
	id := netip.IPv4Unspecified().As4()
	if s.RouterID.Is4() {
		id = s.RouterID.As4()
	}
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(at.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()/1000))
}

// information is one TLV of an Initiation message (RFC 7854 section 4.4).
func information(b []byte, kind uint16, text string) []byte {
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// initiation is the first message (RFC 7854 section 4.3).
func initiation(name, description string) []byte {
	b := information(message(typeInitiation), 1, description)
	return finish(information(b, 2, name))
}

// termination says that the node closes (RFC 7854 section 4.5): reason 0, an
// administrative close; it may come back.
func termination() []byte {
	return finish(append(message(typeTermination), 0, 1, 0, 2, 0, 0))
}

// peerUp is RFC 7854 section 4.10.
func peerUp(s Session) []byte {
	b := peerHeader(message(typePeerUp), s, 0, s.Up)
	local := s.Local.Addr().As16()
	if s.Local.Addr().Is4() {
		four := s.Local.Addr().As4()
		local = [16]byte{}
		copy(local[12:], four[:])
	}
	b = append(b, local[:]...)
	b = binary.BigEndian.AppendUint16(b, s.Local.Port())
	b = binary.BigEndian.AppendUint16(b, s.RemotePort)
	return finish(append(append(b, s.Sent...), s.Received...))
}

// Down is why a session ended (RFC 7854 section 4.9).
type Down struct {
	ByUs    bool
	Code    uint8 // of the NOTIFICATION, 0: there was none, or it is not known
	Subcode uint8
}

// peerDown is RFC 7854 section 4.9.
func peerDown(s Session, d Down, at time.Time) []byte {
	b := peerHeader(message(typePeerDown), s, 0, at)
	notification := append(slice16(0xff), 0, 21, 3, d.Code, d.Subcode)
	switch {
	case d.ByUs && d.Code != 0:
		b = append(append(b, 1), notification...)
	case d.ByUs:
		b = append(b, 2, 0, 0) // no event of the state machine is known
	case d.Code != 0:
		b = append(append(b, 3), notification...)
	default:
		b = append(b, 4)
	}
	return finish(b)
}

func slice16(octet byte) []byte {
	b := make([]byte, 16, 21)
	for i := range b {
		b[i] = octet
	}
	return b
}

// routeMonitoring carries one UPDATE (RFC 7854 section 4.6).
func routeMonitoring(s Session, d Direction, twoOctets bool, at time.Time, update []byte) []byte {
	flags := byte(0)
	if d == Out {
		flags = flagOut | flagPostPolicy
	}
	if twoOctets {
		flags |= flagTwoOctetAS
	}
	return finish(append(peerHeader(message(typeRouteMonitoring), s, flags, at), update...))
}

// Types of statistics (RFC 7854 section 4.8, RFC 8671 section 6.2): 64-bit gauges.
const (
	statRoutesIn  = 7
	statRoutesOut = 15
)

func statistics(s Session, in, out int, at time.Time) []byte {
	b := binary.BigEndian.AppendUint32(peerHeader(message(typeStatistics), s, 0, at), 2)
	for _, gauge := range []struct {
		kind uint16
		n    int
	}{{statRoutesIn, in}, {statRoutesOut, out}} {
		b = binary.BigEndian.AppendUint16(b, gauge.kind)
		b = binary.BigEndian.AppendUint16(b, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(gauge.n))
	}
	return finish(b)
}
