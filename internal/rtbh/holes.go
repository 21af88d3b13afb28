package rtbh

import (
	"container/heap"
	"net/netip"
	"slices"
	"strings"
)

// historyKept bounds the ended blackholes in the state.
const historyKept = 20000

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

func (s *State) sortedHoles() []*Blackhole { return sortedValues(s.holes, byPrefixThenCustomer) }

// Blackholes returns a customer's blackholes that are active at now, or with
// customer "" everybody's, by prefix and then by customer.
func (s *State) Blackholes(customer string, now Instant) []Blackhole {
	var out []Blackhole
	for _, b := range s.holes {
		if (customer == "" || b.Customer == customer) && b.Active(now) {
			out = append(out, *b)
		}
	}
	slices.SortFunc(out, func(a, b Blackhole) int { return byPrefixThenCustomer(&a, &b) })
	return out
}

// Blackhole returns one blackhole if it is active at now.
func (s *State) Blackhole(p netip.Prefix, customer string, now Instant) (Blackhole, bool) {
	b, ok := s.holes[holeKey{p, customer}]
	if !ok || !b.Active(now) {
		return Blackhole{}, false
	}
	return *b, true
}

// History returns ended blackholes, newest first; an invalid prefix or the
// customer "" stand for all.
func (s *State) History(p netip.Prefix, customer string) []Ended {
	var out []Ended
	for _, e := range slices.Backward(s.history) {
		if (!p.IsValid() || e.Prefix == p) && (customer == "" || e.Customer == customer) {
			out = append(out, e)
		}
	}
	return out
}

// put stores b in the place of what was there under its key.
func (s *State) put(b *Blackhole) {
	k := holeKey{b.Prefix, b.Customer}
	all := slices.Clone(s.byPrefix[b.Prefix])
	if old, ok := s.holes[k]; ok {
		all = slices.DeleteFunc(all, func(x *Blackhole) bool { return x == old })
	} else {
		s.perCustomer[b.Customer]++
	}
	all = append(all, b)
	slices.SortFunc(all, byCommit)
	s.byPrefix[b.Prefix] = all
	s.holes[k] = b
	s.ends.push(b)
	if len(s.ends) > 2*len(s.holes)+1024 { // mostly deadlines that were moved since
		s.ends = nil
		for _, b := range s.holes {
			s.ends.push(b)
		}
	}
}

// end moves a blackhole to the history.
func (s *State) end(b *Blackhole, at Instant, index uint64, cause EndCause, by Actor) {
	delete(s.holes, holeKey{b.Prefix, b.Customer})
	all := slices.DeleteFunc(slices.Clone(s.byPrefix[b.Prefix]), func(x *Blackhole) bool { return x == b })
	if len(all) == 0 {
		delete(s.byPrefix, b.Prefix)
	} else {
		s.byPrefix[b.Prefix] = all
	}
	if s.perCustomer[b.Customer]--; s.perCustomer[b.Customer] == 0 {
		delete(s.perCustomer, b.Customer)
	}
	s.history = trimmed(append(s.history, Ended{Blackhole: *b, At: at, AtIndex: index, Cause: cause, EndBy: by}), historyKept)
}

// expire ends what is over at the state's stamp, in order of the deadlines.
func (s *State) expire(index uint64, r *Result) {
	for {
		b := s.ends.due(s.stamp)
		if b == nil {
			return
		}
		if s.holes[holeKey{b.Prefix, b.Customer}] == b {
			s.end(b, b.Deadline, index, EndExpired, Actor{})
			r.Changed = append(r.Changed, b.Prefix)
		}
	}
}

// NextEnd returns the earliest deadline after now.
func (s *State) NextEnd(now Instant) (Instant, bool) {
	first, found := Never, false
	s.ends.walk(func(b *Blackhole) bool {
		if s.holes[holeKey{b.Prefix, b.Customer}] != b {
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
