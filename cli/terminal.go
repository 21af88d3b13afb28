package cli

import (
	"time"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func terminalRows() []row {
	var rows []row
	add := func(modes []*grammar.Mode, pattern string, run func(*call, *match)) {
		rows = append(rows, row{Modes: modes, Pattern: pattern, Run: func(c *call, m *match) error {
			run(c, m)
			return nil
		}})
	}
	add(execModes, "terminal length (0-512)", func(c *call, m *match) { c.login.Terminal.SetLength(int(m.Number("<0-512>"))) })
	add(execModes, "terminal no length", func(c *call, _ *match) { c.login.Terminal.SetLength(-1) })
	add(execModes, "no terminal length", func(c *call, _ *match) { c.login.Terminal.SetLength(-1) })
	add(execModes, "terminal width (0-512)", func(c *call, m *match) { c.login.Terminal.SetWidth(int(m.Number("<0-512>"))) })
	add(execModes, "terminal no width", func(c *call, _ *match) { c.login.Terminal.SetWidth(-1) })
	add(execModes, "echo LINE", func(c *call, m *match) { c.print("%s\n", clean(m.Text("LINE"))) })
	add(execModes, "show history [json]", showHistory)
	add(execModes, "show clock [json]", showClock)
	add(allModes, "help", func(c *call, _ *match) { c.print("%s", helpText) })
	add(allModes, "list", func(c *call, _ *match) { c.print("%s", table().List(c.mode, c.role)) })
	return rows
}

const helpText = `Type ? at any place to see what may follow, Tab to complete a word.
Words may be shortened as long as they stay unique: sh ip bg su.

Two kinds of help are there:
1. After a space, ? lists what can come next ("show ?").
2. Within a word, ? lists what the word can become ("show ru?").

`

func showHistory(c *call, m *match) {
	lines := c.login.Terminal.History()
	if m.Has("json") {
		c.json(struct {
			History []string `json:"history"`
		}{orEmpty(lines)})
		return
	}
	for _, l := range lines {
		c.print("  %s\n", clean(l))
	}
}

// showClock prints the cluster's clock, by which blackholes end, and this
// node's, which may differ.
func showClock(c *call, m *match) {
	var now rtbh.Instant
	c.view(func(_ *rtbh.State, n rtbh.Instant) { now = n })
	wall := c.now()
	if m.Has("json") {
		c.json(struct {
			Cluster string `json:"cluster"`
			Node    string `json:"node"`
		}{now.String(), wall.UTC().Format(time.RFC3339)})
		return
	}
	c.print("%s\n", wall.Format("15:04:05.000 MST Mon Jan 2 2006"))
	c.print("Cluster clock: %s (deadlines run on it)\n", now)
}

// orEmpty makes a list print as [] in JSON, never as null.
func orEmpty[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}
