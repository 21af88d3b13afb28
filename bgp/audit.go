package bgp

import (
	"iter"
	"maps"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// audit replaces what we believe the tables hold by what they do hold, and has all
// looked at that is not as desired. Listing 100,000 routes takes a second, which no
// new blackhole may wait for: so it runs beside the reconciler, and leaves alone what
// that has touched since the listing began.
func (r *reconciler) audit() {
	for _, d := range r.list() {
		r.locked(func() { r.watch(d, map[netip.Prefix]struct{}{}) }) // no change is half done
		held, err := r.table.held(d.name)
		if r.over.Load() {
			return // what a table that is being taken down answers says nothing
		}
		if err == nil {
			if n := r.believe(d, held); n > 0 {
				r.log.Warn("announced routes were not what they should be; repairing", "route_map", d.name, "routes", n)
			}
		} else if slices.Contains(r.list(), d) { // not taken away meanwhile
			r.log.Warn("audit of the announced routes failed", "route_map", d.name, "error", err)
		}
		r.watch(d, nil)
	}
	r.wake(r.undesired(), false)
}

// undesired returns the prefixes at which a table was told something else than is
// desired, or nothing. What is on its way just now may be among them.
func (r *reconciler) undesired() (all []netip.Prefix) {
	want := r.wanted()
	for _, d := range r.list() {
		all = append(all, r.differing(d, r.export(d, want))...)
	}
	return all
}

// watch has the prefixes noted that are changed from now on; nil ends it.
func (r *reconciler) watch(d *dialect, touched map[netip.Prefix]struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d.touched = touched
}

// believe sets told to held and returns in how many prefixes they differed. It
// takes the lock for a batch at a time.
func (r *reconciler) believe(d *dialect, held []rtbh.Route) (differ int) {
	now := make(map[netip.Prefix]rtbh.Route, len(held))
	for _, h := range held {
		now[h.Prefix] = h
	}
	r.mu.Lock()
	both := slices.Collect(maps.Keys(d.told))
	r.mu.Unlock()
	both = slices.AppendSeq(both, maps.Keys(now))
	for batch := range slices.Chunk(both, batchSize) {
		differ += r.believeSome(d, now, batch)
	}
	return differ
}

func (r *reconciler) believeSome(d *dialect, held map[netip.Prefix]rtbh.Route, prefixes []netip.Prefix) (differ int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range prefixes {
		if _, touched := d.touched[p]; touched {
			continue
		}
		h, isHeld := held[p]
		t, isTold := d.has(p)
		switch {
		case isHeld && (!isTold || !t.Equal(h)):
			d.tell(h)
			differ++
		case isTold && !isHeld:
			d.untell(p)
			differ++
		}
	}
	return differ
}

// differing returns the prefixes at which a dialect has out something else than
// wanted, which is sorted, or anything that is not wanted; sorted. Like the rest of
// the audit it holds nobody up for long.
func (r *reconciler) differing(d *dialect, wanted []rtbh.Route) (all []netip.Prefix) {
	has := 0
	for batch := range slices.Chunk(wanted, batchSize) {
		r.mu.Lock()
		for _, w := range batch {
			told, is := d.has(w.Prefix)
			if is {
				has++
			}
			if !is || !told.Equal(w) {
				all = append(all, w.Prefix)
			}
		}
		r.mu.Unlock()
	}
	r.mu.Lock()
	var told []netip.Prefix
	if n := len(d.told); n != has {
		told = slices.AppendSeq(make([]netip.Prefix, 0, n), maps.Keys(d.told))
	}
	r.mu.Unlock()
	for _, p := range told {
		_, is := slices.BinarySearchFunc(wanted, p, func(w rtbh.Route, p netip.Prefix) int { return comparePrefix(w.Prefix, p) })
		if !is {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, comparePrefix)
	return all
}

// touch notes, before it happens, that the table is changed at these prefixes.
func (r *reconciler) touch(d *dialect, prefixes iter.Seq[netip.Prefix]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.touched == nil {
		return
	}
	for p := range prefixes {
		d.touched[p] = struct{}{}
	}
}
