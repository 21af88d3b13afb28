package bench

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

const scaleText = `triggerd alone. How blackholes: three nodes, loaded over the bulk path up to each size; how nodes: two triggers, a witness and
speakers that announce too. Of one more blackhole: milliseconds from Enter at a live session to the answer and to both routers from every node,
p50 / p99 / max; processor time is that of all nodes together for one write, once the snapshots and digests that the load calls for are made. Memory is that of the largest node: resident at rest, and at most. Idle is the share of a core of the busiest node when nobody asks anything of it.`

func scaleParts(e *env) []string { return []string{"blackholes", "nodes"} }

var scaleColumns = []string{"loaded in", "writes", "answer", "from every node", "processor per write", "memory at rest", "at most", "idle"}

func scaleSection(ctx context.Context, e *env, out *Section) error {
	if e.opt.wants("scale/blackholes/") {
		if err := e.scaleHoles(ctx, out); err != nil {
			return err
		}
	}
	if !e.opt.wants("scale/nodes/") {
		return nil
	}
	t := Table{Name: "nodes", Title: fmt.Sprintf("nodes, with %d blackholes", e.effort.atNodes), Columns: scaleColumns}
	for _, n := range e.effort.nodes {
		e.say("scale/nodes: %d", n)
		e.made++
		c := newCluster(e, fmt.Sprintf("scale%d", e.made), 2, n-3)
		c.monitor = false
		t.Rows = append(t.Rows, Row{fmt.Sprint(n), e.scaleNodes(ctx, c)})
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	out.Tables = append(out.Tables, t)
	return nil
}

// scaleNodes measures a cluster of some size.
func (e *env) scaleNodes(ctx context.Context, c *triggerd) []Cell {
	defer c.close()
	if err := e.launch(ctx, c); err != nil {
		return []Cell{nothing("it did not start: %s", short(err))}
	}
	return e.scaleCells(ctx, c, 0, e.effort.atNodes)
}

// scaleHoles goes up the sizes in one cluster.
func (e *env) scaleHoles(ctx context.Context, out *Section) error {
	t := Table{Name: "blackholes", Title: "blackholes, three nodes", Columns: scaleColumns}
	s := e.begin(ctx, "triggerd")
	if s == nil {
		return nil
	}
	defer s.close()
	have := 0
	for _, n := range e.effort.scale {
		e.say("scale/blackholes: %d", n)
		t.Rows = append(t.Rows, Row{fmt.Sprint(n), e.scaleCells(ctx, s.(*triggerd), have, n)})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		have = n
	}
	out.Tables = append(out.Tables, t)
	return nil
}

// scaleCells goes from some blackholes to more, and measures there.
func (e *env) scaleCells(ctx context.Context, s *triggerd, have, want int) []Cell {
	all := hosts(standBlock, have, want-have)
	c := contestant{name: "triggerd-bulk", system: "triggerd", door: "bulk"}
	began := time.Now()
	const step = 50_000 // so that a size that takes too long says how far it came
	for len(all) > 0 {
		some := all[:min(step, len(all))]
		if note := e.insist(ctx, c, s, some); note != "" {
			return []Cell{nothing("%d were there: %s", want-len(all), note)}
		}
		all = all[len(some):]
	}
	loaded := seconds(time.Since(began))
	e.rest(ctx, s)
	r := e.runner(contestants[0], s, "")
	before := s.usages()
	e.interleave(ctx, []*runner{r}, 0)
	after := s.usages()
	idle := e.idleOf(ctx, s)
	rest := s.usages()
	count := number(float64(len(r.took[0].ack)+len(r.took[1].ack)), "")
	count.Note = r.note
	both := r.took[0].both
	return []Cell{
		loaded, count, ofTries(append(r.took[0].ack, r.took[1].ack...), ""), ofTries(append(both, r.took[1].both...), ""),
		number(millis(cpuOf(before, after))/max(1, *count.Value), "ms"),
		mebibytes(largest(rest, func(u usage) int64 { return u.rss })), mebibytes(largest(rest, func(u usage) int64 { return u.peak })), idle,
	}
}

// insist loads blackholes, and what is missing again when the cluster refused some:
// fifty nodes on two cores lose their leader now and then. What was accepted and is only
// late at a router is waited for.
func (e *env) insist(ctx context.Context, c contestant, s *triggerd, some []netip.Prefix) (note string) {
	w := e.routers.expect(sink.Announce, some, s.nodes()...)
	for range 5 {
		if _, note = e.bulkUnder(ctx, c, s, some, w); note == "" || ctx.Err() != nil {
			return note
		}
		within, cancel := context.WithTimeout(ctx, 30*time.Second)
		_ = until(within, func() error { return s.complete(within) })
		cancel()
		some = w.unseen()
		e.say("  %s; %d again", note, len(some))
	}
	return note
}

func (t *triggerd) usages() (all []usage) {
	for _, m := range t.members {
		all = append(all, usageOf(m.proc.pid()))
	}
	return all
}

func cpuOf(before, after []usage) (sum time.Duration) {
	for i := range after {
		sum += after[i].cpu - before[i].cpu
	}
	return sum
}

func largest(all []usage, of func(usage) int64) (most int64) {
	for _, u := range all {
		most = max(most, of(u))
	}
	return most
}

const (
	restWithin = 2 * time.Minute
	restLook   = time.Second
	restLooks  = 5 // quiet ones in a row
	restShare  = 0.05
)

// rest waits until the nodes have done what a load leaves to do: each takes little of a
// core for some seconds. What goes on for longer counts.
func (e *env) rest(ctx context.Context, s *triggerd) {
	ctx, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	for quiet, before := 0, s.usages(); quiet < restLooks; quiet++ {
		select {
		case <-time.After(restLook):
		case <-ctx.Done():
			return
		}
		after := s.usages()
		if cpuOf(before, after).Seconds() > restShare*restLook.Seconds()*float64(len(after)) {
			quiet = -1
		}
		before = after
	}
}

// memorySettles is how long a node needs to tidy up.
const memorySettles = 12 * time.Second

// idleOf is the processor time of a node that nobody asks anything, as a share of
// one core; the busiest node's.
func (e *env) idleOf(ctx context.Context, s *triggerd) Cell {
	if pause(ctx, memorySettles) != nil { // what the writes have left behind is tidied up meanwhile
		return Cell{}
	}
	before, began := s.usages(), time.Now()
	if pause(ctx, e.effort.idle) != nil {
		return Cell{}
	}
	took, most := time.Since(began), time.Duration(0)
	for i, u := range s.usages() {
		most = max(most, u.cpu-before[i].cpu)
	}
	return number(100*most.Seconds()/took.Seconds(), "%")
}
