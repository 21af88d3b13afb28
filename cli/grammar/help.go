package grammar

import (
	"fmt"
	"slices"
	"strings"
)

// What `?` prints when the line before the cursor cannot be helped.
const (
	noMatch   = "% There is no matched command."
	ambiguous = "% Ambiguous command."
	endOfLine = "<cr>"
)

// Choice is one line of `?`.
type Choice struct{ Token, Help string }

// Next returns what may stand where line ends: after a blank the next words, else
// what the last word may become. Sorted; "<cr>" comes last. The error's text is
// what `?` prints instead.
func (t *Table[C]) Next(mode *Mode, line string, who Role) ([]Choice, error) {
	w, partial, err := t.upTo(mode, line, who)
	if err != nil {
		return nil, err
	}
	var all []Choice
	w.next(func(_ *reading, tok *token) {
		if tok.begins(partial) {
			all = append(all, Choice{tok.text, tok.help})
		}
	})
	slices.SortStableFunc(all, func(a, b Choice) int { return strings.Compare(a.Token, b.Token) })
	all = slices.CompactFunc(all, func(a, b Choice) bool { return a.Token == b.Token })
	if partial == "" && slices.ContainsFunc(w.live, func(r reading) bool { return r.whole() }) {
		all = append(all, Choice{Token: endOfLine})
	}
	if len(all) == 0 {
		return nil, helpless(noMatch)
	}
	return all, nil
}

type helpless string

func (h helpless) Error() string { return string(h) }

// upTo walks the words before the one at the cursor and keeps the best readings.
func (t *Table[C]) upTo(mode *Mode, line string, who Role) (w *walk, partial string, err error) {
	cursor := len(line)
	for cursor > 0 && !isBlank(line[cursor-1]) {
		cursor--
	}
	w = newWalk(t.modes[mode], line, func(c *compiled) bool { return !c.hidden && c.users.includes(who) })
	if stuck := w.run(cursor); stuck.from < stuck.to {
		return nil, "", helpless(noMatch)
	}
	best, tie := w.best(func(*reading) bool { return true })
	switch {
	case best == nil:
		return nil, "", helpless(noMatch)
	case tie:
		return nil, "", helpless(ambiguous)
	}
	rank := best.rank
	w.live = slices.DeleteFunc(w.live, func(r reading) bool { return r.rank != rank })
	return w, line[cursor:], nil
}

// Describe is what `?` prints after line, with \n at each line's end.
func (t *Table[C]) Describe(mode *Mode, line string, who Role) string {
	choices, err := t.Next(mode, line, who)
	if err != nil {
		return err.Error() + "\n"
	}
	return Format(choices, 0)
}

// Format lays choices out in Quagga's columns. Help that would pass width goes on
// in the next line below itself; 0 is a terminal without end.
func Format(choices []Choice, width int) string {
	column := 0
	for _, c := range choices {
		column = max(column, len(c.Token))
	}
	room := width - column - 6
	var b strings.Builder
	for _, c := range choices {
		token := c.Token
		for _, part := range fold(c.Help, room) {
			fmt.Fprintf(&b, "  %-*s  %s\n", column, token, part)
			token = ""
		}
	}
	return b.String()
}

// fold breaks text at blanks into pieces of at most room bytes; a longer word stays whole.
func fold(text string, room int) []string {
	var parts []string
	for room > 0 && len(text) > room {
		cut := strings.LastIndexByte(text[:room+1], ' ')
		if cut <= 0 {
			break
		}
		parts = append(parts, text[:cut])
		text = text[cut+1:]
	}
	return append(parts, text)
}

// Complete is Tab: insert is what to add to the line (with a space when the word
// is then whole), or choices are the keywords to show. Both empty: nothing fits.
func (t *Table[C]) Complete(mode *Mode, line string, who Role) (insert string, choices []string) {
	w, partial, err := t.upTo(mode, line, who)
	if err != nil {
		return "", nil
	}
	w.next(func(_ *reading, tok *token) {
		if tok.kind == keyword && tok.begins(partial) {
			choices = append(choices, tok.text)
		}
	})
	slices.Sort(choices)
	choices = slices.Compact(choices)
	switch len(choices) {
	case 0:
		return "", nil
	case 1:
		return choices[0][len(partial):] + " ", nil
	}
	if more := common(choices)[len(partial):]; more != "" {
		return more, nil
	}
	return "", choices
}

// common returns what all of the sorted words begin with.
func common(words []string) string {
	first, last := words[0], words[len(words)-1]
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:n]
}

// List is what `list` prints: every command of the mode, two spaces before each.
func (t *Table[C]) List(mode *Mode, who Role) string {
	var lines []string
	for _, c := range t.modes[mode] {
		if !c.hidden && c.users.includes(who) {
			lines = append(lines, "  "+c.list+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}
