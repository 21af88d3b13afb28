package grammar

import (
	"fmt"
	"strconv"
	"strings"
)

// op is how a node of a pattern's syntax tree joins its parts.
type op uint8

const (
	opToken    op = iota
	opSequence    // a b
	opOneOf       // <a|b>
	opOptional    // [a]
	opAnyOrder    // {a|b}
	opRepeat      // a...
)

// node is one node of a pattern's syntax tree.
type node struct {
	op    op
	token int // index into the pattern's tokens, of opToken
	kids  []*node
}

// simple takes the brackets off a single element.
func (n *node) simple() *node {
	if len(n.kids) == 1 && n.op != opAnyOrder {
		return n.kids[0]
	}
	return n
}

// patternParser turns a pattern into its syntax tree and its tokens in order.
type patternParser struct {
	text   string
	at     int
	tokens []token
}

func parsePattern(text string) (*node, []token, error) {
	p := &patternParser{text: text}
	root, err := p.sequence()
	if err == nil && p.at < len(text) {
		err = p.fail("unexpected %q", text[p.at:p.at+1])
	}
	if err != nil {
		return nil, nil, err
	}
	return root, p.tokens, nil
}

func (p *patternParser) fail(format string, args ...any) error {
	return fmt.Errorf("pattern %q, column %d: %s", p.text, p.at+1, fmt.Sprintf(format, args...))
}

// next returns the character at hand, 0 at the end.
func (p *patternParser) next() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *patternParser) sequence() (*node, error) {
	seq := &node{op: opSequence}
	for {
		for p.next() == ' ' {
			p.at++
		}
		switch p.next() {
		case 0, '|', '>', ']', '}':
			if len(seq.kids) == 0 {
				return nil, p.fail("an element is missing")
			}
			return seq.simple(), nil
		}
		kid, err := p.element()
		if err != nil {
			return nil, err
		}
		seq.kids = append(seq.kids, kid)
	}
}

func (p *patternParser) element() (*node, error) {
	n, err := p.plain()
	if err != nil {
		return nil, err
	}
	if p.next() == '$' {
		p.at++
		name := p.run(func(c byte) bool { return isLower(c) || isDigit(c) || c == '-' || c == '_' })
		if name == "" || !p.setName(n, name) {
			return nil, p.fail("$%s names no single element", name)
		}
	}
	if strings.HasPrefix(p.text[p.at:], "...") {
		p.at += 3
		n = &node{op: opRepeat, kids: []*node{n}}
	}
	return n, nil
}

func (p *patternParser) plain() (*node, error) {
	switch p.next() {
	case '<':
		return p.branches(opOneOf, '>')
	case '[':
		inner, err := p.branches(opOneOf, ']')
		if err != nil {
			return nil, err
		}
		return &node{op: opOptional, kids: []*node{inner}}, nil
	case '{':
		return p.branches(opAnyOrder, '}')
	case '(':
		return p.numberRange()
	}
	text := p.run(func(c byte) bool { return !strings.ContainsRune(" <>[]{}|()$", rune(c)) })
	if cut, dots := strings.CutSuffix(text, "..."); dots {
		text = cut
		p.at -= 3
	}
	t := token{kind: kindOf(text), text: text, name: text}
	if t.kind == keyword && !isKeyword(text) {
		return nil, p.fail("%q is neither a keyword nor a value", text)
	}
	return p.add(t), nil
}

func (p *patternParser) branches(o op, end byte) (*node, error) {
	n := &node{op: o}
	for {
		p.at++ // the bracket or the bar
		kid, err := p.sequence()
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
		switch p.next() {
		case '|':
			continue
		case end:
			p.at++
			return n.simple(), nil
		}
		return nil, p.fail("expected '|' or %q", string(end))
	}
}

func (p *patternParser) numberRange() (*node, error) {
	p.at++
	low, high, _ := strings.Cut(p.run(func(c byte) bool { return isDigit(c) || c == '-' }), "-")
	lo, err1 := strconv.ParseUint(low, 10, 64)
	hi, err2 := strconv.ParseUint(high, 10, 64)
	if err1 != nil || err2 != nil || lo > hi || p.next() != ')' {
		return nil, p.fail("a range looks like (1-65535)")
	}
	p.at++
	text := fmt.Sprintf("<%d-%d>", lo, hi)
	return p.add(token{kind: number, text: text, name: text, min: lo, max: hi}), nil
}

func (p *patternParser) add(t token) *node {
	p.tokens = append(p.tokens, t)
	return &node{op: opToken, token: len(p.tokens) - 1}
}

func (p *patternParser) run(ok func(byte) bool) string {
	from := p.at
	for p.at < len(p.text) && ok(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

// setName gives the one token of n, or of each branch of n, its name.
func (p *patternParser) setName(n *node, name string) bool {
	switch n.op {
	case opToken:
		p.tokens[n.token].name, p.tokens[n.token].named = name, true
		return true
	case opOneOf, opOptional:
		for _, kid := range n.kids {
			if !p.setName(kid, name) {
				return false
			}
		}
		return true
	}
	return false
}

func kindOf(text string) kind {
	switch text {
	case "A.B.C.D":
		return ipv4
	case "A.B.C.D/M":
		return ipv4Prefix
	case "X:X::X:X":
		return ipv6
	case "X:X::X:X/M":
		return ipv6Prefix
	case "LINE":
		return line
	}
	for i := range len(text) {
		c := text[i]
		if !isCapital(c) && (i == 0 || !isDigit(c) && !strings.ContainsRune(":_-", rune(c))) {
			return keyword
		}
	}
	if text == "" {
		return keyword
	}
	return word
}

func isKeyword(text string) bool {
	if text == "*" { // all of them, as in `clear ip bgp *`
		return true
	}
	for i := range len(text) {
		if c := text[i]; !isLower(c) && !isDigit(c) && (i == 0 || !isCapital(c) && !strings.ContainsRune("-_.:", rune(c))) {
			return false
		}
	}
	return text != ""
}

func isLower(c byte) bool   { return 'a' <= c && c <= 'z' }
func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool   { return '0' <= c && c <= '9' }

// show writes a pattern as `list` does: Quagga's brackets, no names.
func show(n *node, tokens []token) string {
	join := func(sep string) string {
		parts := make([]string, len(n.kids))
		for i, kid := range n.kids {
			parts[i] = show(kid, tokens)
		}
		return strings.Join(parts, sep)
	}
	switch n.op {
	case opToken:
		return tokens[n.token].text
	case opSequence:
		return join(" ")
	case opOneOf:
		return "(" + join("|") + ")"
	case opAnyOrder:
		return "{" + join("|") + "}"
	case opRepeat:
		return join("") + "..."
	}
	inner := join("")
	if kid := n.kids[0]; kid.op == opOneOf { // [ ] bracket enough
		inner = strings.TrimSuffix(strings.TrimPrefix(inner, "("), ")")
	}
	return "[" + inner + "]"
}
