package cli

import (
	"bytes"
	"strings"
)

// techCommands are what somebody far away wants to see first.
var techCommands = []string{
	"show version", "show clock", "show alarms", "show cluster", "show ip bgp summary", "show bgp ipv6 summary", "show ip bgp neighbors",
	"show suppressed", "show blackhole | count", "show approvals", "who", "show running-config", "show startup-config", "show audit since 1d",
}

// techSupport prints them all, without secrets even for operators: it is made
// to be sent to somebody.
func techSupport(c *call, m *match) error {
	type section struct {
		Command string   `json:"command"`
		Lines   []string `json:"lines"`
	}
	var all []section
	outer := *c
	for _, command := range techCommands {
		var b bytes.Buffer
		inner := outer
		inner.out, inner.typed = &b, command
		if err := inner.run(command); err != nil {
			inner.explain(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		hideSecrets(lines)
		all = append(all, section{command, lines})
	}
	if m.Has("json") {
		c.json(struct {
			Sections []section `json:"sections"`
		}{all})
		return nil
	}
	for _, s := range all {
		c.print("\n------------------ %s ------------------\n\n%s\n", s.Command, strings.Join(s.Lines, "\n"))
	}
	return nil
}
