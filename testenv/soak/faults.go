package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"
)

const settleEveryFaults = 12

// reset is the kind of fault that is over as soon as it is done.
const reset = "connections reset"

// freezeTail is how long after a thaw a session may still end: the hold time was
// over on one side or the other.
const freezeTail = 12 * time.Second

// fault is something to be done to the cluster and undone again.
type fault struct {
	kind  string
	what  string
	begin func() (end func() error)
}

// faultLoop breaks things one after the other, sometimes two at a time, until
// the time is over.
func (s *soak) faultLoop(ctx context.Context, rng *rand.Rand) error {
	until := time.Now().Add(s.opt.Faults)
	for round := 1; time.Now().Before(until); round++ {
		faults := []fault{s.chooseFault(ctx, rng)}
		if rng.IntN(8) == 0 {
			faults = append(faults, s.chooseFault(ctx, rng))
		}
		lasts := 500*time.Millisecond + upTo(rng, 2500*time.Millisecond)
		if rng.IntN(10) == 0 {
			lasts = 5*time.Second + upTo(rng, 9*time.Second)
		}
		if faults[0].kind == reset {
			lasts = upTo(rng, 100*time.Millisecond)
		}
		rest := upTo(rng, settledAfter)
		if rng.IntN(2) == 0 {
			rest = settledAfter + upTo(rng, time.Second)
		}
		if err := s.inflict(ctx, faults, min(lasts, max(time.Until(until), time.Second))); err != nil {
			return err
		}
		s.awaitWrite(ctx)
		if err := wait(ctx, rest); err != nil {
			return err
		}
		if round%settleEveryFaults == 0 {
			if err := s.settle(ctx, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// inflict does faults at one moment and undoes them after a while.
func (s *soak) inflict(ctx context.Context, faults []fault, lasts time.Duration) (err error) {
	var ends []func() error
	healthy := s.ground.healthy(settledAfter)
	for _, f := range faults {
		kind := kindOf(f.kind, true, healthy)
		if len(faults) > 1 {
			kind = kindOf("two faults at once", false, healthy)
		}
		s.log.note("FAULT %s: %s, for %v", f.kind, f.what, lasts)
		s.figures.fault(kind, time.Now())
		s.faulted.Add(1)
		ends = append(ends, f.begin())
	}
	waited := wait(ctx, lasts)
	for i := len(ends) - 1; i >= 0; i-- {
		if e := ends[i](); e != nil && err == nil {
			err = e
		}
		s.log.note("HEALED %s: %s", faults[i].kind, faults[i].what)
	}
	if err == nil {
		err = waited
	}
	return err
}

// chooseFault draws faults until one is of the kinds asked for.
func (s *soak) chooseFault(ctx context.Context, rng *rand.Rand) fault {
	for {
		f := s.drawFault(ctx, rng)
		if len(s.opt.Only) == 0 || slices.Contains(s.opt.Only, f.kind) {
			return f
		}
	}
}

// faultKinds are the kinds that drawFault knows.
var faultKinds = []string{"node isolated", "link cut", "one-way cut", "frozen", "slow link", reset, "planned stop", "kill -9"}

// drawFault draws a kind and whom it strikes; the leader more often than the
// others.
func (s *soak) drawFault(ctx context.Context, rng *rand.Rand) fault {
	order := rng.Perm(len(s.nodes))
	if rng.IntN(3) == 0 {
		for i, n := range order {
			if s.nodes[n] == s.leading() {
				order[0], order[i] = order[i], order[0]
			}
		}
	}
	a, b := s.nodes[order[0]], s.nodes[order[1]]
	delay, inwards := 20*time.Millisecond+upTo(rng, 180*time.Millisecond), rng.IntN(2) == 0
	switch rng.IntN(12) {
	case 0, 1:
		return s.cutFault("node isolated", a.name+" from all", both(a.name, others(a.name)...))
	case 2, 3:
		return s.cutFault("link cut", a.name+" and "+b.name, both(a.name, b.name))
	case 4:
		return s.cutFault("one-way cut", a.name+" to "+b.name, [][2]string{{a.name, b.name}})
	case 5:
		return s.cutFault("one-way cut", a.name+" "+map[bool]string{true: "hears nobody", false: "is heard by nobody"}[inwards], oneWay(a.name, inwards))
	case 6, 7:
		return s.freezeFault(a)
	case 8:
		return s.slowFault(a.name, b.name, delay)
	case 9:
		return s.resetFault(a.name)
	case 10:
		return s.restartFault(ctx, a, "planned stop", func() { s.stopPlanned(a) })
	}
	return s.restartFault(ctx, a, "kill -9", a.kill9)
}

func others(name string) (all []string) {
	for _, n := range nodeNames {
		if n != name {
			all = append(all, n)
		}
	}
	return all
}

// both are both directions between a node and others.
func both(a string, others ...string) (ways [][2]string) {
	for _, b := range others {
		ways = append(ways, [2]string{a, b}, [2]string{b, a})
	}
	return ways
}

// oneWay is what everybody sends to a node, or what it sends to everybody.
func oneWay(a string, inwards bool) (ways [][2]string) {
	for _, b := range others(a) {
		if inwards {
			ways = append(ways, [2]string{b, a})
		} else {
			ways = append(ways, [2]string{a, b})
		}
	}
	return ways
}

// touched are the nodes at the ends of ways.
func touched(ways [][2]string) (nodes []string) {
	seen := map[string]bool{}
	for _, w := range ways {
		for _, n := range w {
			if !seen[n] {
				seen[n] = true
				nodes = append(nodes, n)
			}
		}
	}
	return nodes
}

func (s *soak) cutFault(kind, what string, ways [][2]string) fault {
	return fault{kind, what, func() func() error {
		done := s.ground.disturb(touched(ways)...)
		for _, w := range ways {
			s.links.Cut(w[0], w[1])
		}
		return func() error {
			for _, w := range ways {
				s.links.Heal(w[0], w[1])
			}
			done()
			return nil
		}
	}}
}

func (s *soak) slowFault(a, b string, by time.Duration) fault {
	return fault{"slow link", fmt.Sprintf("%s and %s, %v each way", a, b, by), func() func() error {
		done := s.ground.disturb(a, b)
		s.links.Delay(a, b, by)
		s.links.Delay(b, a, by)
		return func() error {
			s.links.Heal(a, b)
			s.links.Heal(b, a)
			done()
			return nil
		}
	}}
}

func (s *soak) resetFault(a string) fault {
	return fault{reset, a, func() func() error {
		done := s.ground.disturb(nodeNames...)
		s.links.Reset(a)
		return func() error {
			done()
			return nil
		}
	}}
}

func (s *soak) freezeFault(n *node) fault {
	return fault{"frozen", n.name, func() func() error {
		done := s.ground.breaks(freezeTail, n.name)
		n.signal(syscall.SIGSTOP)
		return func() error {
			n.signal(syscall.SIGCONT)
			done()
			return nil
		}
	}}
}

// restartFault ends a node's process in some way and starts it again.
func (s *soak) restartFault(ctx context.Context, n *node, kind string, end func()) fault {
	return fault{kind, n.name, func() func() error {
		done := s.ground.breaks(time.Second, n.name)
		end()
		return func() error {
			defer done()
			return s.startAgain(ctx, n)
		}
	}}
}

func (s *soak) stopPlanned(n *node) {
	if err := n.stop(); err != nil {
		s.log.say("%v", err)
	}
}
