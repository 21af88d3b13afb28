package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

const (
	settleEveryKills = 12               // rounds
	startWithin      = 30 * time.Second // until a started node answers at its own door
	writeWithin      = 15 * time.Second // until a write is accepted again
)

// killLoop kills nodes until as many were killed as asked for.
func (s *soak) killLoop(ctx context.Context, rng *rand.Rand) error {
	for round := 1; int(s.killed.Load()) < s.opt.Kills; round++ {
		if err := wait(ctx, upTo(rng, 400*time.Millisecond)); err != nil {
			return err
		}
		victims := s.chooseVictims(rng, s.opt.Kills-int(s.killed.Load()))
		dwell := upTo(rng, 300*time.Millisecond)
		if rng.IntN(7) == 0 {
			dwell = upTo(rng, 2*time.Second)
		}
		settled := rng.IntN(10) < 6
		if err := s.kill(ctx, victims, dwell); err != nil {
			return err
		}
		if settled {
			s.awaitWrite(ctx)
			if rng.IntN(4) == 0 { // let the next one strike a healthy cluster
				if err := wait(ctx, settledAfter); err != nil {
					return err
				}
			}
		}
		if round%settleEveryKills == 0 && int(s.killed.Load()) < s.opt.Kills {
			if err := s.settle(ctx, false); err != nil {
				return err
			}
		}
	}
	if s.opt.Kills > 0 {
		s.awaitWrite(ctx)
		return s.settle(ctx, false)
	}
	return nil
}

func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// chooseVictims takes one node, often the leader; sometimes two, sometimes all.
func (s *soak) chooseVictims(rng *rand.Rand, most int) []*node {
	order, kind := rng.Perm(len(s.nodes)), rng.IntN(100)
	n := 1
	switch {
	case kind < 5:
		n = 3
	case kind < 15:
		n = 2
	}
	var victims []*node
	if n == 1 && kind < 45 {
		if leader := s.leading(); leader != nil {
			return []*node{leader}
		}
	}
	for _, i := range order[:min(n, most)] {
		victims = append(victims, s.nodes[i])
	}
	return victims
}

// leading is the node that led when somebody looked last.
func (s *soak) leading() *node {
	name := s.leader.Load()
	for _, n := range s.nodes {
		if name != nil && n.name == *name {
			return n
		}
	}
	return nil
}

// names are those of nodes.
func names(nodes []*node) (all []string) {
	for _, n := range nodes {
		all = append(all, n.name)
	}
	return all
}

// kill kills nodes at one moment and starts them again after a while.
func (s *soak) kill(ctx context.Context, victims []*node, dwell time.Duration) error {
	kind := "killed: a follower"
	switch {
	case len(victims) > 1:
		kind = fmt.Sprintf("killed: %d nodes", len(victims))
	case victims[0] == s.leading():
		kind = "killed: the leader"
	}
	kind = kindOf(kind, len(victims) == 1, s.ground.healthy(settledAfter))
	who := names(victims)
	done := s.ground.breaks(time.Second, who...)
	defer done()
	s.log.note("KILL %s (%s), start again after %v", strings.Join(who, ", "), kind, dwell)
	s.figures.fault(kind, time.Now())
	var killing sync.WaitGroup
	for _, n := range victims {
		killing.Go(n.kill9)
	}
	killing.Wait()
	s.killed.Add(int64(len(victims)))
	if err := wait(ctx, dwell); err != nil {
		return err
	}
	return s.startAgain(ctx, victims...)
}

// startAgain starts nodes and waits until their own doors answer.
func (s *soak) startAgain(ctx context.Context, nodes ...*node) error {
	for _, n := range nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	var errs []error
	for _, n := range nodes {
		err := n.answers(ctx, startWithin)
		if err != nil && ctx.Err() == nil {
			s.verdicts.Add(history.Violation{Kind: history.Lost, Where: n.name, At: time.Now(), What: "it does not come back: " + err.Error()})
		}
		errs = append(errs, err)
	}
	s.log.note("STARTED %s", strings.Join(names(nodes), ", "))
	return errors.Join(errs...)
}

// awaitWrite waits until a write was accepted since the last fault.
func (s *soak) awaitWrite(ctx context.Context) {
	for deadline := time.Now().Add(writeWithin); s.figures.waiting() && time.Now().Before(deadline); {
		if wait(ctx, 10*time.Millisecond) != nil {
			return
		}
	}
}
