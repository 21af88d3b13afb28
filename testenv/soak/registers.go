package soak

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

// Contested prefixes: several clients announce, withdraw and read the same ones
// at both triggers, and the history of each has to be linearizable. A prefix is
// used for so many calls and then its history is judged, so that the search
// stays small; calls without an answer make it grow.
const (
	registers        = 3
	callsPerRegister = 250
	doubtsPerHistory = 5
	judgeWithin      = 20 * time.Second
)

// contest is the set of contested prefixes.
type contest struct {
	soak *soak

	mu      sync.Mutex
	next    uint32
	current [registers]*register
	judging sync.WaitGroup
	judged  int
	open    int // histories whose search took too long
	reads   int
}

// register is one contested prefix with its history.
type register struct {
	prefix netip.Prefix
	calls  []history.Call
	doubts int
	users  int // clients with a call under way
	full   bool
}

func newContest(s *soak) *contest {
	c := &contest{soak: s}
	for i := range c.current {
		c.current[i] = c.fresh()
	}
	return c
}

func (c *contest) fresh() *register {
	c.next++
	p := host(registerPrefixes[1], c.next)
	if c.next < 250 {
		p = host(registerPrefixes[0], c.next)
	}
	c.soak.book.Ignore(p)
	return &register{prefix: p}
}

// take gives a client a register for one call.
func (c *contest) take(i int) *register {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.current[i]
	r.users++
	return r
}

// give takes it back with the call, nil when there is nothing to be said of it.
func (c *contest) give(i int, r *register, call *history.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.users--
	if call != nil {
		r.calls = append(r.calls, *call)
		if call.Outcome == history.Unknown {
			r.doubts++
		}
		if call.Verb == history.Read {
			c.reads++
		}
	}
	if !r.full && (len(r.calls) >= callsPerRegister || r.doubts >= doubtsPerHistory) {
		r.full = true
		c.current[i] = c.fresh()
	}
	if r.full && r.users == 0 {
		c.judging.Go(func() { c.judge(r) })
	}
}

// judge looks for an order that explains a history.
func (c *contest) judge(r *register) {
	verdict := history.Linearizable(r.calls, judgeWithin)
	c.mu.Lock()
	c.judged++
	if verdict == history.Undecided {
		c.open++
	}
	c.mu.Unlock()
	if verdict == history.NotLinear {
		c.soak.verdicts.Add(history.Violation{
			Kind: history.Diverged, Prefix: r.prefix, Where: "the cluster", At: time.Now(),
			What: "no order of these calls explains all answers: a read was stale, or a write acted twice", Story: history.CallStory(r.calls),
		})
	}
}

// finish judges what is left. Nobody may be using a register any more.
func (c *contest) finish() (judged, open, reads int) {
	for _, r := range c.current {
		c.judge(r)
	}
	c.judging.Wait()
	return c.judged, c.open, c.reads
}

// contestant is one client.
type contestant struct {
	soak  *soak
	id    int
	rng   *rand.Rand
	doors []*door
}

// run makes calls until ctx ends.
func (c *contestant) run(ctx context.Context) {
	defer func() {
		for _, d := range c.doors {
			d.close()
		}
	}()
	for c.soak.gate.enter(ctx) {
		i := c.rng.IntN(registers)
		r := c.soak.contest.take(i)
		c.soak.contest.give(i, r, c.call(r.prefix))
		c.soak.gate.leave()
		select {
		case <-time.After(time.Duration(c.rng.Int64N(int64(4 * c.soak.pace)))):
		case <-ctx.Done():
		}
	}
}

// call makes one call. Refusals, stale reads and what was not sent say nothing.
func (c *contestant) call(p netip.Prefix) *history.Call {
	verb := [...]history.Verb{history.Announce, history.Announce, history.Withdraw, history.Withdraw, history.Read, history.Read, history.Read}[c.rng.IntN(7)]
	d := c.doors[c.rng.IntN(len(c.doors))]
	call := &history.Call{Client: c.id, Verb: verb, Node: d.node.name, Start: time.Now()}
	said, status, err := d.runs(line(verb, p, 0))
	call.End = time.Now()
	if verb == history.Read {
		call.Outcome = history.Acknowledged
		present, fresh := readAnswer(said, status, err)
		call.Present = present
		if !fresh {
			return nil
		}
		return call
	}
	if call.Outcome = outcome(status, err); call.Outcome == history.Refused || errors.Is(err, errNotSent) {
		return nil
	}
	return call
}

// readAnswer reads what `show blackhole P` prints. A node that is behind says so
// on a line that begins with "!": its answer is not the newest.
func readAnswer(said string, status int, err error) (present, fresh bool) {
	switch {
	case err != nil, strings.Contains(said, "! as of"):
		return false, false
	case status == 0 && strings.Contains(said, "Blackhole "):
		return true, true
	}
	return false, status == 1 && strings.Contains(said, "is not blackholed")
}
