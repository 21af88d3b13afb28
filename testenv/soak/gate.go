package soak

import (
	"context"
	"sync"
)

// gate lets the load through, or holds it and waits until nothing is under way.
type gate struct {
	mu     sync.Mutex
	cond   *sync.Cond
	shut   int
	inside int
}

func newGate() *gate {
	g := &gate{}
	g.cond = sync.NewCond(&g.mu)
	return g
}

// enter waits until the gate is open; false when ctx has ended.
func (g *gate) enter(ctx context.Context) bool {
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.cond.Broadcast()
	})
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut > 0 && ctx.Err() == nil {
		g.cond.Wait()
	}
	if ctx.Err() != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.cond.Broadcast()
}

// close holds the load and waits until what was under way has ended.
func (g *gate) close() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut++
	for g.inside > 0 {
		g.cond.Wait()
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.shut--
		g.cond.Broadcast()
	}
}
