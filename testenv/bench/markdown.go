package bench

import (
	"fmt"
	"math"
	"strings"
)

// Markdown is the report for people.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString(r.head())
	for i := range r.Sections {
		b.WriteString("\n" + r.Sections[i].Markdown())
	}
	b.WriteString("\n" + r.skippedText())
	return b.String()
}

// head says when and where this was.
func (r *Report) head() string {
	quick := ""
	if r.Quick {
		quick = " QUICK=1: few tries and small sizes; look at it, do not quote it."
	}
	text := fmt.Sprintf("Taken %s with triggerd %s on %s; load average at the start %s; %s.%s\n",
		r.Date.UTC().Format("2006-01-02 15:04 UTC"), r.Version, r.Machine, r.Load, r.Network, quick)
	if len(r.Peers) > 0 {
		text += "Beside it: " + strings.Join(r.Peers, ", ") + ".\n"
	}
	return text
}

func (r *Report) skippedText() string {
	if len(r.Skipped) == 0 {
		return "Everybody could run.\n"
	}
	var b strings.Builder
	b.WriteString("Could not run here:\n\n")
	for _, s := range r.Skipped {
		fmt.Fprintf(&b, "* %s: %s\n", s.Name, s.Why)
	}
	return b.String()
}

// Markdown prints the section with its tables.
func (s *Section) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", s.Title, s.Text)
	for i := range s.Tables {
		b.WriteString("\n" + s.Tables[i].Markdown())
	}
	return b.String()
}

// Markdown prints the table, its columns aligned, and its notes below it.
func (t *Table) Markdown() string {
	lines := [][]string{append([]string{t.Title}, t.Columns...)}
	var notes []string
	for _, r := range t.Rows {
		line := []string{r.Name}
		for _, c := range r.Cells {
			line = append(line, c.text(&notes))
		}
		for len(line) <= len(t.Columns) { // it ended early
			line = append(line, "–")
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	for i, line := range lines {
		b.WriteString("|")
		for j, text := range line {
			fmt.Fprintf(&b, " %-*s |", width(lines, j), text)
		}
		b.WriteString("\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(line)) + "\n")
		}
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "\n[%d] %s", i+1, n)
	}
	if len(notes) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

func width(lines [][]string, column int) (most int) {
	for _, l := range lines {
		if column < len(l) {
			most = max(most, len([]rune(l[column])))
		}
	}
	return most
}

// text prints the cell; its note gets a number and goes below the table.
func (c Cell) text(notes *[]string) string {
	value := "–"
	switch {
	case c.P50 != nil:
		value = fmt.Sprintf("%s / %s / %s", figure(*c.P50), figure(*c.P99), figure(*c.Max))
	case c.Value != nil && c.Unit == "" && *c.Value == math.Trunc(*c.Value): // a count
		value = fmt.Sprintf("%.0f", *c.Value)
	case c.Value != nil:
		value = strings.TrimSpace(figure(*c.Value) + " " + c.Unit)
	}
	if c.Note == "" {
		return value
	}
	for i, n := range *notes {
		if n == c.Note {
			return fmt.Sprintf("%s [%d]", value, i+1)
		}
	}
	*notes = append(*notes, c.Note)
	return fmt.Sprintf("%s [%d]", value, len(*notes))
}

// figure prints three significant digits, which is more than is reproducible.
func figure(v float64) string {
	switch a := max(v, -v); {
	case a == 0:
		return "0"
	case a < 0.995:
		return fmt.Sprintf("%.2f", v)
	case a < 9.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
