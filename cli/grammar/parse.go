package grammar

import "slices"

// Parse reads a line in a mode for a role. The error is [ErrBlank] or *[Error].
func (t *Table[C]) Parse(mode *Mode, line string, who Role) (*Row[C], *Match, error) {
	first := nextWord(line, 0)
	if first.from == first.to || line[first.from] == '!' || line[first.from] == '#' {
		return nil, nil, ErrBlank
	}
	var worst *Error
	for m := mode; m != nil; m = m.Parent {
		c, match, err := parse(t.modes[m], line, func(c *compiled) bool {
			return c.users.includes(who) && (m == mode || m.Open || c.enters)
		})
		if err == nil {
			match.Mode = m
			return &t.data[c.row], match, nil
		}
		worst = farther(worst, err)
		if err.Kind != Unknown {
			break
		}
	}
	return nil, nil, worst
}

// farther keeps the error that got farther into the line; where both got as far,
// what either mode expected.
func farther(a, b *Error) *Error {
	switch {
	case a == nil || b.Column > a.Column:
		return b
	case b.Column == a.Column && b.Kind == Unknown:
		a.Expected = slices.Compact(slices.Sorted(slices.Values(append(a.Expected, b.Expected...))))
	}
	return a
}

func parse(rows []*compiled, line string, keep func(*compiled) bool) (*compiled, *Match, *Error) {
	w := newWalk(rows, line, keep)
	defer w.done()
	stuck := w.run(len(line))
	if stuck.from < stuck.to {
		return nil, nil, w.unknown(stuck)
	}
	r, tie := w.best((*reading).whole)
	switch {
	case r == nil:
		return nil, nil, w.incomplete()
	case tie:
		return nil, nil, w.ambiguous((*reading).whole)
	}
	return r.c, w.match(r), nil
}

// unknown says that no reading could take a word.
func (w *walk) unknown(s span) *Error {
	return &Error{Kind: Unknown, Line: w.line, Column: s.from + 1, Found: w.line[s.from:s.to], Expected: w.expected()}
}

// incomplete says that the line must go on; or, as Quagga does, that it is
// ambiguous already when its best readings differ.
func (w *walk) incomplete() *Error {
	any := func(*reading) bool { return true }
	if _, tie := w.best(any); tie {
		return w.ambiguous(any)
	}
	return &Error{Kind: Incomplete, Line: w.line, Column: w.after() + 1, Expected: w.expected()}
}

func (w *walk) expected() []string {
	var all []string
	ends := false
	for i := range w.live {
		ends = ends || w.live[i].whole() && !w.live[i].c.hidden
	}
	w.next(func(r *reading, t *token) {
		if !r.c.hidden {
			all = append(all, t.text)
		}
	})
	all = slices.Compact(slices.Sorted(slices.Values(all)))
	if ends {
		all = append(all, "the end of the line")
	}
	return all
}

// ambiguous names the first word at which the best readings differ.
func (w *walk) ambiguous(ok func(*reading) bool) *Error {
	winner, _ := w.best(ok)
	var paths [][]*token
	for i := range w.live {
		r := &w.live[i]
		if !ok(r) || r.rank != winner.rank {
			continue
		}
		paths = append(paths, w.tokens(r.c, r.step))
		if r.rival > 0 {
			paths = append(paths, w.tokens(r.c, r.rival))
		}
	}
	split := len(w.words) - 1
	for _, p := range paths {
		for i, t := range p[:min(split, len(p))] {
			if t.symbol != paths[0][i].symbol {
				split = i
				break
			}
		}
	}
	e := &Error{Kind: Ambiguous, Line: w.line, Column: w.words[split].from + 1}
	e.Found = w.line[w.words[split].from:w.words[split].to]
	for _, p := range paths {
		if split < len(p) {
			e.Expected = append(e.Expected, p[split].text)
		}
	}
	e.Expected = slices.Compact(slices.Sorted(slices.Values(e.Expected)))
	return e
}
