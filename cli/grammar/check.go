package grammar

import "fmt"

// Check finds what would be wrong with the table for a user, for a test to
// show: rows without modes or handler, tokens without help, and rows that read
// one line equally well.
func (t *Table[C]) Check() []error {
	var all []error
	for i, r := range t.data {
		if len(r.Modes) == 0 || r.Run == nil {
			all = append(all, fmt.Errorf("row %q: needs a mode and a handler", r.Pattern))
		}
		if len(r.Help) > len(t.rows[i].tokens) {
			all = append(all, fmt.Errorf("row %q: more lines of help than tokens", r.Pattern))
		}
		for _, tok := range t.rows[i].tokens {
			if tok.help == "" && !r.Hidden {
				all = append(all, fmt.Errorf("row %q: %q has no help", r.Pattern, tok.text))
			}
		}
	}
	for _, m := range t.order {
		rows := t.modes[m]
		for i, a := range rows {
			for _, b := range rows[i:] {
				if line, found := rivals(a, b); found {
					all = append(all, fmt.Errorf("mode %s: %q is read equally well by %q and %q",
						m.Name, line, t.data[a.row].Pattern, t.data[b.row].Pattern))
				}
			}
		}
	}
	return all
}

// twin is a walk through two graphs by the same words, each word read in the same
// class by both.
type twin struct {
	a, b           int32
	takenA, takenB uint64
	apart          bool // the walks have differed; two rows always do
}

// rivals looks for a line that two rows, or two ways through one row, read
// equally well. It returns that line.
func rivals(a, b *compiled) (string, bool) {
	if a != b && a.users != Everyone && b.users != Everyone && a.users&b.users == 0 {
		return "", false // nobody sees both
	}
	start := twin{a: -1, b: -1, apart: a != b}
	seen := map[twin]string{start: ""}
	queue := []twin{start}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, ea := range a.edges(at.a) {
			for _, eb := range b.edges(at.b) {
				both, ok := collide(&a.tokens[ea.to], &b.tokens[eb.to])
				if !ok || !ea.open(at.takenA) || !eb.open(at.takenB) {
					continue
				}
				next := twin{ea.to, eb.to, at.takenA | ea.taking, at.takenB | eb.taking, at.apart || ea != eb}
				if _, ok := seen[next]; ok {
					continue
				}
				seen[next] = seen[at] + both + " "
				if next.apart && a.final[ea.to] && b.final[eb.to] {
					return seen[next], true
				}
				queue = append(queue, next)
			}
		}
	}
	return "", false
}

// collide tells whether one word is read in the same class by both tokens.
// Keywords do when they are the same: two that share a beginning are what
// abbreviation is about.
func collide(a, b *token) (string, bool) {
	switch {
	case a.kind == number && b.kind == number:
		return a.text, a.min <= b.max && b.min <= a.max
	case a.kind == keyword || b.kind == keyword:
		return a.text, a.text == b.text
	}
	return a.text, a.kind == b.kind
}
