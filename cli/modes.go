package cli

import (
	"fmt"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The modes of the command line. Their prompts are Quagga's where Quagga has
// the mode.
var (
	viewMode     = &grammar.Mode{Name: "view", Prompt: "> "}
	enableMode   = &grammar.Mode{Name: "enable", Prompt: "# "}
	configMode   = &grammar.Mode{Name: "config", Prompt: "(config)# "}
	routerMode   = &grammar.Mode{Name: "config-router", Prompt: "(config-router)# ", Parent: configMode}
	ipv4Mode     = &grammar.Mode{Name: "config-router-af-ipv4", Prompt: "(config-router-af)# ", Parent: routerMode}
	ipv6Mode     = &grammar.Mode{Name: "config-router-af-ipv6", Prompt: "(config-router-af)# ", Parent: routerMode}
	customerMode = &grammar.Mode{Name: "config-customer", Prompt: "(config-customer)# ", Parent: configMode}
	routeMapMode = &grammar.Mode{Name: "config-route-map", Prompt: "(config-route-map)# ", Parent: configMode}
	// A user is edited below its customer, or by itself when it has none.
	customerUserMode = &grammar.Mode{Name: "config-customer-user", Prompt: "(config-user)# ", Parent: customerMode}
	userMode         = &grammar.Mode{Name: "config-user", Prompt: "(config-user)# ", Parent: configMode}
)

var (
	execModes   = []*grammar.Mode{viewMode, enableMode}
	userModes   = []*grammar.Mode{customerUserMode, userMode}
	configModes = []*grammar.Mode{
		configMode, routerMode, ipv4Mode, ipv6Mode, customerMode, routeMapMode, customerUserMode, userMode,
	}
	enabledModes = append([]*grammar.Mode{enableMode}, configModes...)
	allModes     = append([]*grammar.Mode{viewMode}, enabledModes...)
)

// above is where `exit` leads to from a mode; modes without one end the session.
var above = map[*grammar.Mode]*grammar.Mode{
	configMode: enableMode, routerMode: configMode, ipv4Mode: routerMode, ipv6Mode: routerMode,
	customerMode: configMode, routeMapMode: configMode, customerUserMode: customerMode, userMode: configMode,
}

// The role sets of rows.
const (
	customers grammar.Role = 1 << iota
	viewers                // of everything
	operators
	onlookers // viewers of one customer: they get what is for everyone
)

// roleBit is the role set that a user belongs to.
func roleBit(u rtbh.User) grammar.Role {
	if u.Role == rtbh.RoleViewer && u.Customer != "" {
		return onlookers
	}
	return [...]grammar.Role{customers, viewers, operators}[min(u.Role, rtbh.RoleOperator)]
}

type (
	row   = grammar.Row[*call]
	match = grammar.Match
)

func modeRows() []row {
	return []row{
		{Modes: execModes, Pattern: "enable", Run: enable},
		{Modes: []*grammar.Mode{enableMode}, Pattern: "disable", Run: func(c *call, _ *match) error {
			c.mode = viewMode
			return nil
		}},
		{Modes: []*grammar.Mode{enableMode}, Pattern: "configure terminal", Help: []string{"", "Configuration terminal"}, For: customers | operators, Enters: configMode, Run: nothing},
		{Modes: configModes, Pattern: "do LINE", Run: doExec},
		{Modes: enabledModes, Pattern: "end", Run: func(c *call, _ *match) error {
			c.End()
			return nil
		}},
		{Modes: allModes, Pattern: "exit", Run: leave},
		{Modes: allModes, Pattern: "quit", Run: leave},
		{Modes: []*grammar.Mode{configMode}, Pattern: "router bgp (1-4294967295)", Enters: routerMode, Run: enterRouter},
		{Modes: []*grammar.Mode{configMode}, Pattern: "no router bgp (1-4294967295)", Hidden: true, Run: noRouter},
		{Modes: []*grammar.Mode{routerMode}, Pattern: "address-family ipv4 [unicast]", Enters: ipv4Mode, Run: nothing},
		{Modes: []*grammar.Mode{routerMode}, Pattern: "address-family ipv6 [unicast]", Enters: ipv6Mode, Run: nothing},
		{Modes: []*grammar.Mode{ipv4Mode, ipv6Mode}, Pattern: "exit-address-family", Run: leave},
		{Modes: []*grammar.Mode{configMode}, Pattern: "hostname WORD", Hidden: true, Run: hostname},
	}
}

func nothing(*call, *match) error { return nil }

// enable asks no password: who logged in has shown who it is. An old script
// sends its enable secret all the same, so the next line is let pass unseen
// when it is no command.
func enable(c *call, _ *match) error {
	c.mode = enableMode
	c.swallow = true
	c.outcome.Hush = true
	return nil
}

// leave goes one mode up, or ends the session.
func leave(c *call, _ *match) error {
	up, ok := above[c.mode]
	if !ok {
		c.outcome.Close = true
		return nil
	}
	c.mode = up
	return nil
}

// doExec runs a line as if it had been typed at enable mode, and stays.
func doExec(c *call, m *match) error {
	was := c.mode
	c.mode = enableMode
	err := c.run(m.Text("LINE"))
	c.mode = was
	return err
}

// enterRouter accepts the one AS number that this user's configuration shows.
func enterRouter(c *call, m *match) error {
	if mine := c.asn(); mine != 0 && uint64(mine) != m.Number("<1-4294967295>") {
		return saying(fmt.Sprintf("BGP is already running; AS is %d", mine))
	}
	return nil
}

// noRouter would be every blackhole gone by one line.
func noRouter(*call, *match) error {
	return saying("% This would withdraw every blackhole at once, so it is not done; type `no network P` for each of them.")
}

// hostname lets the line of a printed configuration pass.
func hostname(c *call, m *match) error {
	if m.Text("WORD") == c.promptName() {
		return nil
	}
	return saying("% The name is set in the node's own file (hostname) or in the user's record (prompt).")
}

// asn is the AS number that `router bgp` shows to this user: its customer's,
// else the node's; 0 when there is none.
func (sh *Shell) asn() uint32 {
	var asn uint32
	sh.ports.Cluster.View(func(s *rtbh.State, _ rtbh.Instant) {
		cu, _ := s.Customer(sh.scope)
		asn = cu.ASN
	})
	if asn == 0 {
		if bgp := sh.ports.Node.Current().BGP; bgp != nil {
			asn = bgp.ASN
		}
	}
	return asn
}
