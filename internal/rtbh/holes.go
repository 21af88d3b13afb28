package rtbh

import (
	"cmp"
	"container/heap"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// historyKept and historyFor bound the ended blackholes in the state, by number
// and by age.
const (
	historyKept = 20000
	historyFor  = 366 * 24 * time.Hour
)

func byPrefixThenCustomer(a, b *Blackhole) int {
	if c := ComparePrefixes(a.Prefix, b.Prefix); c != 0 {
		return c
	}
	return strings.Compare(a.Customer, b.Customer)
}

// ComparePrefixes orders IPv4 before IPv6, then by address, then the shorter
// mask first.
func ComparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// hole returns what is stored under a blackhole's identity, nil if nothing is.
func (s *State) hole(p netip.Prefix, customer string) *Blackhole { return s.holes[customer][p] }

// current tells whether b is stored, and not what b was replaced by.
func (s *State) current(b *Blackhole) bool { return s.hole(b.Prefix, b.Customer) == b }

// sortedHoles returns a customer's blackholes, or with "" everybody's, by prefix
// and then by customer, whether they are over or not.
func (s *State) sortedHoles(customer string) []*Blackhole {
	var all []*Blackhole
	if customer != "" {
		all = slices.Collect(maps.Values(s.holes[customer]))
	} else {
		all = make([]*Blackhole, 0, s.holeCount)
		for _, holes := range s.holes {
			all = slices.AppendSeq(all, maps.Values(holes))
		}
	}
	slices.SortFunc(all, byPrefixThenCustomer)
	return all
}

// Blackholes returns a customer's blackholes that are active at now, or with
// customer "" everybody's, by prefix and then by customer.
func (s *State) Blackholes(customer string, now Instant) []Blackhole {
	var out []Blackhole
	for _, b := range s.sortedHoles(customer) {
		if b.Active(now) {
			out = append(out, *b)
		}
	}
	return out
}

// Blackhole returns one blackhole if it is active at now.
func (s *State) Blackhole(p netip.Prefix, customer string, now Instant) (Blackhole, bool) {
	b := s.hole(p, customer)
	if b == nil || !b.Active(now) {
		return Blackhole{}, false
	}
	return *b, true
}

// History returns the blackholes that are over at now, newest first; an invalid
// prefix or the customer "" stand for all. One whose deadline has come is over on
// every node at that instant, whether an entry has taken it out yet or not: until
// then AtIndex is 0.
func (s *State) History(p netip.Prefix, customer string, now Instant) []Ended {
	wanted := func(b *Blackhole) bool {
		return (!p.IsValid() || b.Prefix == p) && (customer == "" || b.Customer == customer)
	}
	var out []Ended
	s.overAt(now, func(b *Blackhole) {
		if wanted(b) {
			out = append(out, Ended{Blackhole: *b, At: b.Deadline, Cause: EndExpired})
		}
	})
	slices.SortFunc(out, func(a, b Ended) int { // backwards from how expire takes them out
		return cmp.Or(cmp.Compare(b.At, a.At), byPrefixThenCustomer(&b.Blackhole, &a.Blackhole))
	})
	for e := range s.history.backward() {
		if wanted(&e.Blackhole) {
			out = append(out, *e)
		}
	}
	return out
}

// put stores b in the place of what was there under its key.
func (s *State) put(b *Blackhole) {
	old := s.hole(b.Prefix, b.Customer)
	s.trial.note(s, b, old)
	all := slices.DeleteFunc(slices.Clone(s.byPrefix[b.Prefix]), func(x *Blackhole) bool { return x == old })
	all = append(all, b)
	slices.SortFunc(all, byCommit)
	s.byPrefix[b.Prefix] = all
	s.store(b.Prefix, b.Customer, b)
	s.ends.push(b)
}

// store sets or, with nil, takes away what is under a blackhole's identity.
func (s *State) store(p netip.Prefix, customer string, b *Blackhole) {
	holes, was := s.holes[customer], s.hole(p, customer) != nil
	switch {
	case b == nil && was:
		s.holeCount--
		if delete(holes, p); len(holes) == 0 {
			delete(s.holes, customer)
		}
	case b != nil:
		if holes == nil {
			holes = map[netip.Prefix]*Blackhole{}
			s.holes[customer] = holes
		}
		if holes[p] = b; !was {
			s.holeCount++
		}
	}
}

// end moves a blackhole to the history.
func (s *State) end(b *Blackhole, at Instant, index uint64, cause EndCause, by Actor) {
	s.trial.note(s, b, b)
	all := slices.DeleteFunc(slices.Clone(s.byPrefix[b.Prefix]), func(x *Blackhole) bool { return x == b })
	if len(all) == 0 {
		delete(s.byPrefix, b.Prefix)
	} else {
		s.byPrefix[b.Prefix] = all
	}
	s.store(b.Prefix, b.Customer, nil)
	s.history.add(Ended{Blackhole: *b, At: at, AtIndex: index, Cause: cause, EndBy: by})
	s.history.trim(historyKept)
}

// ClearedSince counts the blackholes that `clear blackhole` has ended since then, by
// the last who did so, and returns the last of them.
func (s *State) ClearedSince(then Instant) (n int, last Ended) {
	for e := range s.history.backward() {
		if e.At < then {
			break
		}
		if e.Cause != EndCleared || n > 0 && e.AtIndex != last.AtIndex {
			continue
		}
		if n++; n == 1 {
			last = *e
		}
	}
	return n, last
}

// forgetHistory drops what ended too long ago. The history is in order of time.
func (s *State) forgetHistory() {
	n := 0
	for n < s.history.len() && s.history.at(n).At.Add(historyFor) <= s.stamp {
		n++
	}
	s.history.drop(n)
}

// expire ends what is over at the state's stamp, in order of the deadlines.
func (s *State) expire(index uint64, r *Result) {
	for {
		b := s.ends.due(s.stamp)
		if b == nil {
			return
		}
		if s.current(b) {
			s.end(b, b.Deadline, index, EndExpired, Actor{})
			r.Changed = append(r.Changed, b.Prefix)
		}
	}
}

// tidyEnds takes out what was replaced, where it would be in the way: at the
// top of the heap always, all of it when that is most of the heap. Not while an
// atomic batch is tried, which may bring back what it replaced.
func (s *State) tidyEnds() {
	for len(s.ends) > 0 && !s.current(s.ends[0]) {
		heap.Pop(&s.ends)
	}
	if len(s.ends) > 2*s.holeCount+1024 {
		s.ends = slices.DeleteFunc(s.ends, func(b *Blackhole) bool { return !s.current(b) })
		heap.Init(&s.ends)
	}
}

// overAt visits the blackholes that are stored but over at now: those that no
// entry was late enough to end.
func (s *State) overAt(now Instant, visit func(*Blackhole)) {
	s.ends.walk(func(b *Blackhole) bool {
		if b.Deadline > now {
			return false
		}
		if s.current(b) {
			visit(b)
		}
		return true
	})
}

// NextEnd returns the earliest deadline after now.
func (s *State) NextEnd(now Instant) (Instant, bool) {
	first, found := Never, false
	s.ends.walk(func(b *Blackhole) bool {
		if !s.current(b) {
			return true // replaced since; look below it
		}
		if b.Deadline <= now {
			return true
		}
		if !found || b.Deadline < first {
			first, found = b.Deadline, true
		}
		return false // everything below ends later
	})
	return first, found
}

// endHeap holds the blackholes that end by themselves, earliest first. It may
// hold ones that were replaced since: whoever takes one out checks.
type endHeap []*Blackhole

func (h endHeap) Len() int      { return len(h) }
func (h endHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h endHeap) Less(i, j int) bool {
	if h[i].Deadline != h[j].Deadline {
		return h[i].Deadline < h[j].Deadline
	}
	return byPrefixThenCustomer(h[i], h[j]) < 0
}

// Push is container/heap's.
func (h *endHeap) Push(x any) { *h = append(*h, x.(*Blackhole)) }

// Pop is container/heap's.
func (h *endHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return x
}

func (h *endHeap) push(b *Blackhole) {
	if b.Deadline != Never {
		heap.Push(h, b)
	}
}

// due takes out the earliest that is over at now, nil when none is.
func (h *endHeap) due(now Instant) *Blackhole {
	if len(*h) == 0 || (*h)[0].Deadline > now {
		return nil
	}
	return heap.Pop(h).(*Blackhole)
}

// walk visits the heap from the top and goes below a node only when visit says
// so.
func (h endHeap) walk(visit func(*Blackhole) bool) {
	todo := []int{0}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i < len(h) && visit(h[i]) {
			todo = append(todo, 2*i+1, 2*i+2)
		}
	}
}

// EndingBetween returns the prefixes with a deadline after from and up to to,
// sorted. Whoever announces looks at them again when to has come: with or
// without a majority, what is over is over.
func (s *State) EndingBetween(from, to Instant) []netip.Prefix {
	var out []netip.Prefix
	s.ends.walk(func(b *Blackhole) bool {
		if b.Deadline > to {
			return false
		}
		if b.Deadline > from && s.current(b) {
			out = append(out, b.Prefix)
		}
		return true
	})
	slices.SortFunc(out, ComparePrefixes)
	return slices.Compact(out)
}

// firstUser returns the first of the blackholes that name a route-map, by prefix
// and customer; nil when none does.
func (s *State) firstUser(routeMap string) *Blackhole {
	var first *Blackhole
	for _, holes := range s.holes {
		for _, b := range holes {
			if b.RouteMap == routeMap && (first == nil || byPrefixThenCustomer(b, first) < 0) {
				first = b
			}
		}
	}
	return first
}
