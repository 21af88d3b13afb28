package history

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Duty is what must be true of a prefix.
type Duty uint8

// The duties.
const (
	Either  Duty = iota // a write is under way, or the outcome of one is not known
	Present             // acknowledged, and nobody has asked for its end
	Absent              // never asked for, withdrawn, or over
)

// String is the word for people.
func (d Duty) String() string { return [...]string{"either", "present", "absent"}[d] }

// clockSlack is how far the cluster's idea of a deadline may be from ours.
const clockSlack = 2 * time.Second

// maxSightings bounds what is remembered of one prefix for its story.
const maxSightings = 60

// Book has every write, by prefix. A prefix that is not in it must be absent.
// Its methods are safe for concurrent use.
type Book struct {
	mu      sync.Mutex
	records map[netip.Prefix]*record
	ignored map[netip.Prefix]bool
}

type record struct {
	ops   []*Op
	seen  []string // for its story
	stale bool     // told to forget once: next time it is forgotten
}

// NewBook makes an empty book.
func NewBook() *Book {
	return &Book{records: map[netip.Prefix]*record{}, ignored: map[netip.Prefix]bool{}}
}

// Ignore takes prefixes out: they may be either, always.
func (b *Book) Ignore(prefixes ...netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range prefixes {
		b.ignored[p] = true
	}
}

// Begin notes a write before it is sent. The caller ends it by End.
func (b *Book) Begin(op Op) *Op {
	op.Outcome = Pending
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.records[op.Prefix]
	if !ok {
		r = &record{}
		b.records[op.Prefix] = r
	}
	r.stale = false
	r.ops = append(r.ops, &op)
	return &op
}

// End notes how a write came out.
func (b *Book) End(op *Op, o Outcome, at time.Time, said string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	op.Outcome, op.End, op.Said = o, at, said
}

// Cancel takes a write back that was certainly never sent.
func (b *Book) Cancel(op *Op) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.records[op.Prefix]
	if !ok {
		return
	}
	r.ops = slices.DeleteFunc(r.ops, func(o *Op) bool { return o == op })
	if len(r.ops) == 0 {
		delete(b.records, op.Prefix)
	}
}

// Duty returns what must be true of the prefix at a moment, and since when.
func (b *Book) Duty(p netip.Prefix, at time.Time) (d Duty, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.duty(p, at)
}

func (b *Book) duty(p netip.Prefix, at time.Time) (Duty, time.Time) {
	if b.ignored[p] {
		return Either, time.Time{}
	}
	r, ok := b.records[p]
	if !ok {
		return Absent, time.Time{}
	}
	if since, ok := r.present(at); ok {
		return Present, since
	}
	if since, ok := r.absent(at); ok {
		return Absent, since
	}
	return Either, time.Time{}
}

// present: an announcement is acknowledged, its deadline is not near, and every
// withdrawal that may have acted did so before it.
func (r *record) present(at time.Time) (since time.Time, ok bool) {
	for _, a := range r.ops {
		if a.Verb != Announce || a.Outcome != Acknowledged || a.End.After(at) {
			continue
		}
		if a.Life > 0 && !at.Before(a.Start.Add(a.Life-clockSlack)) {
			continue
		}
		undone := slices.ContainsFunc(r.ops, func(w *Op) bool {
			return w.Verb == Withdraw && w.mayAct(at) && !w.before(a)
		})
		if !undone && (!ok || a.End.Before(since)) {
			since, ok = a.End, true
		}
	}
	return since, ok
}

// absent: each announcement that may have acted is certainly undone or over. One
// whose outcome is unknown never is: it may act later.
func (r *record) absent(at time.Time) (since time.Time, ok bool) {
	for _, a := range r.ops {
		if a.Verb != Announce || !a.mayAct(at) {
			continue
		}
		over, ended := r.over(a, at)
		if !ended {
			return time.Time{}, false
		}
		if over.After(since) {
			since = over
		}
	}
	return since, true
}

// over returns when an announcement was certainly undone.
func (r *record) over(a *Op, at time.Time) (when time.Time, ok bool) {
	if a.Outcome != Acknowledged {
		return time.Time{}, false
	}
	if end := a.End.Add(a.Life + clockSlack); a.Life > 0 && !end.After(at) {
		when, ok = end, true
	}
	for _, w := range r.ops {
		if w.Verb != Withdraw || w.Outcome != Acknowledged || w.End.After(at) || !a.before(w) {
			continue
		}
		if !ok || w.End.Before(when) {
			when, ok = w.End, true
		}
	}
	return when, ok
}

// Deadline returns when a blackhole has to end by itself; false when it was
// announced more than once, has no deadline, or is withdrawn.
func (b *Book) Deadline(p netip.Prefix) (at time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, known := b.records[p]
	if !known || len(r.ops) != 1 || b.ignored[p] {
		return time.Time{}, false
	}
	a := r.ops[0]
	return a.Start.Add(a.Life), a.Verb == Announce && a.Outcome == Acknowledged && a.Life > 0
}

// Due returns the prefixes that must be present now and had to be already at an
// earlier moment, sorted.
func (b *Book) Due(since, now time.Time) (due []netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range b.records {
		if d, from := b.duty(p, now); d == Present && !from.After(since) {
			due = append(due, p)
		}
	}
	slices.SortFunc(due, netip.Prefix.Compare)
	return due
}

// Saw adds a line to the prefix's story.
func (b *Book) Saw(p netip.Prefix, at time.Time, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.records[p]
	if !ok || b.ignored[p] {
		return
	}
	if len(r.seen) >= maxSightings {
		r.seen = slices.Delete(r.seen, maxSightings/2, maxSightings/2+1)
	}
	r.seen = append(r.seen, Clock(at)+"  "+what)
}

// Story is everything known of a prefix, a line each, in the order of time.
func (b *Book) Story(p netip.Prefix) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.records[p]
	if !ok {
		return "    nobody has asked for it (or it was withdrawn minutes ago and seen gone everywhere)"
	}
	lines := slices.Clone(r.seen)
	for _, o := range r.ops {
		lines = append(lines, o.String())
	}
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:min(len(a), 12)], b[:min(len(b), 12)]) })
	return "    " + strings.Join(lines, "\n    ")
}

// Forget drops the records of prefixes that have been absent since before a
// moment and were so already at the last call. They stay absent: that is what a
// prefix that is not in the book must be.
func (b *Book) Forget(before time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p, r := range b.records {
		d, since := b.duty(p, before)
		switch {
		case d != Absent || since.IsZero() && slices.ContainsFunc(r.ops, func(o *Op) bool { return o.Start.After(before) }):
			r.stale = false
		case r.stale:
			delete(b.records, p)
		default:
			r.stale = true
		}
	}
}

// Tally counts the writes that the book still has, by outcome.
func (b *Book) Tally() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := map[string]int{}
	for _, r := range b.records {
		for _, o := range r.ops {
			n[o.Outcome.String()]++
		}
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d %s", n[k], k))
	}
	return strings.Join(parts, ", ")
}
