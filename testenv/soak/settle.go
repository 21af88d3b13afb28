package soak

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

// How long everything may take to be right again when nothing is broken any more
// and nobody writes.
const (
	completeWithin = 40 * time.Second
	routersWithin  = 30 * time.Second
	listsWithin    = 20 * time.Second
	digestsWithin  = 13 * time.Second // and twice that when blackholes may still be ending
)

// settle holds the load, waits until everything should be right, and looks at
// all of it. At the end of the soak the load stays held.
func (s *soak) settle(ctx context.Context, last bool) error {
	s.figures.drop()
	open := s.gate.close()
	if !last {
		defer open()
	}
	if err := s.awaitComplete(ctx, completeWithin); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.verdicts.Add(history.Violation{Kind: history.Lost, Where: "the cluster", At: time.Now(),
			What: "it does not come together though nothing is broken any more: " + err.Error()})
		return nil
	}
	s.awaitRouters(ctx, routersWithin)
	s.wire.Final(time.Now())
	s.compareLists(ctx)
	if last {
		s.compareDigests(ctx)
		s.endContest()
	}
	return ctx.Err()
}

// awaitRouters waits until the routers have what they should; it returns what
// is still missing.
func (s *soak) awaitRouters(ctx context.Context, within time.Duration) (why string) {
	deadline := time.Now().Add(within)
	for {
		n, example := s.wire.Differs(time.Now())
		if n == 0 {
			return ""
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Sprintf("%d differences, such as %s", n, example)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// compareLists compares what the nodes list with the book and with one another.
func (s *soak) compareLists(ctx context.Context) {
	lists := map[string][]blackholeJSON{}
	deadline := time.Now().Add(listsWithin)
	for len(lists) < len(s.nodes) && time.Now().Before(deadline) && ctx.Err() == nil {
		clear(lists) // all within a moment
		for _, n := range s.nodes {
			if holes, fresh := s.list(ctx, n); fresh {
				lists[n.name] = holes
			}
		}
	}
	if ctx.Err() != nil {
		return
	}
	first := s.nodes[0].name
	for _, n := range s.nodes {
		holes, ok := lists[n.name]
		if !ok {
			s.verdicts.Add(history.Violation{Kind: history.Lost, Where: n.name, At: time.Now(),
				What: "it has no fresh list of blackholes though nothing is broken any more"})
			continue
		}
		if where, what := differ(lists[first], holes); what != "" {
			s.verdicts.Add(history.Violation{Kind: history.Diverged, Prefix: where, Where: n.name, At: time.Now(),
				What: fmt.Sprintf("its list and that of %s differ: %s", first, what), Story: s.book.Story(where)})
		}
	}
}

// nearEnd is how many seconds before its end a blackhole is not compared: one
// node was asked before it, another after it.
const nearEnd = 5

// differ finds a difference between two lists. A blackhole about to end may be
// in one only.
func differ(a, b []blackholeJSON) (where netip.Prefix, what string) {
	key := func(h blackholeJSON) string { return h.Prefix.String() + " " + h.Customer }
	text := func(h blackholeJSON) string {
		return fmt.Sprintf("index %d updated %d since %s until %s route-map %s", h.Index, h.UpdatedIndex, h.Since, h.Until, h.RouteMap)
	}
	left := map[string]blackholeJSON{}
	for _, h := range a {
		left[key(h)] = h
	}
	for _, h := range b {
		other, ok := left[key(h)]
		delete(left, key(h))
		switch ending := h.LeftSeconds != nil && *h.LeftSeconds < nearEnd; {
		case ending:
		case !ok:
			return h.Prefix, "only there: " + text(h)
		case text(other) != text(h):
			return h.Prefix, text(other) + " and " + text(h)
		}
	}
	for _, h := range left {
		if h.LeftSeconds == nil || *h.LeftSeconds >= nearEnd {
			return h.Prefix, "missing there: " + text(h)
		}
	}
	return netip.Prefix{}, ""
}

// compareDigests waits until all nodes tell a digest of the same index. They
// renew it now and then, so it takes some seconds; each pair at one index is
// judged as it comes.
func (s *soak) compareDigests(ctx context.Context) {
	within := digestsWithin
	if s.opt.Faults > 0 {
		within *= 2
	}
	deadline := time.Now().Add(within)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		var c clusterJSON
		if s.nodes[0].asks(ctx, "show cluster json", &c) == nil {
			s.noteDigests(s.nodes[0], c)
			same := len(c.Members) > 0
			for _, m := range c.Members {
				same = same && m.Digest != "" && m.DigestIndex == c.Members[0].DigestIndex
			}
			if same {
				s.log.say("digests compared: %d nodes at index %d", len(c.Members), c.Members[0].DigestIndex)
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond):
		}
	}
	s.log.say("the nodes have not told digests of one index within %v; their lists were equal or told above", within)
}

func (s *soak) endContest() {
	judged, open, reads := s.contest.finish()
	s.log.say("histories of contested prefixes judged: %d, with %d fresh reads; %d were too hard to decide", judged, reads, open)
}
