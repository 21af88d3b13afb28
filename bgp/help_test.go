package bgp

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// wanted is a desired set that a test edits.
type wanted struct {
	mu     sync.Mutex
	routes map[netip.Prefix]rtbh.Route
	maps   map[string]func(rtbh.Route) (rtbh.Route, bool) // the route-maps that there are
}

func want(routes ...rtbh.Route) *wanted {
	w := &wanted{routes: map[netip.Prefix]rtbh.Route{}, maps: map[string]func(rtbh.Route) (rtbh.Route, bool){}}
	for _, r := range routes {
		w.routes[r.Prefix] = r
	}
	return w
}

func (w *wanted) Routes() []rtbh.Route {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.routes))
}

func (w *wanted) RoutesAt(prefixes []netip.Prefix) (all []rtbh.Route) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range prefixes {
		if r, ok := w.routes[p]; ok {
			all = append(all, r)
		}
	}
	return all
}

func (w *wanted) Export(name string, routes []rtbh.Route) (out []rtbh.Route, defined bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, defined := w.maps[name]
	if !defined {
		return nil, false
	}
	for _, r := range routes {
		if r, ok := f(r); ok {
			out = append(out, r)
		}
	}
	return out, true
}

// routeMap defines a route-map, or takes it away with nil.
func (w *wanted) routeMap(name string, f func(rtbh.Route) (rtbh.Route, bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.maps[name] = f
	if f == nil {
		delete(w.maps, name)
	}
}

// now sets the desired route of a prefix; a route without next-hop is none.
func (w *wanted) now(r rtbh.Route) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.NextHop.IsValid() {
		w.routes[r.Prefix] = r
	} else {
		delete(w.routes, r.Prefix)
	}
}

var discard = slog.New(slog.DiscardHandler)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func adr(s string) netip.Addr   { return netip.MustParseAddr(s) }

// hole is a route as the default route-map makes it.
func hole(prefix string) rtbh.Route {
	r := rtbh.Route{
		Prefix:      pfx(prefix),
		NextHop:     rtbh.DiscardNextHop4,
		Communities: []rtbh.Community{rtbh.NoExport, rtbh.BlackholeWellKnown},
	}
	if !r.Prefix.Addr().Is4() {
		r.NextHop = rtbh.DiscardNextHop6
	}
	return r
}

// gone is no route for a prefix.
func gone(prefix string) rtbh.Route { return rtbh.Route{Prefix: pfx(prefix)} }

// eventuallyMost is long because the machine may be shared.
const eventuallyMost = time.Minute

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(eventuallyMost)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// rig is a real speaker with a desired set and its alarms.
type rig struct {
	*Speaker
	t      *testing.T
	want   *wanted
	alarms *alarm.Registry
}

// routerConf is AS 64500 on a free loopback port, without neighbors.
func routerConf(neighbors ...config.Neighbor) config.BGP {
	return config.BGP{
		ASN:       64500,
		RouterID:  adr("10.255.0.1"),
		Listen:    []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
		Neighbors: neighbors,
	}
}

// passive is a neighbor that connects to us.
func passive(addr string, as uint32) config.Neighbor {
	return config.Neighbor{Addr: adr(addr), RemoteAS: as, Passive: true, IPv4: true, IPv6: true}
}

func open(t *testing.T, w *wanted, c config.BGP) *rig {
	t.Helper()
	alarms := alarm.New(discard)
	r := &rig{t: t, want: w, alarms: alarms, Speaker: New(Options{
		Config: c, Source: w, Alarms: alarms,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})}
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.shut(false) })
	return r
}

func (r *rig) shut(graceful bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx, graceful); err != nil {
		r.t.Error(err)
	}
}

// set changes desired routes and wakes the speaker, as an applied entry does.
func (r *rig) set(routes ...rtbh.Route) {
	var changed []netip.Prefix
	for _, route := range routes {
		r.want.now(route)
		changed = append(changed, route.Prefix)
	}
	r.Wake(changed, false)
}

func (r *rig) address() netip.AddrPort { return r.Listening()[0] }

func (r *rig) neighbor(addr string) NeighborStatus {
	for _, n := range r.Neighbors() {
		if n.Addr == adr(addr) {
			return n
		}
	}
	return NeighborStatus{}
}

func (r *rig) alarmed(kind alarm.Kind, subject string) bool {
	return slices.ContainsFunc(r.alarms.List(), func(a alarm.Alarm) bool {
		return a.Kind == kind && a.Subject == subject
	})
}

// router is a sink that remembers what happened.
type router struct {
	*sink.Sink
	t *testing.T

	mu     sync.Mutex
	events []sink.Event
}

func listener(t *testing.T, c sink.Config) *router {
	t.Helper()
	r := &router{t: t}
	c.Pause = 20 * time.Millisecond
	if !c.RouterID.IsValid() {
		c.RouterID = adr("10.255.0.9")
	}
	c.OnEvent = func(e sink.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}
	s, err := sink.New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Sink = s
	t.Cleanup(s.Close)
	return r
}

// dialing is a router that keeps a session with the speaker, from an address.
func dialing(t *testing.T, to netip.AddrPort, from string, c sink.Config) *router {
	t.Helper()
	r := listener(t, c)
	if err := r.Dial("trigger", to, adr(from)); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *router) seen() []sink.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// count returns how many events of a kind there were.
func (r *router) count(k sink.Kind) int {
	n := 0
	for _, e := range r.seen() {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// route returns what the router holds for a prefix.
func (r *router) route(prefix string) (sink.Route, bool) {
	for _, route := range r.Routes() {
		if route.Prefix == pfx(prefix) {
			return route, true
		}
	}
	return sink.Route{}, false
}

func (r *router) hasRoute(prefix string) func() bool {
	return func() bool { _, ok := r.route(prefix); return ok }
}

func (r *router) holds(n int) func() bool { return func() bool { return len(r.Routes()) == n } }

// manyHoles are n host routes.
func manyHoles(n int) []rtbh.Route {
	out := make([]rtbh.Route, n)
	for i := range out {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		out[i] = hole(a.String() + "/" + strconv.Itoa(32))
	}
	return out
}
