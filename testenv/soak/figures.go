package soak

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

// sample collects durations.
type sample []time.Duration

// at returns the value below which the given part of the sample lies.
func (s sample) at(part float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// String prints p50, p99 and the largest.
func (s sample) String() string {
	if len(s) == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s  p99 %s  max %s  (%d)", ms(s.at(0.5)), ms(s.at(0.99)), ms(s.at(1)), len(s))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// figures measures. Writes count as calm when nothing was being done to the
// cluster, nor shortly before.
type figures struct {
	sessions int // a route is complete when it has arrived so many times
	routers  int

	mu           sync.Mutex
	acknowledged int
	refused      int
	unknown      int
	ackCalm      sample
	ackAll       sample
	anyTrigger   sample // command to both routers having it from one of the triggers
	allTriggers  sample // and from both
	late         sample // deadline of a blackhole to a router losing it
	pending      map[netip.Prefix]*flight
	faults       map[string]*sample // fault to the next accepted write, by kind
	open         []openFault
}

// flight is a route under way to the routers.
type flight struct {
	typed    time.Time
	arrived  int
	routers  map[string]bool
	recorded bool
}

type openFault struct {
	kind string
	at   time.Time
}

func newFigures(routers, sessions int) *figures {
	return &figures{routers: routers, sessions: sessions, pending: map[netip.Prefix]*flight{}, faults: map[string]*sample{}}
}

// typed notes a new announcement; calm ones are followed to the routers.
func (f *figures) typed(p netip.Prefix, at time.Time, calm bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if calm {
		f.pending[p] = &flight{typed: at, routers: map[string]bool{}}
	}
	if len(f.pending) > 10_000 {
		clear(f.pending) // those that a fault overtook
	}
}

// arrived notes that a router has a route.
func (f *figures) arrived(s history.Session, p netip.Prefix, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, ok := f.pending[p]
	if !ok {
		return
	}
	w.arrived++
	w.routers[s.Router] = true
	if len(w.routers) == f.routers && !w.recorded {
		w.recorded = true
		f.anyTrigger = append(f.anyTrigger, at.Sub(w.typed))
	}
	if w.arrived == f.sessions {
		f.allTriggers = append(f.allTriggers, at.Sub(w.typed))
		delete(f.pending, p)
	}
}

// expired notes that a blackhole ended by itself at a router.
func (f *figures) expired(late time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late = append(f.late, late)
}

// ended notes how a write came out.
func (f *figures) ended(o history.Outcome, start, end time.Time, calm bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch o {
	case history.Refused:
		f.refused++
	case history.Unknown:
		f.unknown++
	case history.Acknowledged:
		f.acknowledged++
		f.ackAll = append(f.ackAll, end.Sub(start))
		if calm {
			f.ackCalm = append(f.ackCalm, end.Sub(start))
		}
		f.closeFaults(start, end)
	}
}

// closeFaults ends the measurement of the faults before a write that was typed
// after them and accepted.
func (f *figures) closeFaults(start, end time.Time) {
	f.open = slices.DeleteFunc(f.open, func(o openFault) bool {
		if start.Before(o.at) {
			return false
		}
		if f.faults[o.kind] == nil {
			f.faults[o.kind] = &sample{}
		}
		*f.faults[o.kind] = append(*f.faults[o.kind], end.Sub(o.at))
		return true
	})
}

// fault begins to measure how long it takes until a write is accepted again, and
// ends the measurements of a healthy cluster.
func (f *figures) fault(kind string, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = append(f.open, openFault{kind, at})
	clear(f.pending) // what is under way to the routers is not that of a healthy cluster
}

// waiting tells whether no write has been accepted since the last fault.
func (f *figures) waiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open) > 0
}

// drop forgets the measurements under way: the load is about to pause.
func (f *figures) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = nil
}

func (f *figures) counts() (acknowledged, refused, unknown int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acknowledged, f.refused, f.unknown
}

// What marks the kinds of faults that are no fail-over of a healthy cluster:
// nobody is left to take over, or the one before was hardly over.
const (
	noMajority = ", no majority left"
	inARow     = ", right after another"
)

// settledAfter is how long a cluster must have been left alone for the next
// fault to strike a healthy one.
const settledAfter = 2 * time.Second

// kindOf adds the marks to a kind of fault.
func kindOf(kind string, majority, healthy bool) string {
	switch {
	case !majority:
		return kind + noMajority
	case !healthy:
		return kind + inARow
	}
	return kind
}

// String prints all figures.
func (f *figures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	line := func(name string, v any) { fmt.Fprintf(&b, "  %-46s %v\n", name, v) }
	line("acknowledgement, nothing broken", f.ackCalm)
	line("acknowledgement, all writes", f.ackAll)
	line("command to route at both routers", f.anyTrigger)
	line("command to route at both from both triggers", f.allTriggers)
	line("end at a router after the deadline", f.late)
	var one, row, none sample
	var kinds []string
	for kind, s := range f.faults {
		kinds = append(kinds, kind)
		switch {
		case strings.HasSuffix(kind, noMajority):
			none = append(none, *s...)
		case strings.HasSuffix(kind, inARow):
			row = append(row, *s...)
		default:
			one = append(one, *s...)
		}
	}
	line("next accepted write after a fault", one)
	line("  the same"+inARow, row)
	line("  the same"+noMajority, none)
	slices.Sort(kinds)
	for _, kind := range kinds {
		line("  "+kind, *f.faults[kind])
	}
	line("writes", fmt.Sprintf("%d acknowledged, %d refused, %d unknown", f.acknowledged, f.refused, f.unknown))
	return b.String()
}
