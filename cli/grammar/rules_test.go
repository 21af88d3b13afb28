package grammar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A sentence is a line that a row must read, with what its words stand for.
type sentence struct {
	words    []string
	keywords []bool
}

func (s *sentence) add(word string, isKeyword bool) {
	s.words, s.keywords = append(s.words, word), append(s.keywords, isKeyword)
}

// speak draws a line that a pattern reads.
func (s *sentence) speak(t *rapid.T, n *node, tokens []token) {
	kids := n.kids
	switch n.op {
	case opToken:
		s.add(drawWord(t, &tokens[n.token]))
		return
	case opOneOf:
		kids = []*node{rapid.SampledFrom(kids).Draw(t, "branch")}
	case opOptional:
		if rapid.Bool().Draw(t, "left out") {
			return
		}
	case opRepeat:
		kids = slices.Repeat(kids, rapid.IntRange(1, 3).Draw(t, "times"))
	case opAnyOrder:
		kids = rapid.Permutation(kids).Draw(t, "order")[:rapid.IntRange(1, len(kids)).Draw(t, "branches")]
		slices.SortStableFunc(kids, func(a, b *node) int { // LINE ends the line
			return strings.Count(show(a, tokens), "LINE") - strings.Count(show(b, tokens), "LINE")
		})
	}
	for _, kid := range kids {
		s.speak(t, kid, tokens)
	}
}

func drawWord(t *rapid.T, tok *token) (word string, isKeyword bool) {
	addr4 := fmt.Sprintf("192.0.2.%d", rapid.IntRange(0, 255).Draw(t, "octet"))
	addr6 := fmt.Sprintf("2001:db8::%x", rapid.IntRange(0, 65535).Draw(t, "group"))
	switch tok.kind {
	case keyword:
		return tok.text, true
	case number:
		return fmt.Sprint(rapid.Uint64Range(tok.min, tok.max).Draw(t, "number")), false
	case ipv4:
		return addr4, false
	case ipv4Prefix:
		return fmt.Sprintf("%s/%d", addr4, rapid.IntRange(0, 32).Draw(t, "bits")), false
	case ipv6:
		return addr6, false
	case ipv6Prefix:
		return fmt.Sprintf("%s/%d", addr6, rapid.IntRange(0, 128).Draw(t, "bits")), false
	}
	return rapid.StringMatching(`[A-Z][A-Za-z0-9]{0,6}`).Draw(t, "word"), false
}

// draw draws a row of the Quagga table and a line for it.
func draw(t *rapid.T) (*compiled, *Mode, *sentence) {
	c := rapid.SampledFrom(quagga.rows).Draw(t, "row")
	row := quagga.data[c.row]
	root, tokens, err := parsePattern(row.Pattern)
	if err != nil {
		t.Fatal(err)
	}
	s := new(sentence)
	s.speak(t, root, tokens)
	return c, row.Modes[0], s
}

func TestEveryRowReadsItsOwnLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, mode, s := draw(t)
		line := strings.Join(s.words, " ")
		row, m, err := quagga.Parse(mode, line, operator)
		if err != nil || row != &quagga.data[c.row] {
			t.Fatalf("%s: %q of %q: %v, %+v", mode.Name, line, c.list, err, row)
		}
		var back []string
		for _, v := range m.values {
			back = append(back, v.text)
		}
		if strings.Join(back, " ") != line {
			t.Fatalf("%q came back as %q", line, back)
		}
	})
}

// An abbreviation that begins only one keyword of the mode means that keyword.
func TestAbbreviationsReadAsTheSameRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, mode, s := draw(t)
		short := slices.Clone(s.words)
		for i, w := range s.words {
			if s.keywords[i] {
				short[i] = w[:rapid.IntRange(shortest(mode, w), len(w)).Draw(t, "letters")]
			}
		}
		line := strings.Join(short, " ")
		row, m, err := quagga.Parse(mode, line, operator)
		if err != nil || row != &quagga.data[c.row] {
			t.Fatalf("%s: %q for %q: %v, %+v", mode.Name, line, s.words, err, row)
		}
		for i, v := range m.values {
			if s.keywords[i] && v.text != s.words[i] {
				t.Fatalf("%q: word %d came back as %q", line, i, v.text)
			}
		}
	})
}

// shortest returns how many letters of a keyword tell it from all others of its mode.
func shortest(mode *Mode, word string) int {
	n := 1
	for _, c := range quagga.modes[mode] {
		for _, tok := range c.tokens {
			if tok.kind == keyword && tok.text != word {
				n = max(n, len(common([]string{word, tok.text}))+1)
			}
		}
	}
	return min(n, len(word))
}

// What `?` and Tab offer at any place of a good line is taken there.
func TestWhatIsOfferedIsTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, mode, s := draw(t)
		keep := rapid.IntRange(0, len(s.words)).Draw(t, "words typed")
		line := strings.Join(s.words[:keep], " ")
		if keep > 0 {
			line += " "
		}
		choices, err := quagga.Next(mode, line, operator)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if keep < len(s.words) && s.keywords[keep] && !slices.ContainsFunc(choices, func(c Choice) bool { return c.Token == s.words[keep] }) {
			t.Fatalf("%q does not offer %q", line, s.words[keep])
		}
		for _, c := range choices {
			_, _, err := quagga.Parse(mode, line+c.Token, operator)
			var e *Error
			switch {
			case c.Token == endOfLine:
				if _, _, err := quagga.Parse(mode, line, operator); err != nil {
					t.Fatalf("%q offers the end, but: %v", line, err)
				}
			case isKeyword(c.Token) && errors.As(err, &e) && e.Kind == Unknown:
				t.Fatalf("%q offers %q, but: %v", line, c.Token, err)
			}
		}
	})
}

func TestBeginningsOfValuesAreHelped(t *testing.T) {
	tokens := map[string]*token{}
	for _, p := range []string{"A.B.C.D", "A.B.C.D/M", "X:X::X:X", "X:X::X:X/M", "(1-4294967295)", "(40-250)", "(0-18446744073709551615)"} {
		_, all, err := parsePattern(p)
		if err != nil {
			t.Fatal(err)
		}
		tokens[p] = &all[0]
	}
	for p, tok := range tokens {
		rapid.Check(t, func(t *rapid.T) {
			w, _ := drawWord(t, tok)
			if rapid.Bool().Draw(t, "long form") && tok.kind == ipv6 {
				w = "2001:db8:1:2:3:4:192.0.2.1"
			}
			for i := range len(w) + 1 {
				if !tok.begins(w[:i]) {
					t.Fatalf("%s: %q does not begin %q", p, w[:i], w)
				}
			}
		})
	}
	for p, words := range map[string][]string{
		"A.B.C.D": {"192.0.2.256", "1..", "1.2.3.4.", "1.2.3.4/", "x", "2001:"}, "A.B.C.D/M": {"1.2/", "1.2.3.4/33", "1.2.3.4/x", "1.2.3.4//"},
		"X:X::X:X": {"g", "1:2:3:4:5:6:7:8:", "1::2::", "192.", "fe80::1%eth0", "12345"}, "X:X::X:X/M": {"::/129", "2001:/", "::1%x/64"},
		"(40-250)": {"0", "3", "251", "26", "39", "x", "-4", "400"}, "(1-4294967295)": {"0", "4294967296", "+1", strings.Repeat("1", 99)},
	} {
		for _, w := range words {
			if tokens[p].begins(w) {
				t.Errorf("%q begins %s", w, p)
			}
		}
	}
	if !tokens["(40-250)"].begins("4") || !tokens["(40-250)"].begins("2") || !tokens["(40-250)"].begins("24") {
		t.Error("4, 2 and 24 begin numbers from 40 to 250")
	}
}
