package soak

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

// How often what is looked at. A node that is frozen answers nothing, so each is
// asked by a goroutine of its own.
const (
	lookEvery   = time.Second
	listEvery   = 4 * time.Second
	lookWithin  = 3 * time.Second
	forgetEvery = time.Minute
	forgetAfter = 3 * time.Minute
)

// watch looks at nodes and routers until ctx ends.
func (s *soak) watch(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for _, n := range s.nodes {
		asking.Go(func() { s.watchNode(ctx, n) })
	}
	sweep, forget := time.NewTicker(lookEvery), time.NewTicker(forgetEvery)
	defer sweep.Stop()
	defer forget.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			s.wire.Sweep(time.Now())
		case <-forget.C:
			s.book.Forget(time.Now().Add(-forgetAfter))
		}
	}
}

func (s *soak) watchNode(ctx context.Context, n *node) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var listed time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.lookAt(ctx, n)
		if time.Since(listed) >= listEvery {
			listed = time.Now()
			_, _ = s.list(ctx, n) // a node that is down has no list
		}
	}
}

// lookAt takes the digests and the leader from what a node says of the cluster.
func (s *soak) lookAt(ctx context.Context, n *node) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	var c clusterJSON
	if n.asks(ctx, "show cluster json", &c) != nil {
		return
	}
	s.noteDigests(n, c)
	if c.Leader != "" && c.Majority {
		s.leader.Store(&c.Leader)
	}
}

func (s *soak) noteDigests(n *node, c clusterJSON) {
	for _, m := range c.Members {
		s.digests.Note(m.Name, m.DigestIndex, m.Digest, time.Now())
		if m.Digest != "" && !m.DigestAgrees {
			s.verdicts.Add(history.Violation{Kind: history.Diverged, Where: m.Name, At: time.Now(),
				What: fmt.Sprintf("%s says that its digest at index %d differs", n.name, m.DigestIndex)})
		}
	}
}

// blackholeJSON is one of `show blackhole json`, as far as needed.
type blackholeJSON struct {
	Prefix       netip.Prefix
	Customer     string
	RouteMap     string
	Since, Until string
	LeftSeconds  *int64
	Index        uint64
	UpdatedIndex uint64
}

// list asks a node for all blackholes and judges the list when it is fresh.
func (s *soak) list(ctx context.Context, n *node) (holes []blackholeJSON, fresh bool) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	var answer struct {
		AsOfIndex  *uint64
		Blackholes []blackholeJSON
	}
	from := time.Now()
	if err := n.asks(ctx, "show blackhole json", &answer); err != nil || answer.AsOfIndex != nil {
		return nil, false
	}
	to := time.Now()
	listed := map[netip.Prefix]bool{}
	for _, h := range answer.Blackholes {
		listed[h.Prefix] = true
	}
	s.book.CheckList(n.name, listed, from, to, s.verdicts)
	return answer.Blackholes, true
}

// progressEvery is how often people are told that it goes on.
const progressEvery = 5 * time.Second

func (s *soak) progress(ctx context.Context) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		acknowledged, refused, unknown := s.figures.counts()
		n := s.verdicts.Count()
		s.log.say("%4.0f s: %d of %d kills, %d faults; %d acknowledged, %d refused, %d unknown; %d lost, %d revived, %d diverged, %d withdrawals",
			time.Since(s.began).Seconds(), s.killed.Load(), s.opt.Kills, s.faulted.Load(), acknowledged, refused, unknown,
			n[history.Lost], n[history.Revived], n[history.Diverged], n[history.Withdrawal])
	}
}
