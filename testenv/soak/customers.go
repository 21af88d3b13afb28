package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

const customerAS = 65534

// What the customers have. Each prefix of the load is announced once in a soak
// and withdrawn for good.
var (
	customerPrefixes = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("2001:db8:50::/48")}
	registerPrefixes = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8:7e9::/48")}
)

// supply gives out prefixes, each once.
type supply struct{ next atomic.Uint32 }

func (s *supply) take() netip.Prefix {
	n := s.next.Add(1)
	if n%2 == 0 && n < 1<<18 {
		return host(customerPrefixes[0], n/2)
	}
	return host(customerPrefixes[1], n)
}

// host is the n-th address of a prefix, as a prefix of its own.
func host(p netip.Prefix, n uint32) netip.Prefix {
	b := p.Addr().AsSlice()
	for i := len(b) - 1; n > 0; i-- {
		n += uint32(b[i])
		b[i] = byte(n)
		n >>= 8
	}
	a, _ := netip.AddrFromSlice(b) // it has 4 or 16 bytes
	return netip.PrefixFrom(a, a.BitLen())
}

// line is what a customer types, as one command line.
func line(v history.Verb, p netip.Prefix, life time.Duration) string {
	if v == history.Read {
		return "show blackhole " + p.String()
	}
	text := fmt.Sprintf("configure terminal; router bgp %d; ", customerAS)
	if p.Addr().Is6() {
		text += "address-family ipv6; "
	}
	if v == history.Withdraw {
		text += "no "
	}
	text += "network " + p.String()
	if life > 0 {
		text += fmt.Sprintf(" expire %ds", int(life.Seconds()))
	}
	return text
}

// customer writes all the time, at one trigger or at both.
type customer struct {
	soak  *soak
	rng   *rand.Rand
	doors []*door
	live  []netip.Prefix // acknowledged, to be withdrawn some time
	again []retry        // unknown: to be repeated until it is known
}

type retry struct {
	verb   history.Verb
	prefix netip.Prefix
}

// most is how many blackholes a customer keeps.
const most = 60

// run writes until ctx ends.
func (c *customer) run(ctx context.Context) {
	defer func() {
		for _, d := range c.doors {
			d.close()
		}
	}()
	for c.soak.gate.enter(ctx) {
		pause := c.step()
		c.soak.gate.leave()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// step makes one write and returns how long to pause.
func (c *customer) step() time.Duration {
	verb, p, life := c.choose()
	o := c.write(c.doors[c.rng.IntN(len(c.doors))], verb, p, life)
	switch {
	case o == history.Unknown:
		c.again = append(c.again, retry{verb, p})
	case o == history.Refused && verb == history.Withdraw:
		c.live = append(c.live, p) // it stays; another time
	case o == history.Acknowledged && verb == history.Announce && life == 0:
		c.live = append(c.live, p)
	}
	if o != history.Acknowledged {
		return 20*time.Millisecond + time.Duration(c.rng.Int64N(int64(30*time.Millisecond)))
	}
	return time.Duration(c.rng.Int64N(int64(2 * c.soak.pace)))
}

// choose decides what to write. What is withdrawn leaves the list here.
func (c *customer) choose() (history.Verb, netip.Prefix, time.Duration) {
	if n := len(c.again); n > 0 && c.rng.IntN(3) == 0 {
		i := c.rng.IntN(n)
		r := c.again[i]
		c.again = slices.Delete(c.again, i, i+1)
		return r.verb, r.prefix, 0
	}
	if n := len(c.live); n >= most || n > 0 && c.rng.IntN(5) < 2 {
		i := c.rng.IntN(n)
		p := c.live[i]
		c.live = slices.Delete(c.live, i, i+1)
		return history.Withdraw, p, 0
	}
	var life time.Duration
	if c.rng.IntN(8) == 0 {
		life = time.Duration(4+c.rng.IntN(8)) * time.Second
	}
	return history.Announce, c.soak.supply.take(), life
}

// write makes one write and notes it. What was not sent is not noted, and counts
// as refused.
func (c *customer) write(d *door, verb history.Verb, p netip.Prefix, life time.Duration) history.Outcome {
	s := c.soak
	calm := s.calm()
	op := s.book.Begin(history.Op{Verb: verb, Prefix: p, Node: d.node.name, Life: life, Start: time.Now()})
	if verb == history.Announce {
		s.figures.typed(p, op.Start, calm)
	}
	said, status, err := d.runs(line(verb, p, life))
	o := outcome(status, err)
	if errors.Is(err, errNotSent) {
		s.book.Cancel(op)
		return o
	}
	if err != nil {
		said = err.Error()
	}
	s.book.End(op, o, time.Now(), said)
	s.log.note("%s %s", p, op)
	s.figures.ended(o, op.Start, op.End, calm && s.calm())
	return o
}

// outcome is what an exit status means to a script.
func outcome(status int, err error) history.Outcome {
	switch {
	case errors.Is(err, errNotSent):
		return history.Refused
	case err != nil:
		return history.Unknown
	case status == 0:
		return history.Acknowledged
	case status == 1:
		return history.Refused
	}
	return history.Unknown
}
