package bgp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/beat"
	"github.com/triggerd/triggerd/internal/config"
)

// Values for what the configuration leaves open, in seconds.
const (
	defaultPort         = 179
	defaultHold         = 180
	defaultKeepalive    = 60
	defaultConnectRetry = 10 // RFC 4271 suggests 120, too long for a router without blackholes
	idleAfterReset      = 2
	deferralSeconds     = 1 // 0 would mean GoBGP's 360

	bfdMultiplier uint8  = 3
	bfdInterval   uint16 = 300 // milliseconds
)

// peers is what the neighbors need of GoBGP.
type peers interface {
	addPeer(ctx context.Context, n config.Neighbor, restarting bool) error
	updatePeer(ctx context.Context, n config.Neighbor) error
	deletePeer(ctx context.Context, n config.Neighbor) error
	shutDown(ctx context.Context, n config.Neighbor) error
	enable(ctx context.Context, n config.Neighbor) error
	addDialect(ctx context.Context, routeMap string) error
	dropDialect(ctx context.Context, routeMap string) error
}

// neighbor is one configured neighbor and what is known of its session.
type neighbor struct {
	conf  config.Neighbor
	set   bool          // GoBGP has it
	err   error         // why it does not
	again time.Time     // when to try once more
	pause time.Duration // grows

	state   State
	since   time.Time
	born    time.Time // for the grace before it is an alarm
	wasUp   bool
	lastErr string
	flaps   uint32
	dynamic bool // of a range
	renew   bool // GoBGP's neighbor has to be made anew

	routerID       netip.Addr
	takes4, takes6 bool // what both sides have activated
	flow           flow
}

func newNeighbor(n config.Neighbor, now time.Time) *neighbor {
	return &neighbor{conf: n, state: Idle, since: now, born: now, pause: retryFirst}
}

// setUp gives the neighbor to GoBGP, unless it cannot work.
func (s *Speaker) setUp(ctx context.Context, n *neighbor) error {
	err := CheckNeighbor(s.conf, n.conf)
	if err == nil {
		err = probePassword(n.conf)
	}
	if err == nil {
		err = s.speak(ctx, n.conf.RouteMapOut)
	}
	if err == nil {
		err = s.peers.addPeer(ctx, n.conf, true)
	}
	s.noteSetUp(n, err)
	return err
}

// speak makes sure that the routes are there in the dialect of a route-map,
// before a neighbor that is sent them: End-of-RIB would leave without them.
func (s *Speaker) speak(ctx context.Context, routeMap string) error {
	if err := s.peers.addDialect(ctx, routeMap); err != nil {
		return err
	}
	s.routes.speak(routeMap)
	return nil
}

// fallSilent takes away the dialects that no neighbor is sent any more.
func (s *Speaker) fallSilent(ctx context.Context) error {
	used := map[string]bool{"": true}
	for _, n := range s.list() {
		used[n.conf.RouteMapOut] = true
	}
	var errs []error
	for _, d := range s.routes.list() {
		if !used[d.name] {
			s.routes.forget(d.name)
			errs = append(errs, s.peers.dropDialect(ctx, d.name))
		}
	}
	return errors.Join(errs...)
}

// noteSetUp keeps the outcome of giving n to GoBGP and raises or clears the
// alarm about it.
func (s *Speaker) noteSetUp(n *neighbor, err error) {
	s.mu.Lock()
	n.set, n.err = err == nil, err
	if err != nil {
		n.again = time.Now().Add(n.pause)
		n.pause = min(2*n.pause, retryMost)
	}
	s.mu.Unlock()
	s.alarmConfig(n, s.routes.undefinedMaps())
}

// alarmConfig raises or clears the alarm about the configuration of a neighbor.
func (s *Speaker) alarmConfig(n *neighbor, undefined map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	subject, text := n.conf.Addr.String(), ""
	_, known := s.neighbors[n.conf.Addr]
	switch {
	case n.err != nil:
		text = fmt.Sprintf("neighbor %s is not set up: %v", subject, n.err)
	case undefined[n.conf.RouteMapOut]:
		text = fmt.Sprintf("neighbor %s: there is no route-map %s; it is sent every blackhole with the blackhole's own attributes "+
			"until an operator makes one", subject, n.conf.RouteMapOut)
	}
	s.alarms.Set(known && text != "", alarm.NeighborConfig, subject, text)
}

// retrySetUp tries again what could not be set up before.
func (s *Speaker) retrySetUp(ctx context.Context) {
	s.confMu.Lock()
	defer s.confMu.Unlock()
	now := time.Now()
	for _, n := range s.list() {
		s.mu.Lock()
		due := !n.set && now.After(n.again)
		renew := n.renew && n.set
		n.renew = false
		s.mu.Unlock()
		if renew {
			_ = s.peers.deletePeer(ctx, n.conf) // whether it was there or not, it is made anew
		}
		if due || renew {
			_ = s.setUp(ctx, n) // the alarm carries the error
		}
	}
}

// list returns the neighbors sorted by address.
func (s *Speaker) list() []*neighbor {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*neighbor, 0, len(s.neighbors))
	for _, n := range s.neighbors {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b *neighbor) int { return a.conf.Addr.Compare(b.conf.Addr) })
	return all
}

// drop takes a neighbor out.
func (s *Speaker) drop(ctx context.Context, n *neighbor) error {
	var err error
	if n.set {
		err = s.peers.deletePeer(ctx, n.conf)
	}
	s.mu.Lock()
	delete(s.neighbors, n.conf.Addr)
	s.mu.Unlock()
	s.alarms.Clear(alarm.NeighborConfig, n.conf.Addr.String())
	s.alarms.Clear(alarm.NeighborDown, n.conf.Addr.String())
	s.alarms.Clear(alarm.NeighborStuck, n.conf.Addr.String())
	s.ledger.begin(n.conf.Addr)
	return err
}

// change gives a neighbor its new configuration.
func (s *Speaker) change(ctx context.Context, n *neighbor, to config.Neighbor) error {
	was := n.conf
	s.mu.Lock()
	n.conf, n.pause = to, retryFirst
	s.mu.Unlock()
	if !n.set {
		return s.setUp(ctx, n)
	}
	if sameSession(was, to) {
		return nil
	}
	if err := errors.Join(CheckNeighbor(s.conf, to), probePassword(to)); err != nil {
		// It must not go on with the old configuration: that is no longer wanted.
		err = errors.Join(err, s.peers.deletePeer(ctx, was))
		s.noteSetUp(n, err)
		return err
	}
	err := s.speak(ctx, to.RouteMapOut)
	switch {
	case err != nil:
	case to.Shutdown && onlyShutDown(was, to):
		err = s.peers.shutDown(ctx, to)
	default:
		err = s.peers.updatePeer(ctx, to)
		if err == nil && was.Shutdown && !to.Shutdown {
			err = s.peers.enable(ctx, to)
		}
	}
	if err != nil {
		_ = s.peers.deletePeer(ctx, was) // so that the next try starts from nothing
	}
	s.noteSetUp(n, err)
	return err
}

// sameSession tells whether two configurations differ only in what GoBGP does
// not know.
func sameSession(a, b config.Neighbor) bool {
	a.Description, a.Role = b.Description, b.Role
	return a == b
}

// onlyShutDown tells whether the second configuration is the first, shut down:
// then the neighbor can be told why.
func onlyShutDown(was, to config.Neighbor) bool {
	was.Shutdown, was.Reason = true, to.Reason
	return sameSession(was, to)
}

// reconfigure makes the neighbors those of c, touching only what differs.
func (s *Speaker) reconfigure(ctx context.Context, c config.BGP) error {
	want := map[netip.Addr]config.Neighbor{}
	for _, n := range c.Neighbors {
		want[n.Addr] = n
	}
	var errs []error
	note := func(n config.Neighbor, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("neighbor %s: %w", n.Addr, err))
		}
	}
	for _, n := range s.list() {
		to, stays := want[n.conf.Addr]
		if n.dynamic && !stays {
			continue
		}
		delete(want, n.conf.Addr)
		switch {
		case !stays:
			note(n.conf, s.drop(ctx, n))
		case to.Monitor != n.conf.Monitor: // the other server has it from now on
			note(to, errors.Join(s.drop(ctx, n), s.setUp(ctx, s.remember(to))))
		case to != n.conf || !n.set:
			note(to, s.change(ctx, n, to))
		}
	}
	for _, conf := range c.Neighbors {
		if _, isNew := want[conf.Addr]; isNew {
			note(conf, s.setUp(ctx, s.remember(conf)))
		}
	}
	errs = append(errs, s.fallSilent(ctx))
	return errors.Join(errs...)
}

func (s *Speaker) remember(conf config.Neighbor) *neighbor {
	n := newNeighbor(conf, time.Now())
	s.mu.Lock()
	s.neighbors[conf.Addr] = n
	s.mu.Unlock()
	return n
}

// onPeer takes a change of state from GoBGP.
func (s *Speaker) onPeer(e peerEvent) {
	s.mu.Lock()
	n, ok := s.neighbors[e.addr]
	if !ok {
		n = s.welcome(e)
	}
	if n == nil {
		s.mu.Unlock()
		return
	}
	was := n.state
	n.state = e.state
	if e.state == Established {
		n.wasUp, n.lastErr = true, ""
		n.routerID = e.routerID
		n.takes4, n.takes6 = n.conf.IPv4 && e.offers4, n.conf.IPv6 && e.offers6
		n.flow = flow{socket: e.socket, unacked: -1, since: e.at}
	} else if e.state == Idle && e.reason != "" {
		n.lastErr = e.reason
	}
	if e.state == Established {
		e.reason = "" // GoBGP's is the name of a transition
	}
	turned := (was == Established) != (e.state == Established)
	if turned {
		n.since = e.at
		if was == Established {
			n.flaps++
		}
		// GoBGP v4.8.0 resets a neighbor whose BFD session ends also when there is
		// no BGP session, and the CEASE then waits for the next one and closes it:
		// for ever, with a neighbor that runs BFD only beside BGP, as BIRD does. A
		// neighbor that is made anew has no such CEASE and no such BFD session.
		n.renew = was == Established && n.conf.BFD.Enabled
		if n.dynamic && was == Established {
			delete(s.neighbors, e.addr)
		}
	}
	conf := n.conf
	s.mu.Unlock()
	if e.state == Established {
		s.exportSession(e, conf)
	}
	if turned {
		s.log.Info("neighbor changed", "neighbor", e.addr, "as", conf.RemoteAS, "state", e.state, "reason", e.reason)
		s.alarmDown(n, time.Now())
	}
}

// onDialFailed takes the reason why an active connection did not come about.
func (s *Speaker) onDialFailed(addr, why string) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.neighbors[a]
	if !ok || n.state == Established {
		return
	}
	n.lastErr = why
	if n.conf.Password != "" && strings.Contains(why, "timeout") {
		n.lastErr += " (a neighbor with another password looks like this too)"
	}
}

// downGrace is how long a new neighbor may take to come up.
const downGrace = 5 * time.Second

// alarmDown raises or clears the alarm about a session that is not up. It does
// so under the lock, so that it cannot raise it for a neighbor just dropped.
func (s *Speaker) alarmDown(n *neighbor, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.neighbors[n.conf.Addr]
	late := n.wasUp || now.Sub(n.born) >= downGrace
	down := known && n.set && late && !n.conf.Shutdown && n.state != Established
	s.alarms.Set(down, alarm.NeighborDown, n.conf.Addr.String(), n.downText())
}

// downText says for people what is wrong with the session.
func (n *neighbor) downText() string {
	text := fmt.Sprintf("neighbor %s AS %d is %s since %s",
		n.conf.Addr, n.conf.RemoteAS, n.state, n.since.UTC().Format(time.RFC3339))
	if n.lastErr != "" {
		text += ": " + n.lastErr
	}
	if n.conf.Description != "" {
		text += " (" + n.conf.Description + ")"
	}
	return text
}

// tend looks after the neighbors until ctx ends.
func (s *Speaker) tend(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-beat.After(time.Second):
			s.retrySetUp(ctx)
			undefined := s.routes.undefinedMaps()
			for _, n := range s.list() {
				s.alarmDown(n, now)
				s.alarmConfig(n, undefined)
			}
			s.alarmStuck(now)
			s.calm(now)
		}
	}
}
