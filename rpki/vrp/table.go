// Package vrp holds a set of VRPs and ASPAs in the shape in which routes are
// validated against them, and the rules of validation: route origins by RFC
// 6811, AS paths by ASPA (draft-ietf-sidrops-aspa-verification).
//
// Tables never change: a delta makes a new one that shares almost everything
// with the one before, so that readers need no lock. The package must not know
// caches, sessions, neighbors or who keeps routes. rpki and its sub-packages
// call it.
package vrp

import (
	"iter"
	"net/netip"
	"slices"
	"sync"

	"github.com/gaissmai/bart"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// Table answers which VRPs cover a prefix. The zero value is not usable; New(nil)
// is an empty one.
type Table struct {
	v4, v6 *bart.Table[cell]
	n      int
}

// entry is a VRP without its prefix.
type entry struct {
	asn uint32
	max uint8
}

// cell holds the VRPs of one prefix. Most have one, which needs no allocation.
// The slice behind more never changes.
type cell struct {
	entry
	more *[]entry
}

func (c cell) entries() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		if !yield(c.entry) || c.more == nil {
			return
		}
		for _, e := range *c.more {
			if !yield(e) {
				return
			}
		}
	}
}

func cellOf(all []entry) cell {
	c := cell{entry: all[0]}
	if len(all) > 1 {
		more := slices.Clone(all[1:])
		c.more = &more
	}
	return c
}

// New makes the table of a set; both address families at once, since this is
// most of the time from the last octet of a cache to the first verdict.
func New(set *rtr.Set) *Table {
	t := &Table{v4: &bart.Table[cell]{}, v6: &bart.Table[cell]{}, n: set.Len()}
	var other sync.WaitGroup
	other.Go(func() { fill(t.v6, set.V6()) })
	fill(t.v4, set.V4())
	other.Wait()
	return t
}

// fill relies on the order of a set: all VRPs of a prefix are neighbors.
func fill(t *bart.Table[cell], all iter.Seq[rtr.VRP]) {
	var at netip.Prefix
	var same []entry
	for v := range all {
		if v.Prefix != at && len(same) > 0 {
			t.Insert(at, cellOf(same))
			same = same[:0]
		}
		at = v.Prefix
		same = append(same, entry{v.ASN, v.MaxLen})
	}
	if len(same) > 0 {
		t.Insert(at, cellOf(same))
	}
}

// rebuildShare: a difference of more than this part of a table is cheaper to
// build anew than to apply.
const (
	rebuildShare = 16
	rebuildLeast = 4 // so that small tables in tests take the other way too
)

// Delta is what differs between two tables.
type Delta struct {
	Prefixes       []netip.Prefix // whose VRPs changed: sorted, each once; not with Rebuilt
	Rebuilt        bool           // so much differs that the table was built anew
	Added, Removed int            // VRPs
}

// Update makes the table of after, given that t is the table of before. Whatever
// lies under a prefix of the delta may have another verdict now, and nothing else.
func (t *Table) Update(before, after *rtr.Set) (*Table, Delta) {
	var d Delta
	limit := max((before.Len()+after.Len())/rebuildShare, rebuildLeast)
	next := &Table{t.v4, t.v6, after.Len()}
	var same []change // of one prefix: a change of the tree costs much more than one of a cell
	for v, added := range rtr.Diff(before, after) {
		if d.Added+d.Removed == limit {
			d = Delta{Rebuilt: true}
			d.Added, d.Removed = rtr.Changes(before, after)
			return New(after), d
		}
		if added {
			d.Added++
		} else {
			d.Removed++
		}
		if n := len(d.Prefixes); n == 0 || d.Prefixes[n-1] != v.Prefix {
			next.apply(same, d.Prefixes)
			same = same[:0]
			d.Prefixes = append(d.Prefixes, v.Prefix)
		}
		same = append(same, change{entry{v.ASN, v.MaxLen}, added})
	}
	next.apply(same, d.Prefixes)
	return next, d
}

// change is a VRP of one prefix that comes or goes.
type change struct {
	entry
	add bool
}

// apply replaces the tree of one family by one that differs in the VRPs of the
// last prefix. It is for a table that nobody else has yet.
func (t *Table) apply(all []change, prefixes []netip.Prefix) {
	if len(all) == 0 {
		return
	}
	p := prefixes[len(prefixes)-1]
	tree := &t.v6
	if p.Addr().Is4() {
		tree = &t.v4
	}
	*tree = (*tree).ModifyPersist(p, func(c cell, there bool) (cell, bool) {
		var now []entry
		if there {
			now = slices.Collect(c.entries())
		}
		for _, x := range all {
			if x.add {
				now = append(now, x.entry)
			} else {
				now = slices.DeleteFunc(now, func(e entry) bool { return e == x.entry })
			}
		}
		if len(now) == 0 {
			return cell{}, true
		}
		return cellOf(now), false
	})
}

// Len returns the number of VRPs.
func (t *Table) Len() int { return t.n }

func (t *Table) family(p netip.Prefix) *bart.Table[cell] {
	if p.Addr().Is4() {
		return t.v4
	}
	return t.v6
}

// Covering returns the VRPs whose prefix covers p, the longest first, then by
// ASN and maxLength.
func (t *Table) Covering(p netip.Prefix) []rtr.VRP {
	var out []rtr.VRP
	for at, c := range t.family(p).Supernets(p) {
		out = appendCell(out, at, c)
	}
	return out
}

// Under returns the VRPs of p and of every prefix under it, in order.
func (t *Table) Under(p netip.Prefix) []rtr.VRP {
	var out []rtr.VRP
	for at, c := range t.family(p).Subnets(p) {
		out = appendCell(out, at, c)
	}
	return out
}

func appendCell(out []rtr.VRP, p netip.Prefix, c cell) []rtr.VRP {
	first := len(out)
	for e := range c.entries() {
		out = append(out, rtr.VRP{Prefix: p, MaxLen: e.max, ASN: e.asn})
	}
	slices.SortFunc(out[first:], func(a, b rtr.VRP) int {
		if a.ASN != b.ASN {
			if a.ASN < b.ASN {
				return -1
			}
			return 1
		}
		return int(a.MaxLen) - int(b.MaxLen)
	})
	return out
}
