package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

const oneText = `From the moment when Enter is pressed (the command is written) to the answer, and until the route was read from the
socket at both routers: from the node that it was typed at, and from every node. Milliseconds: p50 / p99 / max. Tries are interleaved. A row
that takes over its time is cut and says so. Whoever is one node replicates nothing, and has no row where the other of two is killed: there only
the node that is typed at is measured, and the script of the two FRR runs when the customer has his answer.`

// oneParts are the conditions under which one blackhole is made.
func oneParts(e *env) []string {
	parts := []string{"alone"}
	for _, n := range e.effort.standing {
		parts = append(parts, fmt.Sprintf("standing-%d", n))
	}
	return append(parts, "table", "follower")
}

var oneColumns = []string{"tries", "announce: answer", "from that node", "from both", "withdraw: answer", "from that node", "from both"}

// runner is a row at work.
type runner struct {
	contestant
	sys   system
	door  door
	node  string   // that is typed at
	nodes []string // that should announce
	spent time.Duration
	tries int
	took  [2]timings // announce, withdraw
	note  string     // why it was cut, or is nothing
	over  bool
}

// timings are the samples of a row.
type timings struct{ ack, one, both []time.Duration }

// oneSection runs the parts one after the other, each with fresh systems.
func oneSection(ctx context.Context, e *env, out *Section) error {
	for _, n := range append([]int{0}, e.effort.standing...) {
		part, title := "alone", "one blackhole"
		if n > 0 {
			part, title = fmt.Sprintf("standing-%d", n), fmt.Sprintf("with %d standing", n)
		}
		if err := e.together(ctx, out, part, title, n); err != nil {
			return err
		}
	}
	if err := e.nextDoor(ctx, out); err != nil {
		return err
	}
	return e.followerRestarts(ctx, out)
}

// wanted are the contestants asked for in a part.
func (e *env) wanted(section, part string) (rows []contestant) {
	for _, c := range contestants {
		if e.opt.wants(section + "/" + part + "/" + c.name) {
			rows = append(rows, c)
		}
	}
	return rows
}

// together lets all contestants run at once.
func (e *env) together(ctx context.Context, out *Section, part, title string, standing int) error {
	rows := e.wanted("one", part)
	if len(rows) == 0 {
		return nil
	}
	e.say("%s/%s", out.Name, part)
	systems := map[string]system{}
	defer func() {
		for _, s := range systems {
			s.close()
		}
	}()
	notes := map[string]string{}
	var runners []*runner
	for _, c := range rows {
		s, known := systems[c.system]
		if !known && notes[c.system] == "" {
			if s = e.begin(ctx, c.system); s == nil {
				notes[c.system] = "could not run here, see below"
			} else {
				if systems[c.system] = s; standing > 0 {
					notes[c.system] = e.bulkOf(ctx, s, hosts(standBlock, 0, standing))
				}
			}
		}
		runners = append(runners, e.runner(c, s, notes[c.system]))
	}
	e.interleave(ctx, runners, 0)
	out.Tables = append(out.Tables, oneTable(part, title, runners))
	return ctx.Err()
}

// runner opens the door of a row.
func (e *env) runner(c contestant, s system, note string) *runner {
	r := &runner{contestant: c, sys: s, note: note, over: note != ""}
	if r.over {
		return r
	}
	r.nodes = s.nodes()
	r.node = r.nodes[0]
	var err error
	if r.door, err = s.open(c.door); err != nil {
		r.note, r.over = short(err), true
	}
	return r
}

// interleave lets every row have its tries in turn, each time in another order.
func (e *env) interleave(ctx context.Context, rows []*runner, pause time.Duration) {
	for i := range e.effort.tries {
		for j := range rows {
			r := rows[(i+j)%len(rows)]
			if r.over || ctx.Err() != nil {
				continue
			}
			time.Sleep(pause)
			p := hosts(tryBlock, (i*len(rows)+(i+j)%len(rows))%(1<<16), 1)
			for k, c := range []change{{false, p}, {true, p}} {
				if err := e.try(ctx, r, c, &r.took[k]); err != nil {
					r.cut(err, e.effort.cell)
					break
				}
			}
			if r.tries++; !r.over && r.spent > e.effort.cell && i+1 < e.effort.tries {
				r.over, r.note = true, fmt.Sprintf("cut after %d tries: %.0f s were over", r.tries, e.effort.cell.Seconds())
			}
		}
	}
	for _, r := range rows {
		if r.door != nil {
			r.door.close()
		}
		if r.note != "" {
			e.say("  %s: %s", r.name, r.note)
		}
	}
}

var errCellOver = errors.New("its time was over")

func (r *runner) cut(err error, cell time.Duration) {
	r.over = true
	if errors.Is(err, errCellOver) {
		r.note = fmt.Sprintf("cut after %d whole tries: %.0f s were over", r.tries, cell.Seconds())
		return
	}
	r.note = fmt.Sprintf("ended after %d whole tries: %s", r.tries, short(err))
}

// try makes one change and times it.
func (e *env) try(ctx context.Context, r *runner, c change, t *timings) error {
	began := time.Now()
	defer func() { r.spent += time.Since(began) }()
	ctx, cancel := context.WithTimeoutCause(ctx, max(e.effort.cell-r.spent, 5*time.Second), errCellOver)
	defer cancel()
	kind := sink.Announce
	if c.withdraw {
		kind = sink.Withdraw
	}
	do, err := r.door.prepare(c)
	if err != nil {
		return err
	}
	w := e.routers.expect(kind, c.prefixes, r.nodes...)
	start := time.Now()
	if err := do(ctx); err != nil {
		return err
	}
	answered := time.Now()
	if err := w.wait(ctx); err != nil {
		return err
	}
	if !r.silent {
		t.ack = append(t.ack, answered.Sub(start))
	}
	t.one = append(t.one, w.lastFrom(r.node).Sub(start))
	if len(r.nodes) > 1 {
		t.both = append(t.both, w.lastFrom("").Sub(start))
	}
	return nil
}

// oneTable makes the rows.
func oneTable(part, title string, rows []*runner) Table {
	t := Table{Name: part, Title: title, Columns: oneColumns}
	for _, r := range rows {
		count := number(float64(len(r.took[1].one)), "")
		count.Note = r.note
		cells := []Cell{count}
		for _, k := range r.took {
			cells = append(cells, ofTries(k.ack, ""), ofTries(k.one, ""), ofTries(k.both, ""))
		}
		t.Rows = append(t.Rows, Row{r.title, cells})
	}
	return t
}
