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

	asked bool          // for hold
	hold  time.Duration // as negotiated; 0 = not known yet
	quiet time.Duration // since it last said anything
}

// socket is the session's TCP connection, as the kernel knows it. The local
// address is invalid while it is not known.
type socket struct {
	local, remote netip.AddrPort
}

// pressure is what the kernel says of a connection.
type pressure struct {
	local   netip.Addr    // of this end
	unacked int           // bytes in the send queue, sent or not, that are not acknowledged
	acked   uint64        // bytes acknowledged since it was opened
	quiet   time.Duration // since the other side last sent anything
}

// look takes a new measurement. pending says that there are routes for the
// neighbor that were not written yet, moved how many UPDATEs were. What the
// kernel knows is better than both: with an empty send queue the neighbor has
// read all there was, and whoever is slow is not it. But a kernel goes on taking what a
// router that stands still no longer reads, some hundred kilobytes: so one that has not
// said anything for two thirds of its hold time, two KEEPALIVEs, does not count either.
func (f *flow) look(now time.Time, pending bool, moved uint64, p pressure, known bool, patience time.Duration) {
	f.unacked = -1
	if known {
		f.unacked = p.unacked
		pending, moved = p.unacked > 0, p.acked
	}
	if f.quiet = p.quiet; f.hold > 0 && f.quiet > f.hold*2/3 {
		f.stuck = true
		return
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
	s.learnHold(all)
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
		if measured {
			n.flow.socket.local = netip.AddrPortFrom(p.local, n.flow.socket.local.Port())
		}
		missing := n.takes4 && sent4 < told4 || n.takes6 && sent6 < told6
		n.flow.look(now, missing, updates, p, measured, s.patience)
	}
	s.alarms.Set(n.flow.stuck, alarm.NeighborStuck, n.conf.Addr.String(), fmt.Sprintf(
		"neighbor %s AS %d has %s; nothing counts as sent to it", n.conf.Addr, n.conf.RemoteAS, n.flow.spoken()))
}

func (f flow) spoken() string {
	switch since := f.since.UTC().Format(time.RFC3339); {
	case f.hold > 0 && f.quiet > f.hold*2/3:
		return fmt.Sprintf("said nothing for %s, its hold time is %s", f.quiet.Round(time.Second), f.hold)
	case f.unacked > 0:
		return fmt.Sprintf("taken nothing since %s, %d bytes wait for it", since, f.unacked)
	default:
		return "taken nothing since " + since
	}
}

// learnHold asks for the hold times of sessions that are new. GoBGP may be busy with
// their first tables: whoever looks after all the neighbors does not wait for it.
func (s *Speaker) learnHold(all []*neighbor) {
	var unknown []*neighbor
	s.mu.Lock()
	for _, n := range all {
		if n.state == Established && !n.conf.Monitor && !n.flow.asked {
			n.flow.asked = true
			unknown = append(unknown, n)
		}
	}
	s.mu.Unlock()
	if len(unknown) == 0 {
		return
	}
	s.work.Go(func() {
		counts := s.counters()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, n := range unknown {
			n.flow.hold = time.Duration(counts[n.conf.Addr].hold) * time.Second
		}
	})
}
