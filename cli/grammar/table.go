package grammar

import (
	"fmt"
)

// New compiles rows. words gives the help of tokens whose row says none, by
// the token's text. It panics on a pattern that is not well formed: patterns
// are program text, as those of regexp.MustCompile are.
func New[C any](words map[string]string, rows ...Row[C]) *Table[C] {
	t := &Table[C]{data: rows, modes: map[*Mode][]*compiled{}}
	symbols := map[string]int32{}
	for i, r := range rows {
		c, err := compile(r.Pattern)
		if err != nil {
			panic(fmt.Sprintf("grammar: row %d: %v", i, err))
		}
		c.row, c.users, c.enters, c.hidden, c.full = i, r.For, r.Enters != nil, r.Hidden, r.Full || r.Hidden
		for j := range c.tokens {
			tok := &c.tokens[j]
			if _, ok := symbols[tok.text]; !ok {
				symbols[tok.text] = int32(len(symbols))
			}
			tok.symbol = symbols[tok.text]
			tok.help = words[tok.text]
			if j < len(r.Help) && r.Help[j] != "" {
				tok.help = r.Help[j]
			}
		}
		t.rows = append(t.rows, c)
		for _, m := range r.Modes {
			if _, ok := t.modes[m]; !ok {
				t.order = append(t.order, m)
			}
			t.modes[m] = append(t.modes[m], c)
		}
	}
	return t
}
