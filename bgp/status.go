package bgp

import (
	"net/netip"
	"time"
)

// State is the state of a session, as RFC 4271 section 8.2.2 names them and
// Quagga prints them.
type State string

// The states of a session.
const (
	Idle        State = "Idle"
	Connect     State = "Connect"
	Active      State = "Active"
	OpenSent    State = "OpenSent"
	OpenConfirm State = "OpenConfirm"
	Established State = "Established"
)

// NeighborStatus is one neighbor at one moment.
type NeighborStatus struct {
	Addr        netip.Addr
	RemoteAS    uint32
	LocalAS     uint32 // the AS we use towards it
	Description string
	State       State
	Shutdown    bool      // by configuration: Quagga prints Idle (Admin)
	Since       time.Time // when the session last came up or went down; setup if never
	MessagesIn  uint64
	MessagesOut uint64
	Received    uint64 // prefixes received and kept
	Announced   int    // routes announced to it; 0 unless Established
	LastError   string // why the session is not up, or last went down; "" for nothing known
}

// Up tells whether the session is established.
func (s NeighborStatus) Up() bool { return s.State == Established }

// peerEvent is a change of state, as GoBGP reports it.
type peerEvent struct {
	addr   netip.Addr
	state  State
	reason string
	at     time.Time
}

// counters are GoBGP's counters of one neighbor.
type counters struct{ in, out, prefixes uint64 }
