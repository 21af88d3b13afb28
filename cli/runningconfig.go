package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func runningRows() []row {
	return []row{
		{Modes: enabledModes, Pattern: "show running-config [json]", Run: runningConfig},
		{Modes: enabledModes, Pattern: "write terminal", Help: []string{"", "Write to terminal"}, Run: runningConfig},
		{Modes: enabledModes, Pattern: "show running-config <bgp|route-map>$part [json]", Run: runningConfig},
		{Modes: enabledModes, Pattern: "show running-config bgpd$part [json]", Hidden: true, Run: runningConfig}, // vtysh's way
		{Modes: enabledModes, Pattern: "show running-config customer NAME [json]", For: operators | viewers, Run: runningConfig},
		{Modes: enabledModes, Pattern: "show startup-config [json]", Run: startupConfig},
		{Modes: enabledModes[:1], Pattern: "show tech-support [json]", For: operators | viewers, Run: techSupport},
	}
}

// runningConfig prints the configuration that is in force, in Quagga's shape: a
// customer's own `router bgp` block, or for an operator the node's file and what
// the cluster has agreed on.
func runningConfig(c *call, m *match) error {
	c.fresh(m)
	lines := c.customerConfig
	switch {
	case m.Text("part") == "route-map":
		lines = c.policyConfig
	case m.Has("NAME"):
		if _, known := c.customer(m.Text("NAME")); !known {
			return noCustomer(m.Text("NAME"))
		}
		lines = func() []string { return c.oneCustomerConfig(m.Text("NAME")) }
	case c.scope == "" && strings.HasPrefix(m.Text("part"), "bgp"):
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

func (c *call) customer(name string) (cu rtbh.Customer, known bool) {
	c.view(func(s *rtbh.State, _ rtbh.Instant) { cu, known = s.Customer(name) })
	return cu, known
}

// oneCustomerConfig is a customer's block of the whole configuration.
func (c *call) oneCustomerConfig(name string) []string {
	st, now := c.snapshot()
	cu, _ := st.Customer(name)
	var users []rtbh.User
	for _, u := range st.Users() {
		if u.Customer == name {
			users = append(users, u)
		}
	}
	t := &configText{}
	t.bang()
	customerConfig(t, cu, st.Lifetimes(name).Default, st.Blackholes(name, now), users)
	return c.closed(t)
}

// policyConfig is the lists and route-maps, for a customer the route-maps that
// it may name.
func (c *call) policyConfig() []string {
	st, _ := c.snapshot()
	cu, _ := st.Customer(c.scope)
	t := &configText{}
	t.bang()
	if c.scope == "" {
		for _, l := range st.PrefixLists() {
			prefixListConfig(t, l)
		}
		for _, l := range st.CommunityLists() {
			communityListConfig(t, l)
		}
	}
	for _, rm := range st.RouteMaps() {
		if c.scope == "" || rm.Name == rtbh.DefaultRouteMap || slices.Contains(cu.RouteMaps, rm.Name) {
			routeMapConfig(t, rm)
		}
	}
	return c.closed(t)
}

// startupConfig prints what the next start of this node takes: its file, and
// what is in the log, which is durable as soon as it is accepted.
func startupConfig(c *call, m *match) error {
	if c.scope != "" {
		return runningConfig(c, m)
	}
	c.fresh(m)
	path, file, err := c.ports.Node.Startup()
	if err != nil {
		return fmt.Errorf("the node's file could not be read: %w", err)
	}
	st, now := c.snapshot()
	t := &configText{}
	for _, l := range file {
		t.add("%s", clean(strings.ReplaceAll(l, "\t", " ")))
	}
	t.bang()
	t.lines = append(t.lines, clusterConfig(st, now)...)
	all := c.closed(t)
	if m.Has("json") {
		c.json(struct {
			File  string   `json:"file"`
			Lines []string `json:"lines"`
		}{path, all})
		return nil
	}
	for _, l := range all {
		c.print("%s\n", l)
	}
	return nil
}

var secret = regexp.MustCompile(`( password (?:encrypted )?)\S.*`)

// hideSecrets takes the neighbors' passwords and the users' hashes out.
func hideSecrets(lines []string) {
	for i, l := range lines {
		lines[i] = secret.ReplaceAllString(l, "$1(hidden)")
	}
}
