package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// bulkTook is what one bulk took.
type bulkTook struct{ ack, first, last time.Duration }

// bulkOnce announces many at once over a fresh door, and returns why it could not.
func (e *env) bulkOnce(ctx context.Context, c contestant, s system, all []netip.Prefix) (took bulkTook, note string) {
	return e.bulkUnder(ctx, c, s, all, e.routers.expect(sink.Announce, all, s.nodes()...))
}

// bulkUnder does it and waits until a watch has seen all that it looks for.
func (e *env) bulkUnder(ctx context.Context, c contestant, s system, all []netip.Prefix, w *watch) (took bulkTook, note string) {
	ctx, cancel := context.WithTimeoutCause(ctx, e.effort.cell, errCellOver)
	defer cancel()
	d, err := s.open(c.door)
	if err != nil {
		return took, short(err)
	}
	defer d.close()
	do, err := prepareMany(d, c, all)
	if err != nil {
		return took, short(err)
	}
	start := time.Now()
	if len(all) > 0 {
		err = do(ctx)
	}
	took.ack = time.Since(start)
	if err == nil {
		err = w.wait(ctx)
	}
	if err != nil {
		least, of := w.seen()
		why := short(err)
		if errors.Is(context.Cause(ctx), errCellOver) {
			why = errCellOver.Error()
		}
		return took, fmt.Sprintf("cut: %d of %d at every router after %.0f s (%s)", least, of, time.Since(start).Seconds(), why)
	}
	took.first, took.last = w.firstFrom("").Sub(start), w.lastFrom("").Sub(start)
	return took, ""
}

// prepareMany prepares one change, or one after the other where a command takes one.
func prepareMany(d door, c contestant, all []netip.Prefix) (func(context.Context) error, error) {
	if !c.each {
		return d.prepare(change{false, all})
	}
	return func(ctx context.Context) error {
		for i := range all {
			do, err := d.prepare(change{false, all[i : i+1]})
			if err == nil {
				err = do(ctx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}, nil
}

const bulkText = `Many at once; seconds until the answer, until the first route and until the last was at both routers from every node. Commands
that take one are given one after the other, and are cut when their time is over. Each row and size has a fresh system. Memory and processor time
are those of the node that was typed at (for daemons of several processes their sum); memory as resident right afterwards, at rest (12 seconds
later, when a node has tidied up), and at most.`

func bulkParts(e *env) (parts []string) {
	for _, n := range e.effort.bulk {
		parts = append(parts, fmt.Sprint(n))
	}
	return parts
}

// bulkSection makes each size with a fresh system for every row, one after the
// other: at once they would only wait for one another.
func bulkSection(ctx context.Context, e *env, out *Section) error {
	for _, n := range e.effort.bulk {
		part := fmt.Sprint(n)
		t := Table{Name: part, Title: fmt.Sprintf("%d blackholes at once", n), Columns: []string{"answer", "first at both", "last at both", "memory", "at rest", "at most", "processor"}}
		for _, c := range e.wanted("bulk", part) {
			e.say("bulk/%s/%s", part, c.name)
			title := c.title
			if c.each {
				title += " for each"
			}
			t.Rows = append(t.Rows, Row{title, e.bulkCells(ctx, c, n)})
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
		return []Cell{nothing("could not run here, see below")}
	}
	defer s.close()
	before := usageOf(s.processes()[0].pid())
	took, note := e.bulkOnce(ctx, c, s, hosts(standBlock, 0, n))
	after := usageOf(s.processes()[0].pid())
	memory := []Cell{mebibytes(after.rss), e.atRest(ctx, c, s), mebibytes(after.peak), seconds(after.cpu - before.cpu)}
	if note != "" {
		return append([]Cell{nothing("%s", note), {}, {}}, memory...)
	}
	ack := seconds(took.ack)
	if c.silent {
		ack = nothing("nothing says when it is done")
	}
	return append([]Cell{ack, seconds(took.first), seconds(took.last)}, memory...)
}

// atRest is the memory of the node that was typed at when it has tidied up.
func (e *env) atRest(ctx context.Context, c contestant, s system) Cell {
	if e.opt.Quick && c.name != "triggerd-bulk" {
		return nothing("with QUICK=1 one row waits for it")
	}
	if pause(ctx, memorySettles) != nil {
		return Cell{}
	}
	return mebibytes(usageOf(s.processes()[0].pid()).rss)
}

// bulkOf makes the prefixes stand, by the way of a system that is the fastest.
func (e *env) bulkOf(ctx context.Context, s system, all []netip.Prefix) string {
	for _, c := range contestants {
		if c.system == systemOf(s) && !c.each && (c.system != "triggerd" || c.door == "bulk") {
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
