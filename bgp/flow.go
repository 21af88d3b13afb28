package bgp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// stuckAfter is how long a neighbor may take nothing although there is
// something for it. Its hold time ends the session later, if at all: a router
// that goes on sending KEEPALIVEs without reading can stand still for ever.
const stuckAfter = 5 * time.Second

// flow is how well a neighbor reads what it is sent.
type flow struct {
	socket  socket // of the session
	unacked int    // bytes written that its kernel has not acknowledged; -1 = not known
	moved   uint64 // what it has taken so far, in any unit that grows
	since   time.Time
	stuck   bool
}

// socket is the session's TCP connection, as the kernel knows it.
type socket struct {
	remote netip.AddrPort
	local  uint16
}

// pressure is what the kernel says of a connection.
type pressure struct {
	unacked int    // bytes in the send queue, sent or not, that are not acknowledged
	acked   uint64 // bytes acknowledged since it was opened
}

// look takes a new measurement. pending says that there are routes for the
// neighbor that were not written yet, moved how many UPDATEs were. What the
// kernel knows is better than both: with an empty send queue the neighbor has
// read all there was, and whoever is slow is not it.
func (f *flow) look(now time.Time, pending bool, moved uint64, p pressure, known bool, patience time.Duration) {
	f.unacked = -1
	if known {
		f.unacked = p.unacked
		pending, moved = p.unacked > 0, p.acked
	}
	if !pending || moved != f.moved {
		f.moved, f.since, f.stuck = moved, now, false
		return
	}
	f.stuck = now.Sub(f.since) >= patience
}

// alarmStuck looks whether the established neighbors still read.
func (s *Speaker) alarmStuck(now time.Time) {
	all := s.list()
	var sockets []socket
	for _, n := range all {
		s.mu.Lock()
		if n.state == Established && !n.conf.Monitor {
			sockets = append(sockets, n.flow.socket)
		}
		s.mu.Unlock()
	}
	pressures := pressureOf(sockets)
	for _, n := range all {
		s.lookAt(n, now, pressures)
	}
}

// lookAt measures one neighbor, and raises or clears its alarm.
func (s *Speaker) lookAt(n *neighbor, now time.Time, pressures map[socket]pressure) {
	told4, told6 := s.routes.count(n.conf.RouteMapOut)
	sent4, sent6, updates := s.ledger.totals(n.conf.Addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.neighbors[n.conf.Addr]
	if n.state != Established || n.conf.Monitor || !known {
		n.flow.stuck = false
	} else {
		p, measured := pressures[n.flow.socket]
		missing := n.takes4 && sent4 < told4 || n.takes6 && sent6 < told6
		n.flow.look(now, missing, updates, p, measured, s.patience)
	}
	s.alarms.Set(n.flow.stuck, alarm.NeighborStuck, n.conf.Addr.String(), fmt.Sprintf(
		"neighbor %s AS %d has taken nothing since %s%s; what was announced since then does not count as sent",
		n.conf.Addr, n.conf.RemoteAS, n.flow.since.UTC().Format(time.RFC3339), n.flow.spoken()))
}

func (f flow) spoken() string {
	if f.unacked <= 0 {
		return ""
	}
	return fmt.Sprintf(", %d bytes wait for it", f.unacked)
}
