package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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
			closeIt, err := sendTable(ctx, f, at, func(error) {})
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

// sendTable opens a session and sends the whole table; closeIt ends the session. lost
// hears of every end of it: it comes again, without the table.
func sendTable(ctx context.Context, f *feed, at netip.AddrPort, lost func(error)) (closeIt func(), err error) {
	up := make(chan struct{}, 64)
	var was atomic.Bool
	s, err := sink.New(sink.Config{LocalAS: feederAS, RouterID: feederAddr, RemoteAS: triggerAS, NoTable: true, Pause: 100 * time.Millisecond,
		OnEvent: func(e sink.Event) {
			switch {
			case e.Kind == sink.Established:
				was.Store(true)
				select {
				case up <- struct{}{}:
				default:
				}
			case e.Kind == sink.Down && was.Load():
				lost(fmt.Errorf("the session that sent the table has ended: %w", e.Err))
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
	for some := range wholeMessages(f.messages, 64<<10) {
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

// pair is a system of two, one of which is typed at while the other is away.
type pair interface {
	system
	restartable
	// roles says who is typed at, and who may be killed meanwhile: places in nodes.
	roles(context.Context) (typed, other int, err error)
	// openApart opens a door at the node that is typed at.
	openApart(door string, typed int) (door, error)
}

// roles takes the follower for the other: what the death of the leader costs is
// another question.
func (t *triggerd) roles(ctx context.Context) (typed, other int, err error) {
	leader, err := t.leader(ctx)
	if err == nil && leader > 1 {
		err = errors.New("no trigger leads")
	}
	return leader, 1 - leader, err
}

func (t *triggerd) openApart(door string, typed int) (door, error) { return t.openAt(door, typed) }

func (s *frrsync) roles(context.Context) (typed, other int, err error) { return 0, 1, nil }

func (s *frrsync) openApart(string, int) (door, error) {
	d, err := s.open("")
	if err == nil {
		d.(*syncDoor).apart = true
	}
	return d, err
}

// followerRestarts kills and starts the other of two again and again while
// blackholes are made. Whoever is a single daemon has no other, and no row.
func (e *env) followerRestarts(ctx context.Context, out *Section) error {
	var all []*runner
	for _, name := range []string{"triggerd", "frrsync"} {
		rows := slices.DeleteFunc(e.wanted("one", "follower"), func(c contestant) bool { return c.system != name })
		if len(rows) > 0 && ctx.Err() == nil {
			e.say("%s/follower: %s", out.Name, name)
			all = append(all, e.besideRestarts(ctx, name, rows)...)
		}
	}
	if len(all) > 0 {
		out.Tables = append(out.Tables, oneTable("follower", "while the other of two is killed and started, again and again", all))
	}
	return ctx.Err()
}

// besideRestarts measures one pair.
func (e *env) besideRestarts(ctx context.Context, name string, rows []contestant) (all []*runner) {
	for _, c := range rows {
		all = append(all, &runner{contestant: c, over: true, note: "could not run here, see below"})
	}
	s := e.begin(ctx, name)
	if s == nil {
		return all
	}
	defer s.close()
	p := s.(pair)
	typed, other, err := p.roles(ctx)
	for _, r := range all {
		if err == nil {
			r.door, err = p.openApart(r.contestant.door, typed)
		}
		if err != nil {
			r.note = short(err)
			continue
		}
		r.sys, r.note, r.over = s, "", false
		r.node, r.nodes = s.nodes()[typed], s.nodes()[typed:typed+1]
	}
	during, stop := context.WithCancel(ctx)
	count := make(chan int)
	go func() { count <- e.restarts(during, p, other) }()
	e.interleave(ctx, all, betweenTries)
	stop()
	meanwhile := fmt.Sprintf("the other was killed and started %d times meanwhile", <-count)
	for _, r := range all {
		r.note = strings.TrimPrefix(r.note+"; "+meanwhile, "; ")
	}
	return all
}

// restarts kills a process of a system and starts it, until the context ends.
func (e *env) restarts(ctx context.Context, s pair, victim int) (count int) {
	for ctx.Err() == nil {
		if e.fell(ctx, s, victim) != nil || s.again(ctx, victim) != nil {
			break
		}
		count++
		_ = e.whole(ctx, s)
		_ = pause(ctx, time.Second)
	}
	return count
}
