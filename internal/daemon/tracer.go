package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

const (
	queryTrace  = "trace"
	traceWithin = time.Second
)

// tracer asks the announcing nodes what became of a prefix, and answers when
// another node asks.
type tracer struct {
	node   *consensus.Node
	router *router
	not    *suppression
}

// Trace asks everybody who announces at once.
func (t *tracer) Trace(ctx context.Context, p netip.Prefix) []cli.Placement {
	ctx, cancel := context.WithTimeout(ctx, traceWithin)
	defer cancel()
	var mu sync.Mutex
	var all []cli.Placement
	var asked sync.WaitGroup
	for _, m := range t.node.Status(ctx).Members {
		if !m.Role.Announces() {
			continue
		}
		asked.Go(func() {
			place := cli.Placement{Node: m.Name, Silent: m.Silent}
			if m.Self {
				place = t.here(p)
			} else if b, err := t.node.Query(ctx, m.Name, queryTrace, []byte(p.String())); err == nil {
				if json.Unmarshal(b, &place) != nil {
					place = cli.Placement{Node: m.Name} // counts as no answer
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, place)
		})
	}
	asked.Wait()
	slices.SortFunc(all, func(a, b cli.Placement) int { return strings.Compare(a.Node, b.Node) })
	return all
}

// answer is the other side of Trace.
func (t *tracer) answer(_ context.Context, _ string, body []byte) ([]byte, error) {
	p, err := netip.ParsePrefix(string(body))
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	return json.Marshal(t.here(p))
}

// here says how far the prefix has got at this node. A router counts when its
// session carries the prefix's family, and when the route was really written to
// its socket: see [bgp.Speaker.Written].
func (t *tracer) here(p netip.Prefix) cli.Placement {
	place := cli.Placement{Node: t.node.Name(), Answered: true, Suppressed: t.not.has(p)}
	t.node.View(func(s *rtbh.State, _ rtbh.Instant) { place.Applied = s.Index() })
	var written map[netip.Addr]time.Time
	if s := t.router.speaker.Load(); s != nil {
		_, place.Announced = s.AnnouncedRoute(p)
		written = s.Written(p)
	}
	for _, n := range t.router.Neighbors() {
		if n.Monitor || n.Shutdown || !(n.IPv4 && p.Addr().Is4() || n.IPv6 && p.Addr().Is6()) {
			continue
		}
		place.Routers++
		if _, ok := written[n.Addr]; ok && place.Announced {
			place.Written++
		}
	}
	return place
}
