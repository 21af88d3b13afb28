package bench

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// bulkTook is what one bulk took.
type bulkTook struct{ ack, first, last time.Duration }

// bulkOnce announces many at once over a fresh door, and returns why it could not.
func (e *env) bulkOnce(ctx context.Context, c contestant, s system, all []netip.Prefix) (took bulkTook, note string) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.effort.cell, errCellOver)
	defer cancel()
	d, err := s.open(c.door)
	if err != nil {
		return took, short(err)
	}
	defer d.close()
	do, err := d.prepare(change{false, all})
	if err != nil {
		return took, short(err)
	}
	w := e.routers.expect(sink.Announce, all, s.nodes()...)
	start := time.Now()
	err = do(ctx)
	took.ack = time.Since(start)
	if err == nil {
		err = w.wait(ctx)
	}
	if err != nil {
		least, _ := w.seen()
		return took, fmt.Sprintf("cut: %d of %d at every router after %.0f s (%s)", least, len(all), time.Since(start).Seconds(), short(err))
	}
	took.first, took.last = w.firstFrom("").Sub(start), w.lastFrom("").Sub(start)
	return took, ""
}

const bulkText = `Many at once, by the fastest way that each has; seconds until the answer, until the first route and until the last was at both
routers from every node. Memory and processor time are those of the node that was typed at (for daemons of several processes their sum), memory
as resident afterwards and at most.`

func bulkParts(e *env) (parts []string) {
	for _, n := range e.effort.bulk {
		parts = append(parts, fmt.Sprint(n))
	}
	return parts
}

// bulkRows are the contestants that have a way for many.
func bulkRows(all []contestant) []contestant {
	var rows []contestant
	for _, c := range all {
		switch c.name {
		case "triggerd-command", "frr-vtysh": // a command line has a length
		default:
			rows = append(rows, c)
		}
	}
	return rows
}

// bulkSection makes each size with a fresh system for every row, one after the
// other: at once they would only wait for one another.
func bulkSection(ctx context.Context, e *env, out *Section) error {
	for _, n := range e.effort.bulk {
		part := fmt.Sprint(n)
		t := Table{Name: part, Title: fmt.Sprintf("%d blackholes at once", n), Columns: []string{"answer", "first at both", "last at both", "memory", "at most", "processor"}}
		for _, c := range bulkRows(e.wanted("bulk", part)) {
			e.say("bulk/%s/%s", part, c.name)
			t.Rows = append(t.Rows, Row{c.title, e.bulkCells(ctx, c, n)})
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if len(t.Rows) > 0 {
			out.Tables = append(out.Tables, t)
		}
	}
	return nil
}

func (e *env) bulkCells(ctx context.Context, c contestant, n int) []Cell {
	s := e.begin(ctx, c.system)
	if s == nil {
		return []Cell{nothing("could not run here, see below"), {}, {}, {}, {}, {}}
	}
	defer s.close()
	before := usageOf(s.processes()[0].pid())
	took, note := e.bulkOnce(ctx, c, s, hosts(standBlock, 0, n))
	after := usageOf(s.processes()[0].pid())
	memory := []Cell{mebibytes(after.rss), mebibytes(after.peak), seconds(after.cpu - before.cpu)}
	if note != "" {
		return append([]Cell{nothing("%s", note), {}, {}}, memory...)
	}
	ack := seconds(took.ack)
	if c.silent {
		ack = nothing("nothing says when it is done")
	}
	return append([]Cell{ack, seconds(took.first), seconds(took.last)}, memory...)
}

// bulkOf makes the prefixes stand, by the way of a system that is the fastest.
func (e *env) bulkOf(ctx context.Context, s system, all []netip.Prefix) string {
	for _, c := range contestants {
		if c.system == systemOf(s) && (c.system != "triggerd" || c.door == "bulk") {
			_, note := e.bulkOnce(ctx, c, s, all)
			return note
		}
	}
	return "no way is known"
}

func systemOf(s system) string {
	switch s.(type) {
	case *triggerd:
		return "triggerd"
	case *frrsync:
		return "frrsync"
	case *frr:
		return "frr"
	case *bird:
		return "bird"
	case *exabgp:
		return "exabgp"
	case *openbgpd:
		return "openbgpd"
	}
	return "gobgpd"
}
