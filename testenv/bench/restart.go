package bench

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

const restartText = `kill -9 with many blackholes standing; milliseconds, p50 / p99 / max of the kills. How long a router was without a route
(from every node together); how long after the kill the next blackhole was accepted, typed at the node that is left, or at the one that was started
again when there is no other; how long after it was started the killed node had all routes at both routers again. A daemon that is alone is
started again at once, as a supervisor does, and so is the first of two FRR, since nobody types at the second; of other pairs after the next
write. What their manuals say keeps routes is done before: write memory, network lines in the file, a file that ExaBGP's process says first.
Nothing keeps what gobgpd was told over its API.`

func restartParts(e *env) (parts []string) {
	for _, n := range e.effort.restart {
		parts = append(parts, fmt.Sprint(n))
	}
	return parts
}

// kill is one row: who is killed.
type kill struct {
	name, title, system string
	victim              func(context.Context, system) (int, error) // place in processes
	alone               bool                                       // who is killed is who is typed at
}

func kills() []kill {
	node := func(i int) func(context.Context, system) (int, error) {
		return func(context.Context, system) (int, error) { return i, nil }
	}
	leads := func(ctx context.Context, s system) (int, error) { return s.(*triggerd).leader(ctx) }
	follows := func(ctx context.Context, s system) (int, error) {
		i, err := s.(*triggerd).leader(ctx)
		return (i + 1) % 2, err
	}
	return []kill{
		{"triggerd-leader", "triggerd, the leader", "triggerd", leads, false},
		{"triggerd-follower", "triggerd, the other trigger", "triggerd", follows, false},
		{"triggerd-witness", "triggerd, the witness", "triggerd", node(2), false},
		{"frr-sync", "two FRR, the first", "frrsync", node(0), true},
		{"frr-sync-second", "two FRR, the second", "frrsync", node(1), false},
		{"frr-telnet", "FRR", "frr", node(0), true},
		{"bird", "BIRD", "bird", node(0), true},
		{"exabgp", "ExaBGP", "exabgp", node(0), true},
		{"openbgpd", "OpenBGPD", "openbgpd", node(0), true},
		{"gobgpd", "gobgpd", "gobgpd", node(0), true},
	}
}

// restartable is a system whose processes can be killed and started again.
type restartable interface {
	// again starts a process that was killed.
	again(ctx context.Context, i int) error
	// keep writes down what stands, as a careful operator of this system does.
	keep(ctx context.Context, all []netip.Prefix) error
}

func restartSection(ctx context.Context, e *env, out *Section) error {
	for _, n := range e.effort.restart {
		part := fmt.Sprint(n)
		t := Table{Name: part, Title: fmt.Sprintf("kill -9 with %d blackholes", n), Columns: []string{"kills", "a router without a route", "next write", "all routes from it again"}}
		for _, k := range kills() {
			if !e.opt.wants("restart/" + part + "/" + k.name) {
				continue
			}
			e.say("restart/%s/%s", part, k.name)
			t.Rows = append(t.Rows, Row{k.title, e.killCells(ctx, k, n)})
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

// losses are what the kills of a row took.
type losses struct{ without, write, complete []time.Duration }

func (e *env) killCells(ctx context.Context, k kill, n int) []Cell {
	s := e.begin(ctx, k.system)
	if s == nil {
		return []Cell{nothing("could not run here, see below"), {}, {}, {}}
	}
	defer s.close()
	defer e.routers.trace.Store(nil)
	all := hosts(standBlock, 0, n)
	t := e.routers.follow(all, s.nodes())
	if note := e.bulkOf(ctx, s, all); note != "" {
		return []Cell{nothing("%s", note), {}, {}, {}}
	}
	if err := s.(restartable).keep(ctx, all); err != nil {
		return []Cell{nothing("%s", short(err)), {}, {}, {}}
	}
	var f losses
	tries, note := 5, ""
	if e.opt.Quick {
		tries = 1
	}
	began := time.Now()
	for i := range tries {
		if err := e.killOnce(ctx, k, s, t, i, &f); err != nil {
			note = fmt.Sprintf("ended after %d whole kills: %s", i, short(err))
			break
		}
		if time.Since(began) > e.effort.cell && i+1 < tries {
			note = fmt.Sprintf("cut after %d kills: %.0f s were over", i+1, e.effort.cell.Seconds())
			break
		}
	}
	count := number(float64(len(f.complete)), "")
	count.Note = note
	return []Cell{count, ofTries(f.without, ""), ofTries(f.write, ""), ofTries(f.complete, "")}
}

// killOnce kills, writes, and waits until everything is as before.
func (e *env) killOnce(ctx context.Context, k kill, s system, t *trace, i int, f *losses) error {
	ctx, cancel := context.WithTimeoutCause(ctx, max(e.effort.cell, 15*time.Second), errCellOver)
	defer cancel()
	victim, err := k.victim(ctx, s)
	if err != nil {
		return err
	}
	t.forget()
	p := hosts(tryBlock, i, 1)
	killed := time.Now()
	if err := e.fell(ctx, s, victim); err != nil {
		return err
	}
	defer func() { f.without = append(f.without, t.without()) }()
	var started time.Time
	start := func() error {
		started = time.Now()
		return s.(restartable).again(ctx, victim)
	}
	if k.alone {
		if err := start(); err != nil {
			return err
		}
	}
	wrote, err := e.nextWrite(ctx, k.system, s, victim, p, killed)
	if err != nil {
		return err
	}
	f.write = append(f.write, wrote)
	if !k.alone {
		if err := start(); err != nil {
			return err
		}
	}
	if victim >= len(s.nodes()) { // the witness announces nothing: it is complete when it is seen
		if err := until(ctx, func() error { return s.(*triggerd).complete(ctx) }); err != nil {
			return err
		}
	} else if err := t.complete(ctx, s.nodes()[victim]); err != nil {
		return err
	}
	f.complete = append(f.complete, time.Since(started))
	return e.settled(ctx, s)
}

// fell kills a process, and waits until its routers know.
func (e *env) fell(ctx context.Context, s system, victim int) error {
	s.processes()[victim].kill9()
	if victim < len(s.nodes()) {
		return e.routers.gone(ctx, s.nodes()[victim])
	}
	return nil
}

// whole waits until everything of a system is there.
func (e *env) whole(ctx context.Context, s system) error {
	if c, ok := s.(*triggerd); ok {
		return until(ctx, func() error { return c.complete(ctx) })
	}
	return e.routers.established(ctx, s.nodes()...)
}

// settled waits until the next kill hits something whole; of two FRR the script has
// run too.
func (e *env) settled(ctx context.Context, s system) error {
	err := e.whole(ctx, s)
	if pair, ok := s.(*frrsync); ok && err == nil {
		err = pair.sync(ctx)
	}
	return err
}

// nextWrite types a blackhole until it is accepted.
func (e *env) nextWrite(ctx context.Context, name string, s system, victim int, p []netip.Prefix, killed time.Time) (time.Duration, error) {
	open := func() (door, error) {
		switch s := s.(type) {
		case *triggerd:
			return s.openAt("shell", map[bool]int{true: 1, false: 0}[victim == 0])
		case *frrsync: // the line is accepted before the script runs
			return s.first.open("telnet")
		}
		for _, c := range contestants {
			if c.system == name {
				return s.open(c.door)
			}
		}
		return nil, fmt.Errorf("%s has no door", name)
	}
	w := e.routers.expect(sink.Announce, p, e.left(s, victim)...)
	once := func() error {
		d, err := open()
		if err != nil {
			return err
		}
		defer d.close()
		do, err := d.prepare(change{false, p})
		if err != nil {
			return err
		}
		within, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return do(within)
	}
	if name == "exabgp" { // nothing answers: the route does
		write := once
		once = func() error {
			if err := write(); err != nil {
				return err
			}
			within, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			return w.wait(within)
		}
	}
	err := until(ctx, once)
	return time.Since(killed), err
}

// left are the nodes that are not the victim, or that one when it is alone.
func (e *env) left(s system, victim int) []string {
	nodes := s.nodes()
	if len(nodes) > 1 && victim < len(nodes) {
		return append(append([]string{}, nodes[:victim]...), nodes[victim+1:]...)
	}
	return nodes
}

// How each is started again, and what its operator keeps.

func (t *triggerd) again(_ context.Context, i int) error { return t.run(t.members[i]) }

func (t *triggerd) keep(context.Context, []netip.Prefix) error { return nil }

func (b *bird) again(ctx context.Context, _ int) error { return b.restart(ctx) }

func (b *bird) keep(context.Context, []netip.Prefix) error { return nil }

func (f *frr) again(ctx context.Context, _ int) error { return f.restart(ctx) }

// keep is `write memory`.
func (f *frr) keep(ctx context.Context, _ []netip.Prefix) error {
	t, err := f.telnet()
	if err != nil {
		return err
	}
	defer t.close()
	return t.types(ctx, "write memory")
}

func (s *frrsync) again(ctx context.Context, i int) error {
	return []*frr{s.first, s.second}[i].restart(ctx)
}

func (s *frrsync) keep(context.Context, []netip.Prefix) error { return nil } // its bulk wrote

func (x *exabgp) again(ctx context.Context, _ int) error { return x.restart(ctx) }

// keep leaves a file that the helper process says first.
func (x *exabgp) keep(_ context.Context, all []netip.Prefix) error {
	return write(filepath.Join(x.dir, "said"), exaLines(change{false, all}), 0o644)
}

func (o *openbgpd) again(ctx context.Context, _ int) error { return o.restart(ctx) }

// keep writes network lines into the file; what bgpctl adds is kept nowhere.
func (o *openbgpd) keep(_ context.Context, all []netip.Prefix) error {
	var b strings.Builder
	for _, p := range all {
		fmt.Fprintf(&b, "network %s set { community 65535:666 nexthop 192.0.2.1 }\n", p)
	}
	return write(filepath.Join(o.dir, "bgpd.conf"), b.String()+o.config(), 0o600)
}

func (g *gobgpd) again(ctx context.Context, _ int) error { return g.restart(ctx) }

// keep does nothing: what gobgpd is told over its API is kept nowhere.
func (g *gobgpd) keep(context.Context, []netip.Prefix) error { return nil }
