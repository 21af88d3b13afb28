package bgp

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/route"
)

// Receiver is told what neighbors send us, before any policy. Calls for one
// neighbor come one after the other, in the order of the wire; those for
// neighbors of the announcer and of the monitor may come at the same time. A
// slow receiver delays no session, but what waits for it is kept in memory.
type Receiver interface {
	// Apply takes announcements and withdrawals of one neighbor.
	Apply([]route.Update)
	// PeerDown ends all routes of a neighbor: its session is gone.
	PeerDown(netip.Addr)
}

// receivedMost is how many routes a router that takes blackholes may send
// before it is an alarm. What it sends costs time when its session is lost, and
// during that time no blackhole leaves: 10,000 routes cost 90 ms, 100,000 cost
// 600 ms. It is never torn down for it: that would cost every blackhole.
const receivedMost = 10_000

// inlet is where received routes come in from one engine: a queue, because
// sessions may not wait for the receiver, and a goroutine that empties it.
type inlet struct {
	to   Receiver
	asOf func(netip.Addr) uint32
	set  func(neighbor netip.Addr, routes int, more bool)

	mu    sync.Mutex
	queue []inflow
	bell  chan struct{} // one slot
	stop  context.CancelFunc
	done  chan struct{}

	// Only the goroutine uses it: neighbors with a session, and what they sent.
	up map[netip.Addr]map[netip.Prefix]struct{}
}

// inflow is one thing that came in from a neighbor.
type inflow struct {
	peer    netip.Addr
	updates []route.Update
	session bool // the session came up or went
	up      bool
}

func newInlet(to Receiver, asOf func(netip.Addr) uint32, set func(netip.Addr, int, bool)) *inlet {
	return &inlet{to: to, asOf: asOf, set: set, bell: make(chan struct{}, 1), up: map[netip.Addr]map[netip.Prefix]struct{}{}}
}

// wanted tells whether anybody looks at received routes at all.
func (in *inlet) wanted() bool { return in.to != nil || in.set != nil }

// put takes what came in. It never waits.
func (in *inlet) put(f inflow) {
	in.mu.Lock()
	in.queue = append(in.queue, f)
	in.mu.Unlock()
	select {
	case in.bell <- struct{}{}:
	default:
	}
}

func (in *inlet) open() {
	ctx, cancel := context.WithCancel(context.Background())
	in.stop, in.done = cancel, make(chan struct{})
	go func() {
		defer close(in.done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-in.bell:
				in.empty()
			}
		}
	}()
}

func (in *inlet) close() {
	in.stop()
	<-in.done
}

func (in *inlet) empty() {
	in.mu.Lock()
	all := in.queue
	in.queue = nil
	in.mu.Unlock()
	for i := range all {
		if f := &all[i]; f.session {
			in.state(f.peer, f.up)
		} else {
			in.take(f.updates)
		}
	}
}

// state takes a change of a session's state. A session that is lost is not
// followed by withdrawals.
func (in *inlet) state(addr netip.Addr, established bool) {
	_, was := in.up[addr]
	switch {
	case established && !was:
		in.up[addr] = map[netip.Prefix]struct{}{}
	case !established && was:
		delete(in.up, addr)
		if in.set != nil {
			in.set(addr, 0, false)
		}
		if in.to != nil {
			in.to.PeerDown(addr)
		}
	}
}

// take takes routes of one neighbor.
func (in *inlet) take(updates []route.Update) {
	if len(updates) == 0 {
		return
	}
	seen, up := in.up[updates[0].Peer]
	if !up {
		return
	}
	as := in.asOf(updates[0].Peer)
	for i := range updates {
		updates[i].PeerAS = as
	}
	if in.to != nil {
		in.to.Apply(updates)
	}
	if in.set == nil {
		return
	}
	// Past twice the bound it is not worth the memory to know how many more.
	for i := range updates {
		if u := &updates[i]; u.Withdrawn {
			delete(seen, u.Prefix)
		} else if len(seen) < 2*receivedMost {
			seen[u.Prefix] = struct{}{}
		}
	}
	in.set(updates[0].Peer, len(seen), len(seen) == 2*receivedMost)
}

// alarmReceived raises or clears the alarm about a router that sends a table.
func (s *Speaker) alarmReceived(addr netip.Addr, routes int, more bool) {
	about := fmt.Sprint(routes)
	if more {
		about = "more than " + about
	}
	s.alarms.Set(routes > receivedMost, alarm.TableLimit, addr.String(), fmt.Sprintf(
		"neighbor %s has sent %s routes, more than %d; when that session is lost no blackhole leaves for a while: "+
			"let it send fewer, or make the session that sends tables one of its own with `neighbor %s monitor`",
		addr, about, receivedMost, addr))
}
