package bgp

import (
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/internal/config"
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
	Config      config.Neighbor // what it was set up with; the password is in it
	Dynamic     bool            // of a range: it is here as long as its session
	State       State
	Shutdown    bool       // by configuration: Quagga prints Idle (Admin)
	Since       time.Time  // when the session last came up or went down; setup if never
	Flaps       uint32     // how often an established session was lost
	LastError   string     // why the session is not up, or last went down; "" for nothing known
	RouterID    netip.Addr // of the neighbor; invalid unless a session was up
	Hold        uint16     // seconds, as negotiated; 0 unless Established
	Keepalive   uint16
	In, Out     Messages
	Takes4      bool // families that both sides have activated; false unless Established
	Takes6      bool

	Received4, Received6 int // prefixes received and kept
	Announced4           int // routes that it is to be sent; 0 unless Established
	Announced6           int
	Written4, Written6   int  // routes that were written to its socket, see [Speaker.Written]
	Unacked              int  // bytes written that it has not acknowledged; -1 = not known
	Stuck                bool // it has stopped reading: what is written does not count
}

// Messages are counts of BGP messages since the neighbor was set up.
type Messages struct{ Opens, Updates, Keepalives, Notifications, Refreshes, Total uint64 }

// Up tells whether the session is established.
func (s NeighborStatus) Up() bool { return s.State == Established }

// peerEvent is a change of state, as GoBGP reports it.
type peerEvent struct {
	addr     netip.Addr
	state    State
	reason   string
	at       time.Time
	routerID netip.Addr
	as       uint32
	socket   socket

	offers4, offers6 bool // families of the neighbor's OPEN

	capabilities capabilities
}

// counters are GoBGP's counters of one neighbor.
type counters struct {
	in, out         Messages
	hold, keepalive uint16
	ipv4, ipv6      int // prefixes received
}
