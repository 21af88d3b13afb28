package grammar

import (
	"slices"
	"sync"
)

// walk follows a line through the graphs of all rows at once. After each word it
// holds every reading of the line so far; where two readings of one row stand at
// the same place, only the better one stays, so that their number is bounded by
// the table and the work grows only with the line's length.
type walk struct {
	line    string
	words   []span // read so far
	live    []reading
	spare   []reading
	history []step
	heard   []verdict // on the word at hand
}

// span is a word's place in the line.
type span struct{ from, to int }

// reading is one way to read the words so far.
type reading struct {
	c     *compiled
	at    int32  // the token that took the last word, -1 before the first
	taken uint64 // branches of {} groups entered
	rank  int32  // order among the live readings; least is best, equal is equal
	trail int32  // equal for readings that took the words by tokens of the same text
	step  int32  // its last step in the history, -1 before the first
	rival int32  // the last step of a reading that was just as good where both met; 0 = none
}

// verdict is how the word at hand reads as a value: many rows ask about the same.
type verdict struct {
	symbol int32
	how    class
	ok     bool
}

// step is one word taken by one token; the chain of steps is a reading's past.
type step struct{ before, at int32 }

// walks keeps what walks have allocated: a thousand pasted lines are a thousand
// walks through the same table.
var walks = sync.Pool{New: func() any { return &walk{} }}

func newWalk(rows []*compiled, line string, keep func(*compiled) bool) *walk {
	w := walks.Get().(*walk)
	w.line = line
	w.words, w.live, w.spare, w.history, w.heard = w.words[:0], w.live[:0], w.spare[:0], w.history[:0], w.heard[:0]
	for _, c := range rows {
		if keep(c) {
			w.live = append(w.live, reading{c: c, at: -1, step: -1})
		}
	}
	return w
}

// mostKept bounds what a line of a megabyte leaves behind.
const mostKept = 1 << 12

// done gives the walk back. Nothing of it may be used any more.
func (w *walk) done() {
	if w.line = ""; cap(w.words) <= mostKept && cap(w.history) <= mostKept {
		walks.Put(w)
	}
}

// nextWord returns the place of the first word at or after from; it is empty at
// the line's end.
func nextWord(line string, from int) span {
	for from < len(line) && isBlank(line[from]) {
		from++
	}
	to := from
	for to < len(line) && !isBlank(line[to]) {
		to++
	}
	return span{from, to}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// after returns where the words read so far end.
func (w *walk) after() int {
	if len(w.words) == 0 {
		return 0
	}
	return w.words[len(w.words)-1].to
}

// run reads the words of the line up to end. It returns the first word that no
// reading could take; that word is empty when all were taken.
func (w *walk) run(end int) span {
	for {
		s := nextWord(w.line[:end], w.after())
		if s.from == s.to || !w.advance(s) {
			return s
		}
		if len(w.words) > 1 && w.onlyLines() {
			return w.skim(end)
		}
	}
}

// onlyLines tells whether LINE has taken over in every reading: then the rest
// changes nothing, and a line of a megabyte costs one look.
func (w *walk) onlyLines() bool {
	for _, r := range w.live {
		if r.c.tokens[r.at].kind != line {
			return false
		}
	}
	return true
}

// skim takes the rest of the line as part of LINE.
func (w *walk) skim(end int) span {
	for s := nextWord(w.line[:end], w.after()); s.from < s.to; s = nextWord(w.line[:end], s.to) {
		if !readable(w.line[s.from:s.to]) {
			return s
		}
	}
	return span{end, end}
}

// advance takes one word. When nothing reads it, it answers false and leaves the
// readings as they were.
func (w *walk) advance(s span) bool {
	text := w.line[s.from:s.to]
	next := w.spare[:0]
	w.heard = w.heard[:0]
	for i := range w.live {
		next = w.branch(next, &w.live[i], text)
	}
	w.spare = next[:0]
	if len(next) == 0 {
		return false
	}
	w.live, w.spare = next, w.live[:0]
	w.words = append(w.words, s)
	w.settle()
	return true
}

// branch appends every reading that goes on from r by one word. Its rank and
// trail are provisional until settle.
func (w *walk) branch(next []reading, r *reading, text string) []reading {
	if r.at < 0 && r.c.lead != 0 && r.c.lead != text[0] {
		return next
	}
	for _, e := range r.c.edges(r.at) {
		if !e.open(r.taken) {
			continue
		}
		how, ok := w.read(&r.c.tokens[e.to], text)
		if !ok || r.c.full && how == asPartial {
			continue
		}
		n := *r
		n.at, n.taken = e.to, r.taken|e.taking
		n.rank = r.rank*int32(classes) + int32(how)
		w.history = append(w.history, step{before: r.step, at: e.to})
		n.step = int32(len(w.history) - 1)
		next = meet(next, n)
	}
	return next
}

// read is token.read, asked once for each kind of value.
func (w *walk) read(t *token, text string) (class, bool) {
	if t.kind == keyword {
		return t.read(text)
	}
	for _, v := range w.heard {
		if v.symbol == t.symbol {
			return v.how, v.ok
		}
	}
	how, ok := t.read(text)
	w.heard = append(w.heard, verdict{t.symbol, how, ok})
	return how, ok
}

// meet appends a reading unless one of the same row stands at the same place:
// then the better stays, and two equals are a tie.
func meet(next []reading, n reading) []reading {
	for i := len(next) - 1; i >= 0 && next[i].c == n.c; i-- {
		o := &next[i]
		if o.at != n.at || o.taken != n.taken {
			continue
		}
		switch {
		case n.rank < o.rank:
			*o = n
		case n.rank == o.rank && n.trail != o.trail:
			o.rival = n.step
		case n.rank == o.rank && o.rival == 0:
			o.rival = n.rival // the same words, but n has met its equal before
		}
		return next
	}
	return append(next, n)
}

// settle numbers ranks and trails anew from 0, so that they stay small however
// long the line is.
func (w *walk) settle() {
	var ranks [16]int32
	seen := ranks[:0]
	type pair struct{ trail, symbol int32 }
	var pairs [16]pair
	trails := pairs[:0]
	for i := range w.live {
		r := &w.live[i]
		if at, found := slices.BinarySearch(seen, r.rank); !found {
			seen = slices.Insert(seen, at, r.rank)
		}
		p := pair{r.trail, r.c.tokens[r.at].symbol}
		at := slices.Index(trails, p)
		if at < 0 {
			at = len(trails)
			trails = append(trails, p)
		}
		r.trail = int32(at)
	}
	for i := range w.live {
		at, _ := slices.BinarySearch(seen, w.live[i].rank)
		w.live[i].rank = int32(at)
	}
}

// best returns the best of the readings that ok takes, and whether another one
// that differs in a word is as good. nil when there is none.
func (w *walk) best(ok func(*reading) bool) (winner *reading, tie bool) {
	for i := range w.live {
		r := &w.live[i]
		if !ok(r) {
			continue
		}
		switch {
		case winner == nil || r.rank < winner.rank:
			winner, tie = r, r.rival > 0
		case r.rank == winner.rank:
			tie = tie || r.rival > 0 || r.trail != winner.trail
		}
	}
	return winner, tie
}

func (r *reading) whole() bool { return r.at >= 0 && r.c.final[r.at] }

// tokens returns what took the words up to a step, in order.
func (w *walk) tokens(c *compiled, last int32) []*token {
	var path []*token
	for s := last; s >= 0; s = w.history[s].before {
		path = append(path, &c.tokens[w.history[s].at])
	}
	slices.Reverse(path)
	return path
}

// next calls yield for each token that could take the next word.
func (w *walk) next(yield func(r *reading, t *token)) {
	for i := range w.live {
		r := &w.live[i]
		for _, e := range r.c.edges(r.at) {
			if e.open(r.taken) {
				yield(r, &r.c.tokens[e.to])
			}
		}
	}
}
