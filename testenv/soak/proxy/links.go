package proxy

import (
	"context"
	"sync"
	"time"
)

// direction is one way of one link.
type direction struct{ from, to string }

// Links is the state of the network between named nodes. "" is a sender that is
// not known; its traffic counts as no link's and passes.
type Links struct {
	mu      sync.Mutex
	cut     map[direction]bool
	delay   map[direction]time.Duration
	changed chan struct{} // closed and replaced at each change
	conns   map[*conn]struct{}
}

// NewLinks is a network without a fault.
func NewLinks() *Links {
	return &Links{cut: map[direction]bool{}, delay: map[direction]time.Duration{}, changed: make(chan struct{}), conns: map[*conn]struct{}{}}
}

// Cut stops everything that one node sends to another, until Heal.
func (l *Links) Cut(from, to string) {
	l.change(func() { l.cut[direction{from, to}] = true })
}

// Delay makes what one node sends to another arrive that much later, until Heal.
func (l *Links) Delay(from, to string, d time.Duration) {
	l.change(func() { l.delay[direction{from, to}] = d })
}

// Heal ends cuts and delays from one node to another.
func (l *Links) Heal(from, to string) {
	l.change(func() {
		delete(l.cut, direction{from, to})
		delete(l.delay, direction{from, to})
	})
}

// Reset breaks every connection that a node has, both those it dialed and those
// dialed to it, as a firewall that has lost its state does.
func (l *Links) Reset(node string) {
	l.mu.Lock()
	var broken []*conn
	for c := range l.conns {
		if c.from == node || c.to == node {
			broken = append(broken, c)
		}
	}
	l.mu.Unlock()
	for _, c := range broken {
		c.breakOff()
	}
}

func (l *Links) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
}

// pass waits until what came at a moment may go on from one node to another.
func (l *Links) pass(ctx context.Context, from, to string, came time.Time) error {
	for {
		l.mu.Lock()
		cut, delay, changed := l.cut[direction{from, to}], l.delay[direction{from, to}], l.changed
		l.mu.Unlock()
		wait := time.Until(came.Add(delay))
		if !cut && (delay == 0 || wait <= 0) {
			return ctx.Err()
		}
		var due <-chan time.Time
		if !cut {
			due = time.After(wait)
		}
		select {
		case <-due:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *Links) add(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
}

func (l *Links) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}
