package soak

import (
	"sync"
	"time"
)

// ground keeps what is being done to which node. It answers history.Ground.
type ground struct {
	mu    sync.Mutex
	nodes map[string]*condition
}

// condition is one node's.
type condition struct {
	active       int       // faults that touch it now
	since        time.Time // end of the last fault, or the beginning
	breaking     int       // of those, the ones that may cost it its BGP sessions
	excusedUntil time.Time
}

func newGround(now time.Time, nodes ...string) *ground {
	g := &ground{nodes: map[string]*condition{}}
	for _, n := range nodes {
		g.nodes[n] = &condition{since: now}
	}
	return g
}

// disturb notes that something is done to nodes, until the returned function is
// called.
func (g *ground) disturb(nodes ...string) (done func()) { return g.begin(0, false, nodes) }

// breaks is disturb for what may end the BGP sessions of the nodes, at the
// latest tail after its end.
func (g *ground) breaks(tail time.Duration, nodes ...string) (done func()) {
	return g.begin(tail, true, nodes)
}

func (g *ground) begin(tail time.Duration, breaking bool, nodes []string) (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range nodes {
		g.nodes[n].active++
		if breaking {
			g.nodes[n].breaking++
		}
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		now := time.Now()
		for _, n := range nodes {
			c := g.nodes[n]
			c.active--
			c.since = now
			if breaking {
				c.breaking--
				c.excusedUntil = now.Add(tail)
			}
		}
	}
}

// Excused tells whether a BGP session of the node may have been lost.
func (g *ground) Excused(node string, at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.nodes[node]
	return c.breaking > 0 || !at.After(c.excusedUntil)
}

// Settled returns since when the node has been left alone together with at least
// one other: a majority.
func (g *ground) Settled(node string, _ time.Time) (since time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	own := g.nodes[node]
	if own.active > 0 {
		return time.Time{}, false
	}
	for name, c := range g.nodes {
		if name != node && c.active == 0 && (!ok || c.since.Before(since)) {
			since, ok = c.since, true
		}
	}
	if own.since.After(since) {
		since = own.since
	}
	return since, ok
}

// healthy tells whether nothing is being done to anybody and nothing was for a
// while.
func (g *ground) healthy(least time.Duration) bool {
	since, ok := g.quiet()
	return ok && time.Since(since) >= least
}

// quiet tells whether nothing is being done to anybody, and since when.
func (g *ground) quiet() (since time.Time, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.nodes {
		if c.active > 0 {
			return time.Time{}, false
		}
		if c.since.After(since) {
			since = c.since
		}
	}
	return since, true
}
