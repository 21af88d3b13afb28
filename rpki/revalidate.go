package rpki

import (
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/route"
)

// touch says which routes another view can judge differently.
type touch struct {
	everything bool
	under      []netip.Prefix // routes in these prefixes; sorted
	customers  []uint32       // routes whose paths have one of these
	peer       *uint16        // routes of this neighbor; nil: of none
}

// revalidate makes next the view of all readers and returns how many routes have
// another verdict. Only one may run at a time.
func (x *index) revalidate(next *view, t touch, tell hear) int {
	x.mu.Lock()
	slot := 1 - x.current
	x.views[slot], x.counts[slot] = next, x.counts[x.current]
	for i := range x.peers.all {
		p := &x.peers.all[i]
		p.counts[slot] = p.counts[x.current]
	}
	x.touched = x.touched[:0]
	x.mu.Unlock()

	x.prepare(slot, t)

	x.mu.Lock()
	x.current = slot
	x.views[1-slot] = nil
	x.mu.Unlock()
	return x.settle(slot, tell)
}

// prepare gives the routes that are touched their verdicts of the new view. What
// neighbors send meanwhile is judged by both views.
func (x *index) prepare(slot uint8, t touch) {
	again := func(id uint32) bool {
		r := x.records.at(id)
		x.judge(r, slot, false)
		if r.verdict[0] != r.verdict[1] {
			x.touched = append(x.touched, id)
		}
		return true
	}
	if t.everything {
		x.steps(again)
		return
	}
	if len(t.customers) > 0 {
		x.mu.Lock()
		marked := x.sets.with(t.customers)
		x.mu.Unlock()
		x.steps(func(id uint32) bool {
			// A path that is newer than the marks was judged by both views.
			r := x.records.at(id)
			verified := x.peers.all[r.peer].Role != route.RoleNone
			return verified && int(r.set) < len(marked) && marked[r.set] && again(id)
		})
	}
	if t.peer != nil {
		x.steps(func(id uint32) bool { return x.records.at(id).peer == *t.peer && again(id) })
	}
	for _, wide := range outermost(t.under) {
		x.stepsUnder(wide, again)
	}
}

// maxUnder is how many routes under one prefix are collected under one lock.
const maxUnder = 1 << 17

// stepsUnder visits the records under one prefix, giving the lock away between
// batches: a VRP of a short prefix covers a large part of the table. A number
// that was collected may be another route's when its turn comes; judging that one
// again is harmless.
func (x *index) stepsUnder(wide netip.Prefix, visit func(uint32) bool) {
	ids, all := x.collect(wide)
	if !all {
		x.steps(func(id uint32) bool {
			r := x.records.at(id)
			return wide.Bits() <= int(r.bits) && wide.Contains(r.prefix().Addr()) && visit(id)
		})
		return
	}
	for batch := range slices.Chunk(ids, maxBatch) {
		x.mu.Lock()
		for _, id := range batch {
			if x.records.at(id).flags&live != 0 {
				visit(id)
			}
		}
		x.mu.Unlock()
	}
}

// collect returns the records under a prefix; false when they are too many.
func (x *index) collect(wide netip.Prefix) (ids []uint32, all bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, id := range x.tree.Subnets(wide) {
		for ; id != 0; id = x.records.at(id).next {
			ids = append(ids, id)
		}
		if len(ids) > maxUnder {
			return nil, false
		}
	}
	return ids, true
}

// outermost drops the prefixes that lie in another one before them.
func outermost(sorted []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range sorted {
		if n := len(out); n == 0 || out[n-1].Bits() > p.Bits() || !out[n-1].Contains(p.Addr()) {
			out = append(out, p)
		}
	}
	return out
}

// settle makes both verdicts of every route the same again, after the turn.
func (x *index) settle(slot uint8, tell hear) int {
	x.mu.Lock()
	ids := x.touched
	x.touched = nil
	x.mu.Unlock()
	changed := 0
	for some := range slices.Chunk(ids, maxBatch) {
		x.batch(tell, func(changes []Change) []Change {
			for _, id := range some {
				r := x.records.at(id)
				if r.flags&live == 0 || r.verdict[0] == r.verdict[1] {
					continue // ended, or here for the second time
				}
				changed++
				if tell != nil {
					changes = append(changes, x.change(r, r.verdict[1-slot]))
				}
				r.verdict[1-slot] = r.verdict[slot]
			}
			return changes
		})
	}
	return changed
}

// manyPrefixes: beyond so many changed prefixes all routes are judged again.
const manyPrefixes = 20_000

// touchOf compares two views.
func touchOf(before, after *view, under []netip.Prefix, customers []uint32) touch {
	// The first attestation of all, and the loss of the last, change what every
	// path of a neighbor with a role is.
	if before.own != after.own || len(under) > manyPrefixes || (before.aspas.Len() == 0) != (after.aspas.Len() == 0) {
		return touch{everything: true}
	}
	return touch{under: under, customers: customers}
}
