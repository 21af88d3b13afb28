package rtr

import (
	"slices"
	"sort"
)

// pageLen is how many records a page has when it is made. A delta copies only
// the pages that it changes.
const pageLen = 512

// pages is a sorted set of records in pages that never change; sets share the
// pages in which they are equal.
type pages[T record[T]] struct {
	list [][]T // no page is empty
	n    int
}

// fault is the first operation of an epoch that is impossible.
type fault[T any] struct{ what T }

// sorted makes a set of records that may be in any order; the argument is
// sorted and copied. A record that comes twice is the fault.
func sorted[T record[T]](all []T) (pages[T], *fault[T]) {
	sortRecords(all)
	for i := 1; i < len(all); i++ {
		if all[i] == all[i-1] {
			return pages[T]{}, &fault[T]{all[i]}
		}
	}
	p := pages[T]{list: make([][]T, 0, len(all)/pageLen+1)}
	p.add(all)
	return p, nil
}

// add appends records that come behind all others.
func (p *pages[T]) add(all []T) {
	for page := range slices.Chunk(all, pageLen) {
		p.list = append(p.list, slices.Clone(page)) // Clone: the argument may be part of something large
		p.n += len(page)
	}
}

// keep appends a page as it is.
func (p *pages[T]) keep(page []T) {
	p.list = append(p.list, page)
	p.n += len(page)
}

// at returns the index of the page that holds r or would.
func (p pages[T]) at(r T) int {
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i][0].order(r) > 0 })
	return max(i-1, 0)
}

func (p pages[T]) has(r T) bool {
	if len(p.list) == 0 {
		return false
	}
	_, found := slices.BinarySearchFunc(p.list[p.at(r)], r, T.order)
	return found
}

// apply returns the set after operations, which may be in any order of records
// but keep the order in which they came for each record. The set itself stays.
func (p pages[T]) apply(ops []T) (pages[T], *fault[T]) {
	slices.SortStableFunc(ops, T.order)
	out := pages[T]{list: make([][]T, 0, len(p.list)+1)}
	next := 0
	for len(ops) > 0 && len(p.list) > 0 {
		at := p.at(ops[0])
		for ; next < at; next++ {
			out.keep(p.list[next])
		}
		mine := len(ops)
		if at+1 < len(p.list) {
			first := p.list[at+1][0]
			mine = sort.Search(len(ops), func(i int) bool { return ops[i].order(first) >= 0 })
		}
		page, bad := merge(p.list[at], ops[:mine])
		if bad != nil {
			return pages[T]{}, bad
		}
		out.addPage(page)
		ops, next = ops[mine:], at+1
	}
	if len(ops) > 0 {
		page, bad := merge(nil, ops)
		if bad != nil {
			return pages[T]{}, bad
		}
		out.add(page)
	}
	for ; next < len(p.list); next++ {
		out.keep(p.list[next])
	}
	return out, nil
}

// addPage appends a merged page, split when it has grown to twice its length.
func (p *pages[T]) addPage(page []T) {
	switch {
	case len(page) >= 2*pageLen:
		p.add(page)
	case len(page) > 0:
		p.keep(page)
	}
}

// merge applies operations, stably sorted, to one page.
func merge[T record[T]](page, ops []T) ([]T, *fault[T]) {
	out := make([]T, 0, len(page)+len(ops))
	for len(ops) > 0 {
		r := ops[0].bare()
		before, there := slices.BinarySearchFunc(page, r, T.order)
		out = append(out, page[:before]...)
		page = page[before:]
		if there {
			page = page[1:]
		}
		for len(ops) > 0 && ops[0].bare() == r {
			if there != (ops[0].doing() == withdraw) {
				return nil, &fault[T]{ops[0]}
			}
			there, ops = !there, ops[1:]
		}
		if there {
			out = append(out, r)
		}
	}
	return append(out, page...), nil
}

// diff yields what only a has (false) and what only b has (true), in order. It
// passes over pages that both share.
func diff[T record[T]](a, b pages[T], yield func(r T, added bool) bool) bool {
	x, y := cursor[T]{list: a.list}, cursor[T]{list: b.list}
	for {
		for x.samePage(y) {
			x.page, y.page = x.page+1, y.page+1
		}
		c := 0
		switch {
		case x.end() && y.end():
			return true
		case x.end():
			c = 1
		case y.end():
			c = -1
		default:
			c = x.record().order(y.record())
		}
		if c < 0 && !yield(x.record(), false) || c > 0 && !yield(y.record(), true) {
			return false
		}
		if c <= 0 {
			x.next()
		}
		if c >= 0 {
			y.next()
		}
	}
}

// cursor is a place in a list of pages.
type cursor[T any] struct {
	list    [][]T
	page, i int
}

func (c *cursor[T]) end() bool { return c.page >= len(c.list) }
func (c *cursor[T]) record() T { return c.list[c.page][c.i] }

func (c *cursor[T]) next() {
	if c.i++; c.i == len(c.list[c.page]) {
		c.page, c.i = c.page+1, 0
	}
}

// samePage tells whether both stand at the beginning of one shared page.
func (c *cursor[T]) samePage(o cursor[T]) bool {
	return !c.end() && !o.end() && c.i == 0 && o.i == 0 &&
		&c.list[c.page][0] == &o.list[o.page][0] && len(c.list[c.page]) == len(o.list[o.page])
}
