package rtbh

import (
	"iter"
	"slices"
)

// tail is a list that grows at its end and loses its oldest. Its blocks are never
// moved or written again once they are full, so a clone shares them, and neither
// growing nor losing copies what stays: a list of 20,000 records that did cost a
// burst of blackholes a fifth of what it allocated.
type tail[T any] struct {
	blocks [][]T // all but the last are full
	gone   int   // values of the first block that were dropped
	count  int
}

const tailBlock = 512 // values in a block

func (l *tail[T]) len() int { return l.count }

// at returns a value by its place; the oldest has 0.
func (l *tail[T]) at(i int) *T {
	i += l.gone
	return &l.blocks[i/tailBlock][i%tailBlock]
}

func (l *tail[T]) add(v T) {
	if n := len(l.blocks); n == 0 || len(l.blocks[n-1]) == tailBlock {
		l.blocks = append(l.blocks, make([]T, 0, tailBlock))
	}
	last := &l.blocks[len(l.blocks)-1]
	*last = append(*last, v)
	l.count++
}

// drop takes the n oldest away.
func (l *tail[T]) drop(n int) {
	if n == l.count {
		*l = tail[T]{}
		return
	}
	l.gone, l.count = l.gone+n, l.count-n
	if whole := l.gone / tailBlock; whole > 0 {
		l.blocks = slices.Clone(l.blocks[whole:]) // the array before would keep those that are gone
		l.gone %= tailBlock
	}
}

// trim drops the oldest once there are an eighth more than keep. How many are
// kept is part of the replicated state.
func (l *tail[T]) trim(keep int) {
	if l.count > keep+keep/8 {
		l.drop(l.count - keep)
	}
}

// cutBack makes a copy that was kept by assignment what it was then: the list has
// grown since, within the same block. The list itself is not used any more.
func (l *tail[T]) cutBack() {
	if n := len(l.blocks); n > 0 {
		last := &l.blocks[n-1]
		*last = (*last)[:l.gone+l.count-(n-1)*tailBlock]
	}
}

// clone returns a list that grows by itself.
func (l *tail[T]) clone() tail[T] {
	c := tail[T]{blocks: slices.Clone(l.blocks), gone: l.gone, count: l.count}
	if n := len(c.blocks); n > 0 {
		c.blocks[n-1] = append(make([]T, 0, tailBlock), c.blocks[n-1]...)
	}
	return c
}

// parts returns the values in order, block by block.
func (l *tail[T]) parts() iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for i, b := range l.blocks {
			if i == 0 {
				b = b[l.gone:]
			}
			if !yield(b) {
				return
			}
		}
	}
}

// all returns the values, the oldest first.
func (l *tail[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range l.count {
			if !yield(l.at(i)) {
				return
			}
		}
	}
}

// backward returns the values, the newest first.
func (l *tail[T]) backward() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range l.count {
			if !yield(l.at(l.count - 1 - i)) {
				return
			}
		}
	}
}
