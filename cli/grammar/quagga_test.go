package grammar

import "strings"

// A table in the shape of Quagga's bgpd, as large as the tests need it.

type session struct{ ran []string }

var (
	enableMode = &Mode{Name: "enable", Prompt: "# "}
	configMode = &Mode{Name: "config", Prompt: "(config)# "}
	routerMode = &Mode{Name: "config-router", Prompt: "(config-router)# ", Parent: configMode}
	af6Mode    = &Mode{Name: "config-router-af", Prompt: "(config-router-af)# ", Parent: routerMode}
	mapMode    = &Mode{Name: "config-route-map", Prompt: "(config-route-map)# ", Parent: configMode}
)

const (
	customer Role = 1 << iota
	operator
)

var quaggaWords = map[string]string{
	"A.B.C.D":              "Network number",
	"A.B.C.D/M":            "IP prefix <network>/<length>, e.g., 35.0.0.0/8",
	"X:X::X:X/M":           "IPv6 prefix <network>/<length>",
	"X:X::X:X":             "IPv6 address",
	"LINE":                 "Text",
	"WORD":                 "A name",
	"AA:NN":                "community number",
	"<1-4294967295>":       "AS number",
	"<1-65535>":            "Sequence to insert to/delete from existing route-map entry",
	"activate":             "Enable the Address Family for this Neighbor",
	"address-family":       "Enter Address Family command mode",
	"aggregate-address":    "Configure BGP aggregate entries",
	"attribute-info":       "List all bgp attribute information",
	"backdoor":             "Specify a BGP backdoor route",
	"bestpath":             "Display only the bestpath",
	"bgp":                  "BGP information",
	"cidr-only":            "Display only routes with non-natural netmasks",
	"clear":                "Clear stored data",
	"commandtree":          "Show command tree",
	"community":            "Display routes matching the communities",
	"community-info":       "List all bgp community information",
	"community-list":       "Display routes matching the community-list",
	"configure":            "Configuration from vty interface",
	"copy":                 "Copy configuration",
	"customer":             "Customers",
	"dampened-paths":       "Display paths suppressed due to dampening",
	"dampening":            "Display detailed information about dampening",
	"debug":                "Debugging functions (see also 'undebug')",
	"debugging":            "Debugging functions (see also 'undebug')",
	"deny":                 "Route map denies set operations",
	"description":          "Neighbor specific description",
	"disable":              "Turn off privileged mode command",
	"echo":                 "Echo a message back to the vty",
	"enable":               "Turn on privileged mode command",
	"end":                  "End current mode and change to enable mode.",
	"exit":                 "Exit current mode and down to previous mode",
	"exit-address-family":  "Exit from Address Family configuration mode",
	"expire":               "When it ends",
	"file":                 "Write to configuration file",
	"filter-list":          "Display routes conforming to the filter-list",
	"flap-statistics":      "Display flap statistics of routes",
	"help":                 "Description of the interactive help system",
	"history":              "Display the session command history",
	"hostname":             "Set system's network name",
	"ip":                   "IP information",
	"ipv4":                 "Address family",
	"ipv6":                 "IPv6 information",
	"large-community":      "Display routes matching the large-communities",
	"large-community-info": "List all bgp large-community information",
	"large-community-list": "Display routes matching the large-community-list",
	"list":                 "Print command list",
	"logging":              "Show current logging configuration",
	"logmsg":               "Send a message to enabled logging destinations",
	"longer-prefixes":      "Display route and more specific routes",
	"memory":               "Memory statistics",
	"multipath":            "Display only multipaths",
	"neighbor":             "Specify neighbor router",
	"neighbors":            "Detailed information on TCP and BGP neighbor connections",
	"network":              "Specify a network to announce via BGP",
	"never":                "It never ends",
	"nexthop":              "BGP nexthop table",
	"no":                   "Negate a command or set its defaults",
	"paths":                "Path information",
	"pathlimit":            "AS-Path hopcount limit attribute",
	"permit":               "Route map permits set operations",
	"prefix-list":          "Display routes conforming to the prefix-list",
	"quit":                 "Exit current mode and down to previous mode",
	"reason":               "Why",
	"regexp":               "Display routes matching the AS path regular expression",
	"remote-as":            "Specify a BGP neighbor",
	"route-map":            "Display routes matching the route-map",
	"router":               "Enable a routing process",
	"rsclient":             "Information about Route Server Clients",
	"running-config":       "running configuration",
	"set":                  "Set values in destination routing protocol",
	"show":                 "Show running system information",
	"startup-config":       "Contentes of startup configuration",
	"summary":              "Summary of BGP neighbor status",
	"terminal":             "Set terminal line parameters",
	"thread":               "Thread information",
	"undebug":              "Disable debugging functions (see also 'debug')",
	"unicast":              "Address Family modifier",
	"version":              "Displays zebra version",
	"view":                 "BGP view",
	"vpnv4":                "Display VPNv4 NLRI specific information",
	"who":                  "Display who is on vty",
	"work-queues":          "Work Queue information",
	"write":                "Write running configuration to memory, network, or terminal",
}

// rowsOf makes a row of each pattern; running it notes the pattern.
func rowsOf(mode *Mode, patterns ...string) []Row[*session] {
	var rows []Row[*session]
	for _, p := range patterns {
		rows = append(rows, Row[*session]{Modes: []*Mode{mode}, Pattern: p, Run: func(s *session, m *Match) error {
			s.ran = append(s.ran, p)
			return nil
		}})
	}
	return rows
}

// plain makes a row of each keyword.
func plain(mode *Mode, words string) []Row[*session] {
	return rowsOf(mode, strings.Fields(words)...)
}

func quaggaRows() []Row[*session] {
	rows := plain(enableMode, "debug disable enable end exit help list quit undebug who write")
	rows = append(rows, rowsOf(enableMode, "clear ip bgp", "copy running-config startup-config", "echo LINE", "logmsg LINE", "no debug",
		"show history", "show commandtree", "show debugging", "show logging", "show memory",
		"show running-config", "show startup-config", "show thread", "show version", "show work-queues",
		"show ipv6 bgp", "show bgp", "write <memory|file>", "terminal")...)
	for _, tail := range strings.Split("attribute-info|cidr-only|community|community AA:NN...|community-info|community-list WORD|"+
		"dampened-paths|dampening|filter-list WORD|flap-statistics|ipv4|large-community|large-community-info|large-community-list WORD|"+
		"neighbors|nexthop|paths|prefix-list WORD|regexp LINE|route-map WORD|rsclient|summary|view WORD|vpnv4", "|") {
		rows = append(rows, rowsOf(enableMode, "show ip bgp "+tail)...)
	}
	rows = append(rows, rowsOf(enableMode, "show ip bgp",
		"show ip bgp A.B.C.D", "show ip bgp A.B.C.D/M [<bestpath|longer-prefixes|multipath>]")...)
	rows[len(rows)-2].Help = []string{"", "", "", "Network in the BGP routing table to display"}
	rows = append(rows,
		Row[*session]{Modes: []*Mode{enableMode}, Pattern: "show route-map", Help: []string{"", "route-map information"}},
		Row[*session]{Modes: []*Mode{enableMode}, Pattern: "configure terminal", Help: []string{"", "Configuration terminal"}, Enters: configMode},
		Row[*session]{Modes: []*Mode{configMode}, Pattern: "router bgp (1-4294967295) [view WORD]", Enters: routerMode},
		Row[*session]{Modes: []*Mode{configMode}, Pattern: "route-map WORD$name <permit|deny>$action (1-65535)$seq", Enters: mapMode},
		Row[*session]{Modes: []*Mode{configMode}, Pattern: "customer WORD", For: operator},
		Row[*session]{Modes: []*Mode{routerMode}, Pattern: "address-family ipv6 [unicast]", Enters: af6Mode},
		Row[*session]{Modes: []*Mode{routerMode}, Help: []string{"", "", "", "", "Route-map to modify the attributes", "Name of the route map"},
			Pattern: "network <A.B.C.D|A.B.C.D/M>$prefix [<backdoor|route-map WORD|pathlimit>]"},
		Row[*session]{Modes: []*Mode{af6Mode}, Pattern: "network X:X::X:X/M [{route-map WORD|expire <never|WORD>$life|reason LINE}]"},
	)
	rows = append(rows, rowsOf(configMode, "end", "exit", "hostname WORD", "list", "show running-config", "write", "copy running-config startup-config")...)
	rows = append(rows, rowsOf(routerMode, "end", "exit", "list", "no network <A.B.C.D|A.B.C.D/M>",
		"[no] neighbor <A.B.C.D|X:X::X:X>$peer remote-as (1-4294967295)", "neighbor <A.B.C.D|X:X::X:X>$peer description LINE")...)
	rows = append(rows, rowsOf(af6Mode, "exit-address-family", "end", "exit", "no network X:X::X:X/M", "neighbor A.B.C.D activate")...)
	for i := range rows {
		if rows[i].Run == nil {
			rows[i].Run = func(s *session, _ *Match) error {
				s.ran = append(s.ran, rows[i].Pattern)
				return nil
			}
		}
	}
	return rows
}

var quagga = New(quaggaWords, quaggaRows()...)
