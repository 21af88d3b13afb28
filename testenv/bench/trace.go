package bench

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// trace keeps what both routers have of some routes, and for how long a router
// was without one.
type trace struct {
	nodes []string
	all   map[netip.Prefix]struct{}

	mu      sync.Mutex
	have    []map[netip.Prefix]uint8     // by router: from which nodes, as bits
	count   [][]int                      // by router and node: how many
	away    []map[netip.Prefix]time.Time // by router: since when it has none
	longest time.Duration
	moved   chan struct{}
}

// follow begins a trace of routes that are not there yet.
func (r *receivers) follow(all []netip.Prefix, nodes []string) *trace {
	t := &trace{nodes: nodes, all: make(map[netip.Prefix]struct{}, len(all)), moved: make(chan struct{})}
	for _, p := range all {
		t.all[p] = struct{}{}
	}
	for range r.routers {
		t.have = append(t.have, map[netip.Prefix]uint8{})
		t.count = append(t.count, make([]int, len(nodes)))
		t.away = append(t.away, map[netip.Prefix]time.Time{})
	}
	r.trace.Store(t)
	return t
}

func (t *trace) route(router int, e sink.Event) {
	node := slices.Index(t.nodes, e.Peer)
	if _, ok := t.all[e.Route.Prefix]; !ok || node < 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Kind == sink.Announce {
		t.come(router, node, e.Route.Prefix, e.At)
	} else {
		t.leave(router, node, e.Route.Prefix, e.At)
	}
}

// down takes away what came over a session.
func (t *trace) down(router int, e sink.Event) {
	node := slices.Index(t.nodes, e.Peer)
	if node < 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[router][node] > 0 {
		for p := range t.have[router] {
			t.leave(router, node, p, e.At)
		}
	}
}

func (t *trace) come(router, node int, p netip.Prefix, at time.Time) {
	had := t.have[router][p]
	if had&(1<<node) != 0 {
		return
	}
	t.have[router][p] = had | 1<<node
	if since, was := t.away[router][p]; was {
		t.longest = max(t.longest, at.Sub(since))
		delete(t.away[router], p)
	}
	if t.count[router][node]++; t.count[router][node] == len(t.all) {
		close(t.moved)
		t.moved = make(chan struct{})
	}
}

func (t *trace) leave(router, node int, p netip.Prefix, at time.Time) {
	had := t.have[router][p]
	if had&(1<<node) == 0 {
		return
	}
	t.count[router][node]--
	if t.have[router][p] = had &^ (1 << node); t.have[router][p] == 0 {
		delete(t.have[router], p)
		t.away[router][p] = at
	}
}

// complete waits until both routers have everything from the node.
func (t *trace) complete(ctx context.Context, node string) error {
	i := slices.Index(t.nodes, node)
	for {
		t.mu.Lock()
		least := len(t.all)
		for _, c := range t.count {
			least = min(least, c[i])
		}
		moved := t.moved
		t.mu.Unlock()
		if least == len(t.all) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d routes are back from %s: %w", least, len(t.all), node, context.Cause(ctx))
		}
	}
}

// without is the longest time that a router was without a route, so far; what is
// away now counts until now.
func (t *trace) without() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	longest, now := t.longest, time.Now()
	for _, away := range t.away {
		for _, since := range away {
			longest = max(longest, now.Sub(since))
		}
	}
	return longest
}

// forget begins to count anew.
func (t *trace) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.longest = 0
}
