package cli

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// mostReceived is how many received routes one line prints: a neighbor may send
// more than a million.
const mostReceived = 100_000

func rovRows() []row {
	rows := []row{
		{Modes: execModes, Pattern: "show rpki rov asn (1-4294967295)$asn [json]", Run: showROVOrigin},
		{Modes: execModes, Pattern: "show rpki rov aspa <valid|invalid|unknown>$state [json]", Run: showROVPath, Help: []string{
			"Show running system information", "What RPKI says of routes", "Origin validation of what neighbors send", "What ASPA says of their AS paths",
			"Every hop is attested, or needs no attestation", "Some hop is denied: a leak, or a forged path", "Some hop is not attested", "JavaScript Object Notation"}},
		{Modes: execModes, Pattern: "show rpki rov prefix <A.B.C.D/M|X:X::X:X/M>$net [json]", Run: showROVPrefix},
	}
	ipv4 := func(p netip.Prefix) bool { return p.Addr().Is4() }
	ipv6 := func(p netip.Prefix) bool { return p.Addr().Is6() }
	for table, family := range map[string]func(netip.Prefix) bool{
		"show ip bgp": ipv4, "show ip bgp ipv4 unicast": ipv4, "show bgp ipv4 [unicast]": ipv4,
		"show bgp": ipv6, "show bgp ipv6 [unicast]": ipv6, "show ipv6 bgp": ipv6,
	} {
		rows = append(rows, row{Modes: execModes, Pattern: table + " rpki <valid|invalid|notfound> [json]", Run: showByState(family)})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.Pattern, b.Pattern) })
	return rows
}

// received returns routes of neighbors; a customer's are those within what it
// was granted.
func (c *call) received(q ReceivedQuery, keep func(netip.Prefix) bool) (out []Received, more bool) {
	if c.ports.RPKI == nil {
		return nil, false
	}
	q.Limit = mostReceived
	within := []netip.Prefix{q.Within}
	if c.scope != "" && !q.Within.IsValid() {
		cu, _ := c.customer(c.scope)
		within = outermost(cu.Granted())
	}
	for _, p := range within {
		q.Within = p
		routes, cut := c.ports.RPKI.Received(q)
		more = more || cut
		out = append(out, routes...)
	}
	out = slices.DeleteFunc(out, func(r Received) bool { return !keep(r.Prefix) })
	slices.SortStableFunc(out, func(a, b Received) int {
		return cmp.Or(rtbh.ComparePrefixes(a.Prefix, b.Prefix), a.Neighbor.Compare(b.Neighbor))
	})
	return out, more
}

// outermost leaves out prefixes that another one covers; all are sorted.
func outermost(all []netip.Prefix) (out []netip.Prefix) {
	for _, p := range all {
		if n := len(out); n == 0 || !out[n-1].Overlaps(p) {
			out = append(out, p)
		}
	}
	return out
}

type receivedJSON struct {
	Prefix     string  `json:"prefix"`
	Neighbor   string  `json:"neighbor,omitempty"`
	NeighborAS uint32  `json:"neighborAs,omitempty"`
	Origin     *uint32 `json:"origin"` // null: the path ends in an AS_SET
	State      string  `json:"rpkiValidationState"`
	Reason     string  `json:"reason,omitempty"`
	Why        string  `json:"why,omitempty"`
	Path       string  `json:"aspaState,omitempty"`
}

func receivedAsJSON(r Received) receivedJSON {
	out := receivedJSON{r.Prefix.String(), r.Neighbor.String(), r.NeighborAS, &r.Origin, r.State, r.Reason, r.Why, r.Path}
	if r.NoOrigin {
		out.Origin = nil
	}
	return out
}

func (r Received) originText() string {
	if r.NoOrigin {
		return "none"
	}
	return fmt.Sprint(r.Origin)
}

// showByState prints the received routes of one state, and why they are. FRR marks
// its table with letters; what matters here is the reason.
func showByState(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		state, letter := rpkiNotFound, "N"
		switch {
		case m.Has("valid"):
			state, letter = rpkiValid, "V"
		case m.Has("invalid"):
			state, letter = rpkiInvalid, "I"
		}
		routes, more := c.received(ReceivedQuery{State: state}, family)
		if m.Has("json") {
			c.routesJSON(routes, more)
			return nil
		}
		if len(routes) == 0 {
			c.print("No BGP prefixes displayed, 0 received ones are %s\n", state)
			return nil
		}
		c.print("RPKI validation codes: V valid, I invalid, N Not found\n\n")
		rows := [][]string{{" ", "Network", "Neighbor", "AS", "Origin-AS"}}
		for _, r := range routes {
			rows = append(rows, []string{letter, r.Prefix.String(), r.Neighbor.String(), fmt.Sprint(r.NeighborAS), r.originText()})
		}
		columns(c.out, withPathAndReason(rows, routes))
		c.print("\nDisplayed %s\n", countRoutes(len(routes), more))
		return nil
	}
}

// withPathAndReason puts the last columns behind rows with a heading: the state of
// the path only where some neighbor has a role.
func withPathAndReason(rows [][]string, routes []Received) [][]string {
	verified := slices.ContainsFunc(routes, func(r Received) bool { return r.Path != "" && r.Path != unverified })
	for i := range rows {
		path, why := "Path", "Reason"
		if i > 0 {
			path, why = cmp.Or(routes[i-1].Path, "-"), routes[i-1].Why
		}
		if verified {
			rows[i] = append(rows[i], path)
		}
		rows[i] = append(rows[i], why)
	}
	return rows
}

func countRoutes(n int, more bool) string {
	if more {
		return fmt.Sprintf("the first %s, there are more", count(n, "route"))
	}
	return count(n, "route")
}

func (c *call) routesJSON(routes []Received, more bool) {
	all := []receivedJSON{}
	for _, r := range routes {
		all = append(all, receivedAsJSON(r))
	}
	c.json(struct {
		Routes []receivedJSON `json:"routes"`
		More   bool           `json:"more,omitempty"`
	}{all, more})
}

// showROVPrefix validates what neighbors send within a prefix.
func showROVPrefix(c *call, m *match) error {
	p, err := c.ownPrefix(m)
	if err != nil {
		return err
	}
	routes, more := c.received(ReceivedQuery{Within: p}, everyPrefix)
	if len(routes) == 0 {
		routes = []Received{{Prefix: p, State: notAdvertised}}
	}
	c.printROV(m, routes, more)
	return nil
}

// showROVOrigin validates what neighbors send of one origin, and names what has
// a ROA and no route.
func showROVOrigin(c *call, m *match) error {
	asn := uint32(m.Number("asn"))
	routes, more := c.received(ReceivedQuery{Origin: &asn}, everyPrefix)
	if !more {
		routes = append(routes, c.unadvertised(asn, routes)...)
		slices.SortStableFunc(routes, func(a, b Received) int { return rtbh.ComparePrefixes(a.Prefix, b.Prefix) })
	}
	c.printROV(m, routes, more)
	return nil
}

// showROVPath prints received routes by what ASPA says of their AS paths.
func showROVPath(c *call, m *match) error {
	routes, more := c.received(ReceivedQuery{Path: m.Text("state")}, everyPrefix)
	c.printROV(m, routes, more)
	return nil
}

func everyPrefix(netip.Prefix) bool { return true }

// notAdvertised is the state of what no neighbor sends.
const notAdvertised = "not-advertised"

// unadvertised are the prefixes of an AS's VRPs of which no neighbor sends
// anything, the whole prefix or a part.
func (c *call) unadvertised(asn uint32, routes []Received) (out []Received) {
	if c.ports.RPKI == nil {
		return nil
	}
	cu, _ := c.customer(c.scope)
	vrps, _ := c.ports.RPKI.VRPs()
	for v := range vrps {
		if v.ASN != asn || c.scope != "" && !cu.Covers(v.Prefix) {
			continue
		}
		sent := slices.ContainsFunc(routes, func(r Received) bool {
			return r.Prefix.Bits() >= v.Prefix.Bits() && v.Prefix.Contains(r.Prefix.Addr())
		})
		again := len(out) > 0 && out[len(out)-1].Prefix == v.Prefix
		if !sent && !again {
			out = append(out, Received{Prefix: v.Prefix, Origin: asn, State: notAdvertised})
		}
	}
	return out
}

func (c *call) printROV(m *match, routes []Received, more bool) {
	if m.Has("json") {
		all := []receivedJSON{}
		for _, r := range routes {
			j := receivedAsJSON(r)
			if r.State == notAdvertised {
				j.Neighbor, j.Origin = "", nil
			}
			all = append(all, j)
		}
		c.json(struct {
			Routes []receivedJSON `json:"routes"`
			More   bool           `json:"more,omitempty"`
		}{all, more})
		return
	}
	if len(routes) == 0 {
		c.print("No routes.\n")
		return
	}
	rows := [][]string{{"Prefix", "Origin-AS", "State", "Neighbor", "AS"}}
	for _, r := range routes {
		if r.State == notAdvertised {
			rows = append(rows, []string{r.Prefix.String(), "-", r.State, "-", "-"})
			continue
		}
		state := r.State
		if r.Reason != "" {
			state += " (" + r.Reason + ")"
		}
		rows = append(rows, []string{r.Prefix.String(), r.originText(), state, r.Neighbor.String(), fmt.Sprint(r.NeighborAS)})
	}
	columns(c.out, withPathAndReason(rows, routes))
	if more {
		c.print("\nDisplayed %s\n", countRoutes(len(routes), more))
	}
}
