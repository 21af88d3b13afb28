package grammar

import (
	"fmt"

	"slices"
)

// maxBranches bounds the branches of all {a|b} of one pattern: a walk may have to
// keep every set of branches already taken.
const maxBranches = 10

// compiled is one row's pattern as a graph: the tokens are its vertices, and a
// line is a walk over them (Glushkov's construction, so there are no empty steps).
type compiled struct {
	row    int
	users  Role
	enters bool
	hidden bool
	full   bool
	lead   byte // first letter when the pattern starts with one keyword, else 0

	tokens []token
	start  []edge
	follow [][]edge // by token
	final  []bool   // by token: the line may end behind it
	list   string   // as `list` shows it
}

// edge leads to a token. taking is the branch of an {a|b} group that it enters, as a
// bit; it cannot be walked when the walk has that bit already.
type edge struct {
	to     int32
	taking uint64
}

// part is a piece of the pattern while it is being joined.
type part struct {
	first []edge
	last  []int32
	empty bool // the piece may be left out
}

// graph builds a compiled pattern.
type graph struct {
	c        *compiled
	branches int
	inRepeat bool
}

func compile(pattern string) (*compiled, error) {
	root, tokens, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	c := &compiled{
		tokens: tokens,
		follow: make([][]edge, len(tokens)),
		final:  make([]bool, len(tokens)),
		list:   show(root, tokens),
	}
	g := &graph{c: c}
	whole, err := g.build(root)
	if err == nil && whole.empty {
		err = fmt.Errorf("an empty line would match")
	}
	if err == nil {
		err = g.endLines()
	}
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	c.start = whole.first
	for _, t := range whole.last {
		c.final[t] = true
	}
	if len(c.start) == 1 && tokens[c.start[0].to].kind == keyword {
		c.lead = tokens[c.start[0].to].text[0]
	}
	return c, nil
}

func (g *graph) build(n *node) (part, error) {
	if n.op == opToken {
		t := int32(n.token)
		return part{first: []edge{{to: t}}, last: []int32{t}}, nil
	}
	if n.op == opRepeat {
		defer func(outer bool) { g.inRepeat = outer }(g.inRepeat)
		g.inRepeat = true
	}
	parts := make([]part, len(n.kids))
	for i, kid := range n.kids {
		var err error
		if parts[i], err = g.build(kid); err != nil {
			return part{}, err
		}
	}
	switch n.op {
	case opSequence:
		return g.sequence(parts), nil
	case opOneOf:
		return oneOf(parts), nil
	case opOptional:
		parts[0].empty = true
		return parts[0], nil
	case opRepeat:
		g.connect(parts[0].last, parts[0].first)
		return parts[0], nil
	}
	return g.anyOrder(parts)
}

func (g *graph) connect(from []int32, to []edge) {
	for _, f := range from {
		for _, e := range to {
			if !slices.Contains(g.c.follow[f], e) {
				g.c.follow[f] = append(g.c.follow[f], e)
			}
		}
	}
}

func (g *graph) sequence(parts []part) part {
	whole := part{empty: true}
	for _, p := range parts {
		g.connect(whole.last, p.first)
		if whole.empty {
			whole.first = append(whole.first, p.first...)
		}
		if !p.empty {
			whole.last = nil
		}
		whole.last = append(whole.last, p.last...)
		whole.empty = whole.empty && p.empty
	}
	return whole
}

func oneOf(parts []part) part {
	var whole part
	for _, p := range parts {
		whole.first = append(whole.first, p.first...)
		whole.last = append(whole.last, p.last...)
		whole.empty = whole.empty || p.empty
	}
	return whole
}

func (g *graph) anyOrder(parts []part) (part, error) {
	if g.inRepeat {
		return part{}, fmt.Errorf("{} cannot be repeated")
	}
	if g.branches+len(parts) > maxBranches {
		return part{}, fmt.Errorf("more than %d branches in {}", maxBranches)
	}
	for i := range parts {
		if parts[i].empty {
			return part{}, fmt.Errorf("a branch of {} cannot be empty")
		}
		parts[i].first = slices.Clone(parts[i].first)
		for j := range parts[i].first {
			parts[i].first[j].taking |= 1 << (g.branches + i)
		}
	}
	g.branches += len(parts)
	for i := range parts {
		for j := range parts {
			if i != j {
				g.connect(parts[i].last, parts[j].first)
			}
		}
	}
	return oneOf(parts), nil
}

// endLines makes each LINE take all that follows: nothing else may come behind it.
func (g *graph) endLines() error {
	for t, follows := range g.c.follow {
		if g.c.tokens[t].kind != line {
			continue
		}
		for _, e := range follows {
			if e.taking == 0 && e.to != int32(t) {
				return fmt.Errorf("%s stands behind LINE", g.c.tokens[e.to].text)
			}
		}
		g.c.follow[t] = []edge{{to: int32(t)}}
	}
	return nil
}

// edges returns where a walk may go from a token; at -1 it has not begun.
func (c *compiled) edges(at int32) []edge {
	if at < 0 {
		return c.start
	}
	return c.follow[at]
}

func (e edge) open(taken uint64) bool { return e.taking&taken == 0 }
