package grammar

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The engine walks all readings at once and drops what cannot win. The oracle here
// does it the plain way: it writes down every reading of a line by every row,
// looking at the syntax trees alone, and compares them.

// oracleReading is one way to read a number of words.
type oracleReading struct {
	taken   int
	classes []class
	texts   []string // of the tokens
	idle    bool     // its last part took no word
}

// read returns every way to read a beginning of words as n.
func oracleRead(n *node, tokens []token, words []string) []oracleReading {
	switch n.op {
	case opToken:
		tok := &tokens[n.token]
		if len(words) == 0 {
			return nil
		}
		if tok.kind == line {
			r := oracleReading{taken: len(words)}
			for range words {
				r.classes, r.texts = append(r.classes, asLine), append(r.texts, "LINE")
			}
			return []oracleReading{r}
		}
		how, ok := tok.read(words[0])
		if !ok {
			return nil
		}
		return []oracleReading{{taken: 1, classes: []class{how}, texts: []string{tok.text}}}
	case opSequence:
		all := []oracleReading{{}}
		for _, kid := range n.kids {
			all = oracleThen(all, kid, tokens, words)
		}
		return all
	case opOneOf:
		var all []oracleReading
		for _, kid := range n.kids {
			all = append(all, oracleRead(kid, tokens, words)...)
		}
		return all
	case opOptional:
		return append(oracleRead(n.kids[0], tokens, words), oracleReading{})
	case opRepeat:
		all := oracleRead(n.kids[0], tokens, words)
		for more := all; len(more) > 0; all = append(all, more...) {
			more = oracleThen(more, n.kids[0], tokens, words)
			more = slices.DeleteFunc(more, func(r oracleReading) bool { return r.idle })
		}
		return all
	}
	var all []oracleReading
	for i, kid := range n.kids {
		first := oracleRead(kid, tokens, words)
		all = append(all, first...)
		if len(n.kids) > 1 {
			rest := &node{op: opAnyOrder, kids: slices.Delete(slices.Clone(n.kids), i, i+1)}
			all = append(all, oracleThen(first, rest, tokens, words)...)
		}
	}
	return all
}

func oracleThen(before []oracleReading, n *node, tokens []token, words []string) []oracleReading {
	var all []oracleReading
	for _, b := range before {
		for _, r := range oracleRead(n, tokens, words[b.taken:]) {
			all = append(all, oracleReading{b.taken + r.taken, slices.Concat(b.classes, r.classes), slices.Concat(b.texts, r.texts), r.taken == 0})
		}
	}
	return all
}

// oracle returns the pattern that reads the line best, or "ambiguous", or "".
func oracle(patterns []string, line string) string {
	words := strings.Fields(line)
	var best []class
	winner, texts := "", ""
	for _, p := range patterns {
		root, tokens, err := parsePattern(p)
		if err != nil {
			panic(err)
		}
		for _, r := range oracleRead(root, tokens, words) {
			if r.taken != len(words) {
				continue
			}
			order := slices.Compare(r.classes, best)
			if text := strings.Join(r.texts, " "); winner == "" || order < 0 {
				winner, best, texts = p, r.classes, text
			} else if order == 0 && text != texts {
				winner = "ambiguous"
			}
		}
	}
	return winner
}

var oracleWords = []string{"ab", "abc", "abd", "b", "bc", "WORD", "NAME", "A.B.C.D", "A.B.C.D/M", "(1-9)", "(5-20)"}

// drawPattern draws a pattern of bounded depth. mayRepeat is false inside a repetition.
func drawPattern(t *rapid.T, depth int, mayRepeat bool) string {
	kids := func() []string {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawPattern(t, depth-1, mayRepeat) }), 1, 3).Draw(t, "kids")
	}
	what := 0
	if depth > 0 {
		what = rapid.IntRange(0, 6).Draw(t, "op")
	}
	switch what {
	case 1:
		return "<" + strings.Join(kids(), "|") + ">"
	case 2:
		return "[" + drawPattern(t, depth-1, mayRepeat) + "]"
	case 3, 4:
		return strings.Join(kids(), " ")
	case 5:
		if mayRepeat {
			return "{" + strings.Join(kids(), "|") + "}"
		}
	case 6:
		if mayRepeat {
			return "<" + drawPattern(t, depth-1, false) + ">..."
		}
	}
	return rapid.SampledFrom(oracleWords).Draw(t, "word")
}

// drawLine draws any words, or words that one of the patterns reads, cut short here and there.
func drawLine(t *rapid.T, patterns []string) string {
	if rapid.Bool().Draw(t, "any words") {
		any := []string{"a", "ab", "abc", "abd", "b", "bc", "1.2.3.4", "1.2.3.4/5", "1", "7", "20", "z"}
		return "s " + strings.Join(rapid.SliceOfN(rapid.SampledFrom(any), 0, 5).Draw(t, "words"), " ")
	}
	root, tokens, err := parsePattern(rapid.SampledFrom(patterns).Draw(t, "pattern"))
	if err != nil {
		t.Fatal(err)
	}
	s := new(sentence)
	s.speak(t, root, tokens)
	for i, w := range s.words {
		if s.keywords[i] {
			s.words[i] = w[:rapid.IntRange(1, len(w)).Draw(t, "letters")]
		}
	}
	return strings.Join(s.words[:min(len(s.words), 8)], " ") // the oracle is slow on long ones
}

func TestTheBestReadingIsFound(t *testing.T) {
	kinds := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		var patterns []string
		for len(patterns) < 3 {
			p := "s " + drawPattern(t, 3, true)
			if rapid.IntRange(0, 4).Draw(t, "line") == 0 {
				p += " LINE"
			}
			if _, err := compile(p); err == nil && !slices.Contains(patterns, p) {
				patterns = append(patterns, p)
			}
		}
		table := New(nil, rowsOf(enableMode, patterns...)...)
		for range 30 {
			line := drawLine(t, patterns)
			want := oracle(patterns, line)
			got := ""
			row, _, err := table.Parse(enableMode, line, customer)
			switch e, _ := err.(*Error); {
			case err == nil:
				got = row.Pattern
			case e.Kind == Ambiguous && want == "ambiguous":
				got = want
			}
			if got != want {
				t.Fatalf("%q in %q: got %q (%v), want %q", line, patterns, got, err, want)
			}
			if want != "" && want != "ambiguous" {
				want = "read"
			}
			kinds[want]++
		}
	})
	if kinds["read"] == 0 || kinds["ambiguous"] == 0 || kinds[""] == 0 {
		t.Errorf("the lines drawn show too little: %v", kinds)
	}
}
