package bench

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// fed is a system that takes a whole table from a neighbor beside its routers.
type fed interface{ feedAt() netip.AddrPort }

// feedAt is the monitor's port of the first trigger.
func (t *triggerd) feedAt() netip.AddrPort { return t.members[0].mon }

// feeding sends a whole table to a system, ends the session, and begins again.
type feeding struct {
	stop context.CancelFunc
	done chan struct{}
	sent atomic.Int64 // whole tables
}

// betweenTries lets the tries see all of what goes on beside them.
const betweenTries = 50 * time.Millisecond

// feedLoop starts it.
func feedLoop(ctx context.Context, f *feed, at netip.AddrPort) *feeding {
	ctx, cancel := context.WithCancel(ctx)
	g := &feeding{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(g.done)
		for ctx.Err() == nil {
			closeIt, err := sendTable(ctx, f, at)
			if err == nil {
				g.sent.Add(1)
				select { // what lies in buffers is read too
				case <-time.After(2 * time.Second):
				case <-ctx.Done():
				}
			}
			closeIt()
		}
	}()
	return g
}

// sendTable opens a session and sends the whole table; closeIt ends the session.
func sendTable(ctx context.Context, f *feed, at netip.AddrPort) (closeIt func(), err error) {
	up := make(chan struct{}, 64)
	s, err := sink.New(sink.Config{LocalAS: feederAS, RouterID: feederAddr, RemoteAS: triggerAS, NoTable: true, Pause: 100 * time.Millisecond,
		OnEvent: func(e sink.Event) {
			if e.Kind == sink.Established {
				select {
				case up <- struct{}{}:
				default:
				}
			}
		}})
	if err != nil {
		return func() {}, err
	}
	if err := s.Dial("system", at, feederAddr); err != nil {
		return s.Close, err
	}
	select {
	case <-up:
	case <-ctx.Done():
		return s.Close, ctx.Err()
	}
	for some := range slices.Chunk(f.messages, 64<<10) {
		if ctx.Err() != nil {
			return s.Close, ctx.Err()
		}
		if err := s.Send("system", some); err != nil {
			return s.Close, err
		}
	}
	return s.Close, nil
}

func (g *feeding) end() int64 {
	g.stop()
	<-g.done
	return g.sent.Load()
}

// nextDoor gives one system after the other a whole table, again and again, while
// blackholes are made: at once they would only wait for one another.
func (e *env) nextDoor(ctx context.Context, out *Section) error {
	rows := e.wanted("one", "table")
	if len(rows) == 0 {
		return nil
	}
	table, err := fullTable(e.effort.table)
	if err != nil {
		return err
	}
	e.say("%s/table: %d routes, %s", out.Name, len(table.rows), table.source)
	var all []*runner
	for len(rows) > 0 && ctx.Err() == nil {
		name := rows[0].system
		same := slices.DeleteFunc(slices.Clone(rows), func(c contestant) bool { return c.system != name })
		rows = slices.DeleteFunc(rows, func(c contestant) bool { return c.system == name })
		all = append(all, e.beside(ctx, name, same, table)...)
	}
	title := fmt.Sprintf("while a neighbor sends %d routes, and goes, and sends them again", len(table.rows))
	out.Tables = append(out.Tables, oneTable("table", title, all))
	return ctx.Err()
}

// beside measures one system beside a table.
func (e *env) beside(ctx context.Context, name string, rows []contestant, table *feed) (all []*runner) {
	s := e.begin(ctx, name)
	if s == nil {
		for _, c := range rows {
			all = append(all, &runner{contestant: c, note: "could not run here, see below"})
		}
		return all
	}
	defer s.close()
	g := feedLoop(ctx, table, s.(fed).feedAt())
	for _, c := range rows {
		all = append(all, e.runner(c, s, ""))
	}
	e.interleave(ctx, all, betweenTries)
	if n := g.end(); n > 0 {
		e.say("  %s: %d tables sent", name, n)
	}
	return all
}

// followerRestarts kills and starts a follower again and again while blackholes
// are made at the leader. Whoever has no follower, or a script that stops when
// the other does not answer, has no row.
func (e *env) followerRestarts(ctx context.Context, out *Section) error {
	rows := slices.DeleteFunc(e.wanted("one", "follower"), func(c contestant) bool { return c.system != "triggerd" })
	if len(rows) == 0 {
		return nil
	}
	e.say("%s/follower", out.Name)
	s := e.begin(ctx, "triggerd")
	if s == nil {
		return nil
	}
	defer s.close()
	t := s.(*triggerd)
	leader, err := t.leader(ctx)
	if err != nil || leader > 1 {
		return fmt.Errorf("follower: no trigger leads: %w", err)
	}
	var all []*runner
	for _, c := range rows {
		r := &runner{contestant: c, sys: t, node: t.members[leader].name, nodes: []string{t.members[leader].name}}
		if r.door, err = t.openAt(c.door, leader); err != nil {
			r.over, r.note = true, short(err)
		}
		all = append(all, r)
	}
	during, stop := context.WithCancel(ctx)
	count := make(chan int)
	go func() { count <- t.restarts(during, t.members[1-leader]) }()
	e.interleave(ctx, all, betweenTries)
	stop()
	out.Tables = append(out.Tables, oneTable("follower", fmt.Sprintf("while the other trigger is killed and started again (%d times)", <-count), all))
	return ctx.Err()
}

// restarts kills a member and starts it, until the context ends.
func (t *triggerd) restarts(ctx context.Context, m *member) (count int) {
	for ctx.Err() == nil {
		m.proc.kill9()
		if t.run(m) != nil {
			break
		}
		count++
		_ = until(ctx, func() error { return t.complete(ctx) })
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return count
}
