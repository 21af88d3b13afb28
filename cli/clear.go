package cli

import (
	"fmt"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// clearRows end many blackholes at once. Each takes two lines: the first says
// how many it would end, the second, typed right after it, does it.
func clearRows() []row {
	exec := []*grammar.Mode{enableMode}
	return []row{
		{Modes: exec, Pattern: "clear blackhole all [confirm] [reason LINE]", For: operators, Run: clearBlackholes},
		{Modes: exec, Pattern: "clear blackhole customer NAME [confirm] [reason LINE]", For: operators, Run: clearBlackholes},
	}
}

func clearBlackholes(c *call, m *match) error {
	customer, what := m.Text("NAME"), "clear blackhole all"
	if customer != "" {
		what = "clear blackhole customer " + customer
	}
	if !m.Has("confirm") || c.armed != what {
		n, known := 0, true
		c.view(func(s *rtbh.State, now rtbh.Instant) {
			n = len(s.Blackholes(customer, now))
			if customer != "" {
				_, known = s.Customer(customer)
			}
		})
		if !known {
			return noCustomer(customer)
		}
		c.Shell.armed = what
		return saying(fmt.Sprintf("%% This ends %s at every node. Type `%s confirm` as the next line to do it.", count(n, "blackhole"), clean(what)))
	}
	return c.change(rtbh.Clear{Customer: customer, Reason: m.Text("LINE")})
}
