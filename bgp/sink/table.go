package sink

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// Route is one route from one peer.
type Route struct {
	Prefix netip.Prefix
	From   string // name of the peer
	Attributes
	At    time.Time // when its UPDATE was read from the socket
	Stale bool      // kept over a graceful restart, not announced again yet
}

// MarshalJSON prints the route as an element of a route table for people and
// scripts: prefix, from, next_hop, communities (sorted, "65535:666"), as_path.
func (r Route) MarshalJSON() ([]byte, error) {
	path := r.ASPath
	if path == nil {
		path = []uint32{}
	}
	return json.Marshal(struct {
		Prefix      netip.Prefix `json:"prefix"`
		From        string       `json:"from"`
		NextHop     netip.Addr   `json:"next_hop"`
		Communities []string     `json:"communities"`
		ASPath      []uint32     `json:"as_path"`
	}{r.Prefix, r.From, r.NextHop, CommunityStrings(r.Communities), path})
}

// CommunityStrings prints communities as AS:VALUE, sorted as strings; never nil.
func CommunityStrings(cs []rtbh.Community) []string {
	out := make([]string, 0, len(cs))
	for _, c := range cs {
		out = append(out, fmt.Sprintf("%d:%d", c>>16, c&0xffff))
	}
	slices.Sort(out)
	return out
}

// table holds the routes of one peer, over its sessions.
type table struct {
	from string
	none bool // nothing is kept

	mu     sync.Mutex
	routes map[netip.Prefix]Route
}

func newTable(from string, none bool) *table {
	return &table{from: from, none: none, routes: map[netip.Prefix]Route{}}
}

// apply takes an UPDATE into the table and returns what happened, in the order
// of the message: withdrawals first (RFC 4271 section 4.3).
func (t *table) apply(u update, at time.Time) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	events := make([]Event, 0, len(u.withdrawn)+len(u.announced)+len(u.endOfRIB))
	for _, p := range u.withdrawn {
		delete(t.routes, p)
		events = append(events, Event{Kind: Withdraw, Peer: t.from, At: at, Route: Route{Prefix: p, From: t.from, At: at}})
	}
	for _, p := range u.announced {
		r := Route{Prefix: p, From: t.from, Attributes: u.attrs, At: at}
		r.NextHop = u.nextHop4
		if !p.Addr().Is4() {
			r.NextHop = u.nextHop6
		}
		if !t.none {
			t.routes[p] = r
		}
		events = append(events, Event{Kind: Announce, Peer: t.from, At: at, Route: r})
	}
	for _, f := range u.endOfRIB {
		events = append(events, t.dropLocked(at, func(r Route) bool { return r.Stale && familyIs(r, f) })...)
		events = append(events, Event{Kind: EndOfRIB, Peer: t.from, At: at, IPv6: f == ipv6})
	}
	return events
}

func familyIs(r Route, f family) bool { return r.Prefix.Addr().Is4() == (f == ipv4) }

// drop removes the routes that match and returns a withdrawal for each.
func (t *table) drop(at time.Time, match func(Route) bool) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dropLocked(at, match)
}

func (t *table) dropLocked(at time.Time, match func(Route) bool) []Event {
	var events []Event
	for p, r := range t.routes {
		if match(r) {
			delete(t.routes, p)
			events = append(events, Event{Kind: Withdraw, Peer: t.from, At: at, Route: Route{Prefix: p, From: t.from, At: at}})
		}
	}
	return events
}

// markStale keeps all routes as stale.
func (t *table) markStale() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, r := range t.routes {
		r.Stale = true
		t.routes[p] = r
	}
}

func (t *table) list() []Route {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Route, 0, len(t.routes))
	for _, r := range t.routes {
		out = append(out, r)
	}
	return out
}

func compareRoutes(a, b Route) int {
	if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
		return c
	}
	if c := a.Prefix.Bits() - b.Prefix.Bits(); c != 0 {
		return c
	}
	return strings.Compare(a.From, b.From)
}
