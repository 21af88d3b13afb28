package bgp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/bgp/bmp"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Options are what a [Speaker] is made of. Config and Source must be set.
type Options struct {
	Config config.BGP
	Source Source
	Log    *slog.Logger    // nil discards
	Alarms *alarm.Registry // nil swallows

	Receiver Receiver // of what neighbors send; nil: nobody looks at it

	Name, Version string // of the node and its binary, for BMP stations
}

// Speaker announces the desired set to the neighbors of one router. Its
// methods may be called from any goroutine.
type Speaker struct {
	log    *slog.Logger
	alarms *alarm.Registry
	engine *engine // the announcer

	monitor *engine
	peers   peers // both, as the neighbors see them
	routes  *reconciler
	ledger  *ledger
	stalls  stalls

	exporter *bmp.Exporter // nil: there are no BMP stations

	work   sync.WaitGroup
	cancel context.CancelFunc

	patience time.Duration // with a neighbor that takes nothing

	live atomic.Bool // between Open and Close

	confMu sync.Mutex // held over a whole change of configuration
	conf   config.BGP
	opened bool // Open was called

	// mu guards the neighbors. It is never held over a call to GoBGP, whose
	// callbacks take it.
	mu        sync.Mutex
	neighbors map[netip.Addr]*neighbor
}

// errClosed is a call on a speaker that is not open.
var errClosed = errors.New("the BGP speaker is not running")

// New makes a speaker that does nothing until [Speaker.Open].
func New(o Options) *Speaker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Speaker{
		log:       o.Log,
		alarms:    o.Alarms,
		conf:      o.Config,
		ledger:    newLedger(),
		patience:  stuckAfter,
		neighbors: map[netip.Addr]*neighbor{},
	}
	s.exporter = newExporter(o)
	s.engine = newEngine(o.Log, o.Config.ASN, mirror(s.exporter, engineEvents{
		dialFailed: s.onDialFailed,
		stalled:    s.onStalled,
		session:    func(addr netip.Addr, _ bool) { s.ledger.begin(addr) },
		written: func(to netip.Addr, announced, withdrawn []netip.Prefix) {
			s.ledger.enter(to, announced, withdrawn, time.Now())
		},
	}), newInlet(o.Receiver, s.asOf, s.alarmReceived))
	s.monitor = newEngine(o.Log, o.Config.ASN, engineEvents{dialFailed: s.onDialFailed}, newInlet(o.Receiver, s.asOf, nil))
	s.peers = engines{announcer: s.engine, monitor: s.monitor}
	s.routes = newReconciler(o.Source, s.engine, o.Log, o.Alarms)
	return s
}

// Open starts the speaker: listeners, then all routes of the source, then the
// neighbors, in this order. An error means that nothing runs. A neighbor that
// cannot be set up is an alarm and is tried again; it stops no other.
func (s *Speaker) Open(ctx context.Context) error {
	s.confMu.Lock()
	defer s.confMu.Unlock()
	if s.opened {
		return errors.New("the BGP speaker was opened before; it can be opened only once")
	}
	s.opened = true
	if err := CheckRouter(s.conf); err != nil {
		return err
	}
	port, err := s.listen()
	if err != nil {
		return err
	}
	if err := s.engine.start(ctx, s.conf, s.conf.Listen, port, s.onPeer); err != nil {
		return fmt.Errorf("starting BGP for AS %d: %w", s.conf.ASN, err)
	}
	// Before the first neighbor, and also when there is no monitor session yet:
	// starting a server later means that the other one stands still.
	if err := s.startMonitor(ctx); err != nil {
		return errors.Join(err, s.engine.stop(ctx, false))
	}
	for _, n := range s.conf.Neighbors {
		_ = s.speak(ctx, n.RouteMapOut) // setUp tries again, and has the alarm
	}
	s.routes.load()
	if s.exporter != nil {
		s.exporter.Open()
	}
	for _, n := range s.conf.Neighbors {
		_ = s.setUp(ctx, s.remember(n)) // the alarm carries the error
	}
	s.openRanges(ctx)
	run, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.work.Go(func() { s.routes.run(run) })
	s.work.Go(func() { s.tend(run) })
	s.live.Store(true)
	return nil
}

// listen settles the addresses and the port to listen on; port 0 becomes a
// free one, and the defaults leave IPv6 out on a host without it. It returns
// what GoBGP takes as port: -1 for none.
func (s *Speaker) listen() (int32, error) {
	if s.conf.NoListen {
		return -1, nil
	}
	if len(s.conf.Listen) == 0 {
		s.conf.Listen = []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), defaultPort)}
		if l, err := net.Listen("tcp6", "[::]:0"); err == nil {
			_ = l.Close()
			s.conf.Listen = append(s.conf.Listen, netip.AddrPortFrom(netip.IPv6Unspecified(), defaultPort))
		}
	}
	settled, port, err := settleListen(s.conf.Listen)
	s.conf.Listen = settled
	return port, err
}

// settleListen returns the addresses with the port that they have in common;
// for port 0 that is a free one.
func settleListen(all []netip.AddrPort) ([]netip.AddrPort, int32, error) {
	port, err := commonPort(all)
	if err != nil || port != 0 {
		return all, int32(port), err
	}
	l, err := net.Listen("tcp", all[0].String())
	if err != nil {
		return all, 0, fmt.Errorf("finding a free BGP port: %w", err)
	}
	free := l.Addr().(*net.TCPAddr).AddrPort().Port()
	_ = l.Close()
	fixed := make([]netip.AddrPort, len(all))
	for i, a := range all {
		fixed[i] = netip.AddrPortFrom(a.Addr(), free)
	}
	return fixed, int32(free), nil
}

// Listening returns the addresses that the open speaker accepts sessions on.
func (s *Speaker) Listening() []netip.AddrPort {
	s.confMu.Lock()
	defer s.confMu.Unlock()
	if !s.live.Load() || s.conf.NoListen {
		return nil
	}
	return append([]netip.AddrPort(nil), s.conf.Listen...)
}

// Wake says that the desired routes of some prefixes (or of all) may have
// changed. It returns at once and may be called before [Speaker.Open].
func (s *Speaker) Wake(changed []netip.Prefix, all bool) { s.routes.wake(changed, all) }

// Announced returns the routes that GoBGP was told to announce and took, with
// their own attributes, sorted by prefix.
func (s *Speaker) Announced() []rtbh.Route { return s.routes.announced("") }

// Differing returns the prefixes at which something else is announced than
// wanted, which is sorted by prefix, or anything that is not wanted; sorted.
func (s *Speaker) Differing(wanted []rtbh.Route) []netip.Prefix {
	return s.routes.differing(s.routes.list()[0], wanted)
}

// AnnouncedRoute returns what the speaker was told to announce for one prefix.
func (s *Speaker) AnnouncedRoute(p netip.Prefix) (rtbh.Route, bool) { return s.routes.has("", p) }

// ExportedRoute returns what the speaker was told to send one neighbor for a
// prefix: through its route-map, before what BGP itself adds (our AS, the local
// preference that iBGP needs and eBGP must not have).
func (s *Speaker) ExportedRoute(addr netip.Addr, p netip.Prefix) (rtbh.Route, bool) {
	s.mu.Lock()
	n, ok := s.neighbors[addr]
	s.mu.Unlock()
	if !ok || n.conf.Monitor {
		return rtbh.Route{}, false
	}
	return s.routes.has(n.conf.RouteMapOut, p)
}

// Reconfigure takes a new configuration. Only neighbors whose value differs
// are touched; other sessions stay as they are. restart is true when c also
// differs in the router itself (AS, router-id, listeners), which a running
// speaker keeps: that part needs a new one. err joins what went wrong with
// single neighbors; each is an alarm too, and is tried again.
func (s *Speaker) Reconfigure(c config.BGP) (restart bool, err error) {
	s.confMu.Lock()
	defer s.confMu.Unlock()
	if !s.live.Load() {
		return false, errClosed
	}
	restart = !sameRouter(s.conf, c)
	err = s.reconfigure(context.Background(), c)
	s.conf.Neighbors = c.Neighbors
	return restart, err
}

// sameRouter compares a running configuration with a new one. Ports that were
// 0 have become real ones.
func sameRouter(running, c config.BGP) bool {
	if running.ASN != c.ASN || running.RouterID != c.RouterID || running.NoListen != c.NoListen {
		return false
	}
	return (c.NoListen || len(c.Listen) == 0 || sameListen(running.Listen, c.Listen)) &&
		sameListen(running.MonitorListen, c.MonitorListen) && slices.Equal(running.Ranges, c.Ranges)
}

func sameListen(running, c []netip.AddrPort) bool {
	if len(running) != len(c) {
		return false
	}
	for i, l := range c {
		if l != running[i] && (l.Port() != 0 || l.Addr() != running[i].Addr()) {
			return false
		}
	}
	return true
}

// Neighbors returns the state of all configured neighbors, sorted by address.
func (s *Speaker) Neighbors() []NeighborStatus {
	counts := s.counters()
	all := s.list()
	out := make([]NeighborStatus, 0, len(all))
	for _, n := range all {
		out = append(out, s.statusOf(n, counts[n.conf.Addr]))
	}
	return out
}

func (s *Speaker) statusOf(n *neighbor, c counters) NeighborStatus {
	s.mu.Lock()
	st := NeighborStatus{
		Addr: n.conf.Addr, RemoteAS: n.conf.RemoteAS, LocalAS: cmp.Or(n.conf.LocalAS, s.engine.asn),
		Description: n.conf.Description, State: n.state, Shutdown: n.conf.Shutdown, Since: n.since, Flaps: n.flaps,
		Config: n.conf, Dynamic: n.dynamic,
		LastError: n.lastErr, RouterID: n.routerID, In: c.in, Out: c.out,
		Received4: c.ipv4, Received6: c.ipv6, Unacked: -1,
	}
	if n.err != nil {
		st.LastError = n.err.Error()
	}
	if st.Up() {
		st.Hold, st.Keepalive = c.hold, c.keepalive
		st.Takes4, st.Takes6 = n.takes4, n.takes6
		st.Unacked, st.Stuck = n.flow.unacked, n.flow.stuck
	}
	routeMap, monitor := n.conf.RouteMapOut, n.conf.Monitor
	s.mu.Unlock()
	if !st.Up() || monitor {
		return st
	}
	ipv4, ipv6 := s.routes.count(routeMap)
	if st.Takes4 {
		st.Announced4 = ipv4
	}
	if st.Takes6 {
		st.Announced6 = ipv6
	}
	st.Written4, st.Written6, _ = s.ledger.totals(st.Addr)
	return st
}

func (s *Speaker) counters() map[netip.Addr]counters {
	if !s.live.Load() {
		return nil
	}
	counts, err := s.engine.counters(context.Background())
	if err != nil {
		return nil // closing: the states are still worth showing
	}
	return counts
}

// Reset closes the session with a neighbor (`clear ip bgp ADDR`); it opens
// again by itself.
func (s *Speaker) Reset(addr netip.Addr) error {
	if !s.live.Load() {
		return errClosed
	}
	return s.engineOf(addr).reset(context.Background(), addr)
}

// Refresh keeps the session and sends all routes again (out, `clear ip bgp ADDR
// soft out`), or looks again at all that was received (in), or both.
func (s *Speaker) Refresh(addr netip.Addr, in, out bool) error {
	if !s.live.Load() {
		return errClosed
	}
	if !in && !out {
		return nil
	}
	return s.engineOf(addr).refresh(context.Background(), addr, in, out)
}

// asOf is the AS of a neighbor.
func (s *Speaker) asOf(addr netip.Addr) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.neighbors[addr]; ok {
		return n.conf.RemoteAS
	}
	r, _ := rangeOf(s.conf.Ranges, addr)
	return r.Neighbor.RemoteAS
}

// engineOf is the server that has the neighbor.
func (s *Speaker) engineOf(addr netip.Addr) *engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.neighbors[addr]; ok && n.conf.Monitor {
		return s.monitor
	}
	return s.engine
}

// Close ends the speaker. With graceful (a planned restart), neighbors with
// graceful restart keep our routes until we are back or their restart time is
// over; without it every neighbor gets a CEASE and drops them at once. It
// waits for the sessions to be closed as long as ctx allows.
func (s *Speaker) Close(ctx context.Context, graceful bool) error {
	s.confMu.Lock()
	defer s.confMu.Unlock()
	if !s.live.Swap(false) {
		return nil
	}
	s.routes.end()
	s.cancel()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	err := errors.Join(s.engine.stop(ctx, graceful), s.monitor.stop(ctx, false))
	if s.exporter != nil {
		s.exporter.Close()
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
	return err
}
