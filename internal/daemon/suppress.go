package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/beat"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// suppression is what an operator keeps this one node from announcing: the way
// to end a blackhole here while there is no majority to end it everywhere. Each
// one is an alarm. It lives in memory only, so that a restart announces what the
// cluster wants; what was suppressed for want of a majority ends when that is
// back, because then `no network` works again.
type suppression struct {
	alarms   *alarm.Registry
	majority func() bool
	wake     func([]netip.Prefix)
	now      func() time.Time

	mu  sync.Mutex
	set map[netip.Prefix]cli.Suppressed
}

func newSuppression(alarms *alarm.Registry, majority func() bool, wake func([]netip.Prefix)) *suppression {
	return &suppression{alarms: alarms, majority: majority, wake: wake, now: time.Now, set: map[netip.Prefix]cli.Suppressed{}}
}

func (s *suppression) has(p netip.Prefix) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.set[p]
	return ok
}

// Suppress stops announcing p; false when that is so already.
func (s *suppression) Suppress(p netip.Prefix, who rtbh.Actor) bool {
	lifts := !s.majority()
	s.mu.Lock()
	_, was := s.set[p]
	if !was {
		s.set[p] = cli.Suppressed{Prefix: p, By: who.User, Since: s.now(), Lifts: lifts}
		until := "`no suppress " + p.String() + "`"
		if lifts {
			until = "the majority is back"
		}
		s.alarms.Raise(alarm.Suppressed, p.String(), fmt.Sprintf("%s keeps this node from announcing %s until %s", who.User, p, until))
	}
	s.mu.Unlock()
	if !was {
		s.wake([]netip.Prefix{p})
	}
	return !was
}

// Unsuppress announces p again, if the cluster wants it; false when it was not
// suppressed.
func (s *suppression) Unsuppress(p netip.Prefix, _ rtbh.Actor) bool {
	s.mu.Lock()
	_, was := s.set[p]
	delete(s.set, p)
	s.alarms.Clear(alarm.Suppressed, p.String())
	s.mu.Unlock()
	if was {
		s.wake([]netip.Prefix{p})
	}
	return was
}

// Suppressed lists what is suppressed, sorted.
func (s *suppression) Suppressed() []cli.Suppressed {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]cli.Suppressed, 0, len(s.set))
	for _, x := range s.set {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b cli.Suppressed) int { return rtbh.ComparePrefixes(a.Prefix, b.Prefix) })
	return all
}

// lift ends what was suppressed for want of a majority, and returns it.
func (s *suppression) lift() (lifted []cli.Suppressed) {
	for _, x := range s.Suppressed() {
		if x.Lifts && s.Unsuppress(x.Prefix, rtbh.Actor{}) {
			lifted = append(lifted, x)
		}
	}
	return lifted
}

// suppressEvery is how often it is looked whether the majority is back.
const suppressEvery = time.Second

// tend lifts what is to be lifted, until ctx ends.
func (s *suppression) tend(ctx context.Context, lifted func(cli.Suppressed)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.After(suppressEvery):
		}
		if !slices.ContainsFunc(s.Suppressed(), func(x cli.Suppressed) bool { return x.Lifts }) || !s.majority() {
			continue
		}
		for _, x := range s.lift() {
			lifted(x)
		}
	}
}
