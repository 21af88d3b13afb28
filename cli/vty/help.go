package vty

import (
	"fmt"
	"strings"
)

// describe is `?`: what may follow, then prompt and line again.
func (r *run) describe() {
	r.ed.newline()
	r.page.start("")
	_, _ = r.page.Write([]byte(r.Shell.Describe(string(r.ed.line))))
	r.page.finish()
	r.ed.resume(r.Shell.Prompt(), r.Term.Columns())
}

// complete is Tab. As in Quagga the line is shown again on a new row, below
// the choices when there are several, and the last word is written over.
func (r *run) complete() {
	insert, choices := r.Shell.Complete(string(r.ed.line))
	r.ed.newline()
	if insert == "" && len(choices) > 0 {
		r.page.start("")
		_, _ = r.page.Write([]byte(columns(choices)))
		r.page.finish()
	}
	r.ed.resume(r.Shell.Prompt(), r.Term.Columns())
	if insert == "" {
		return
	}
	word := r.ed.cur
	for word > 0 && r.ed.line[word-1] != ' ' {
		word--
	}
	r.ed.moveTo(word)
	r.ed.moveTo(len(r.ed.line))
	r.ed.insert([]rune(printable(insert))...)
}

// perRow is how many choices Quagga prints in a row.
const perRow = 6

// columns lays choices out as Quagga does.
func columns(choices []string) string {
	var b strings.Builder
	for i, c := range choices {
		if i > 0 && i%perRow == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%-10s ", c)
	}
	b.WriteByte('\n')
	return b.String()
}
