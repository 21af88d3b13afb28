package soak

import (
	"context"
	"sync"
)

// startLoad starts the clients, held by the gate until it is opened. Some sit at
// one trigger, so that there is always somebody at the one that works; the
// others change between the two.
func (s *soak) startLoad(writer, rival person) {
	s.gateAtStart = s.gate.close()
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	doors := func(who person, at ...*node) (all []*door) {
		for _, n := range at {
			all = append(all, &door{who: who, node: n, keys: s.keys})
		}
		return all
	}
	t := s.triggers
	for i, at := range [][]*node{t[:1], t[:1], t[1:], t[1:], t, t, t, t} {
		c := &customer{soak: s, rng: s.rng(100 + uint64(i)), doors: doors(writer, at...)}
		clients.Go(func() { c.run(ctx) })
	}
	for i, at := range [][]*node{t[:1], t[1:], t, t} {
		c := &contestant{soak: s, id: i, rng: s.rng(200 + uint64(i)), doors: doors(rival, at...)}
		clients.Go(func() { c.run(ctx) })
	}
	s.onClose(func() {
		cancel()
		clients.Wait()
	})
}
