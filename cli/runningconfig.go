package cli

import (
	"regexp"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func runningRows() []row {
	return []row{
		{Modes: enabledModes, Pattern: "show running-config [json]", Run: runningConfig},
		{Modes: enabledModes, Pattern: "write terminal", Help: []string{"", "Write to terminal"}, Run: runningConfig},
		{Modes: enabledModes, Pattern: "show running-config bgp [json]", Run: runningConfig},
	}
}

// runningConfig prints the configuration that is in force, in Quagga's shape: a
// customer's own `router bgp` block, or for an operator the node's file and what
// the cluster has agreed on.
func runningConfig(c *call, m *match) error {
	c.fresh(m)
	lines := c.customerConfig
	switch {
	case c.scope == "" && m.Has("bgp"):
		lines = c.nodeConfig
	case c.scope == "":
		lines = c.wholeConfig
	}
	all := lines()
	if m.Has("json") {
		c.json(struct {
			Lines []string `json:"lines"`
		}{all})
		return nil
	}
	c.print("\nCurrent configuration:\n")
	for _, l := range all {
		c.print("%s\n", l)
	}
	return nil
}

// customerConfig is what a customer sees: its own, as if it had the router to
// itself.
func (c *call) customerConfig() []string {
	var holes []rtbh.Blackhole
	var usual rtbh.Lifetime
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		holes, usual = s.Blackholes(c.scope, now), s.Lifetimes(c.scope).Default
	})
	t := &configText{}
	t.bang()
	t.add("hostname %s", c.promptName())
	t.bang()
	routerConfig(t, c.asn(), holes, usual)
	t.add("end")
	return t.lines
}

// nodeConfig is the node's own part: `router bgp` with its neighbors.
func (c *call) nodeConfig() []string {
	t := &configText{}
	t.bang()
	t.lines = append(t.lines, c.ports.Node.Lines()...)
	return c.closed(t)
}

// closed ends a configuration, without the secrets for who may not see them.
func (c *call) closed(t *configText) []string {
	t.bang()
	t.add("end")
	if c.role != operators {
		hideSecrets(t.lines)
	}
	return t.lines
}

// wholeConfig is what operators and viewers see: the node's file, and what the
// cluster has agreed on.
func (c *call) wholeConfig() []string {
	st, now := c.snapshot()
	t := &configText{}
	t.bang()
	t.lines = append(t.lines, c.ports.Node.Lines()...)
	t.bang()
	t.lines = append(t.lines, clusterConfig(st, now)...)
	return c.closed(t)
}

var secret = regexp.MustCompile(`( password (?:encrypted )?)\S.*`)

// hideSecrets takes the neighbors' passwords and the users' hashes out.
func hideSecrets(lines []string) {
	for i, l := range lines {
		lines[i] = secret.ReplaceAllString(l, "$1(hidden)")
	}
}
