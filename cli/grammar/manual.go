package grammar

import (
	"slices"
	"strings"
)

// Entry is one command for the manual.
type Entry struct {
	Mode    *Mode
	Command string   // the pattern as `list` shows it
	Tokens  []Choice // each token with its help, in order
	For     Role
	Enters  *Mode
}

// Manual returns every command that is not hidden, by mode in the order in which
// the rows first name them, sorted inside.
func (t *Table[C]) Manual() []Entry {
	var all []Entry
	for _, m := range t.order {
		from := len(all)
		for _, c := range t.modes[m] {
			if c.hidden {
				continue
			}
			e := Entry{Mode: m, Command: c.list, For: c.users, Enters: t.data[c.row].Enters}
			for _, tok := range c.tokens {
				e.Tokens = append(e.Tokens, Choice{tok.text, tok.help})
			}
			all = append(all, e)
		}
		slices.SortStableFunc(all[from:], func(a, b Entry) int { return strings.Compare(a.Command, b.Command) })
	}
	return all
}
