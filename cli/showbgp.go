package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func bgpRows() []row {
	var rows []row
	add := func(pattern string, run func(*call, *match) error) {
		rows = append(rows, row{Modes: execModes, Pattern: pattern, Run: run})
	}
	ipv4 := func(p netip.Prefix) bool { return p.Addr().Is4() }
	ipv6 := func(p netip.Prefix) bool { return p.Addr().Is6() }
	for _, v4 := range []string{"show ip bgp", "show ip bgp ipv4 unicast", "show bgp ipv4 [unicast]"} {
		add(v4+" [json]", showTable(ipv4))
		add(v4+" A.B.C.D/M$net longer-prefixes [json]", showLonger(ipv4))
		add(v4+" <A.B.C.D/M|A.B.C.D>$net [<bestpath|multipath>] [json]", showEntry)
		addForms(add, v4, ipv4)
	}
	for _, v6 := range []string{"show bgp", "show bgp ipv6 [unicast]", "show ipv6 bgp"} {
		add(v6+" [json]", showTable(ipv6))
		add(v6+" X:X::X:X/M$net longer-prefixes [json]", showLonger(ipv6))
		add(v6+" <X:X::X:X/M|X:X::X:X>$net [<bestpath|multipath>] [json]", showEntry)
		addForms(add, v6, ipv6)
	}
	add("show bgp <A.B.C.D/M|A.B.C.D>$net [json]", showEntry) // FRR's
	return rows
}

// bgpRoute is a line of `show ip bgp`.
type bgpRoute struct {
	rtbh.Route
	announced bool // this node's speaker has it out; for who sees all, attribute for attribute
}

// bgpTable is what `show ip bgp` prints from.
type bgpTable struct {
	routes   []bgpRoute // by prefix
	index    uint64
	routerID netip.Addr
	asn      uint32
}

// bgpTable collects the committed routes that this user may see, with what the
// speaker makes of them. A customer's are those of its own blackholes, as they
// would be if nobody else had the prefix: the attributes of another's stay that
// other's secret.
func (c *call) bgpTable() bgpTable {
	t := bgpTable{routerID: netip.IPv4Unspecified(), asn: c.asn()}
	if bgp := c.ports.Node.Current().BGP; bgp != nil && bgp.RouterID.IsValid() {
		t.routerID = bgp.RouterID
	}
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		t.index = s.Index()
		if c.scope == "" {
			for _, r := range s.Desired(now) {
				t.routes = append(t.routes, bgpRoute{Route: r})
			}
			return
		}
		for _, b := range s.Blackholes(c.scope, now) {
			if r, ok := s.RouteOf(b); ok {
				t.routes = append(t.routes, bgpRoute{Route: r})
			}
		}
	})
	if c.ports.Speaker == nil {
		return t
	}
	out := map[netip.Prefix]rtbh.Route{}
	for _, r := range c.ports.Speaker.Announced() {
		out[r.Prefix] = r
	}
	for i, r := range t.routes {
		was, ok := out[r.Prefix]
		t.routes[i].announced = ok && (c.scope != "" || was.Equal(r.Route))
	}
	return t
}

// showTable prints all routes of one address family.
func showTable(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		return c.showRoutes(m, family, family)
	}
}

// showLonger prints the routes within a prefix.
func showLonger(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		within := m.Prefix("net")
		return c.showRoutes(m, family, func(p netip.Prefix) bool {
			return family(p) && p.Bits() >= within.Bits() && within.Contains(p.Addr())
		})
	}
}

func (c *call) showRoutes(m *match, family, wanted func(netip.Prefix) bool) error {
	c.fresh(m)
	t := c.bgpTable()
	var shown []bgpRoute
	total := 0
	for _, r := range t.routes {
		if family(r.Prefix) {
			total++
		}
		if wanted(r.Prefix) {
			shown = append(shown, r)
		}
	}
	c.printTable(m, t, shown, total)
	return nil
}

// printTable prints the chosen of a table's total routes.
func (c *call) printTable(m *match, t bgpTable, shown []bgpRoute, total int) {
	if m.Has("json") {
		c.json(t.asJSON(c.ports.Node.Current().Hostname, shown))
		return
	}
	if len(shown) == 0 {
		c.print("No BGP prefixes displayed, %d exist\n", total)
		return
	}
	c.print("%s", t.heading())
	for _, r := range shown {
		c.print("%s\n", r.line())
	}
	c.print("\nDisplayed  %d out of %d total prefixes\n", len(shown), total)
}

// heading is Quagga's, with the log index for the table's version: it counts
// the same thing.
func (t bgpTable) heading() string {
	return fmt.Sprintf("BGP table version is %d, local router ID is %s\n", t.index, t.routerID) +
		"Status codes: s suppressed, d damped, h history, * valid, > best, = multipath,\n" +
		"              i internal, r RIB-failure, S Stale, R Removed\n" +
		"Origin codes: i - IGP, e - EGP, ? - incomplete\n\n" +
		"   Network          Next Hop            Metric LocPrf Weight Path\n"
}

// line prints a route in Quagga's columns. What is committed and not yet (or
// not here) announced is valid but not best.
func (r bgpRoute) line() string {
	best := " "
	if r.announced {
		best = ">"
	}
	text := "*" + best + " " + padded(r.Prefix.String(), 17, 20) + padded(r.NextHop.String(), 16, 36)
	text += fmt.Sprintf("%10d", r.metric()) + optional(r.LocalPref, 7) + "  32768 "
	for _, n := range r.Prepend {
		text += fmt.Sprintf("%d ", n)
	}
	return text + originCode(r.Origin)
}

// metric and preference are what a route counts as where it says nothing, as Quagga
// prints them: a MED that is missing is 0 (RFC 4271 section 9.1.2.2 c), and the
// usual local preference is 100.
func (r bgpRoute) metric() uint32 { return r.MED.Value }

func (r bgpRoute) preference() uint32 {
	if !r.LocalPref.Set {
		return 100
	}
	return r.LocalPref.Value
}

// padded fills a column, or goes on in the next line where the value does not
// leave a space, as Quagga does.
func padded(s string, width, indent int) string {
	if len(s) >= width {
		return s + "\n" + strings.Repeat(" ", indent)
	}
	return s + strings.Repeat(" ", width-len(s))
}

func optional(o rtbh.Optional, width int) string {
	if !o.Set {
		return strings.Repeat(" ", width)
	}
	return fmt.Sprintf("%*d", width, o.Value)
}

func originCode(o rtbh.Origin) string {
	return [...]string{"i", "e", "?"}[min(o, rtbh.OriginIncomplete)]
}

// showEntry prints what there is of one prefix, our own route and those that
// neighbors send: of the prefix that is named, or for an address of the longest one
// that covers it.
func showEntry(c *call, m *match) error {
	c.fresh(m)
	t := c.bgpTable()
	e := entry{table: t}
	e.own, e.committed = t.find(m)
	e.prefix = e.own.Prefix
	c.addReceived(&e, m)
	switch absent := !e.committed && len(e.received) == 0; {
	case absent && m.Has("json"):
		c.json(struct{}{}) // as FRR does
		return nil
	case absent:
		return saying("% Network not in table")
	}
	if m.Has("json") {
		c.json(c.entryJSON(e))
		return nil
	}
	c.printEntry(e)
	return nil
}

// entry is all that there is of one prefix.
type entry struct {
	table     bgpTable
	prefix    netip.Prefix
	own       bgpRoute
	committed bool // there is an own one
	received  []TableRoute
	sessions  sessions // only with received ones
}

// addReceived adds what neighbors send for the prefix, or for a longer one around
// the address that was asked for.
func (c *call) addReceived(e *entry, m *match) {
	if c.ports.Table == nil {
		return
	}
	p, a, mine := m.Prefix("net").Masked(), m.Addr("net"), c.mine()
	switch longest, ok := c.ports.Table.Longest(a, mine); {
	case !a.IsValid() && !e.committed:
		e.prefix = p
	case a.IsValid() && ok && (!e.committed || longest.Bits() > e.prefix.Bits()):
		e.prefix, e.committed = longest, false
	}
	if !e.prefix.IsValid() || !mine(e.prefix) {
		return
	}
	e.received = slices.Collect(c.sentBy(TableQuery{Within: e.prefix, Exact: true}, func(netip.Addr) bool { return true }))
	if len(e.received) > 0 {
		e.sessions = c.sessions()
	}
}

// from is the session that a received route came by.
func (e entry) from(r TableRoute) (n NeighborStatus, internal bool) {
	for _, n := range e.sessions.neighbors {
		if n.Addr == r.Neighbor {
			return n, n.internal(e.sessions)
		}
	}
	return NeighborStatus{}, false
}

func (c *call) printEntry(e entry) {
	c.print("BGP routing table entry for %s\n", e.prefix)
	paths := len(e.received)
	if e.committed {
		paths++
	}
	if e.own.announced && e.committed {
		c.print("Paths: (%d available, best #1, table Default-IP-Routing-Table)\n", paths)
		c.advertisedTo(e)
	} else {
		c.print("Paths: (%d available, no best path)\n  Not advertised to any peer\n", paths)
	}
	if e.committed {
		e.own.entry(c, e.table)
	}
	for _, r := range e.received {
		n, internal := e.from(r)
		r.entry(c, n, internal)
	}
}

// advertisedTo lists the neighbors that are sent our own route. Quagga's remark that
// a route with no-export is "not advertised to EBGP peer" would be wrong here: a
// blackhole is meant for them.
func (c *call) advertisedTo(e entry) {
	var peers []string
	for _, n := range c.sessions().neighbors {
		if len(c.advertised(bgpTable{routes: []bgpRoute{e.own}}, n, func(netip.Addr) bool { return true })) > 0 {
			peers = append(peers, n.Addr.String())
		}
	}
	if len(peers) == 0 {
		c.print("  Not advertised to any peer\n")
		return
	}
	c.print("  Advertised to non peer-group peers:\n  %s\n", strings.Join(peers, " "))
}

// entry prints our own route as one of the paths of its prefix.
func (r bgpRoute) entry(c *call, t bgpTable) {
	path := "Local"
	if len(r.Prepend) > 0 {
		path = joined(r.Prepend, asnText)
	}
	c.print("  %s\n    %s from 0.0.0.0 (%s)\n", path, r.NextHop, t.routerID)
	c.print("      Origin %s, metric %d, localpref %d, weight 32768, valid, sourced, local%s\n", strings.ToUpper(r.Origin.String()),
		r.metric(), r.preference(), map[bool]string{true: ", best"}[r.announced])
	r.printCommunities(c)
	c.print("      Last update: %s\n\n", c.updatedAt(r.Prefix).Format(time.ANSIC))
}

func (c *call) entryJSON(e entry) entryJSON {
	out := entryJSON{Prefix: e.prefix.String(), Paths: []pathJSON{}}
	if e.committed {
		out.Paths = append(out.Paths, e.own.asJSON(e.table, c.updatedAt(e.prefix)))
	}
	for _, r := range e.received {
		n, internal := e.from(r)
		out.Paths = append(out.Paths, r.pathJSON(n, internal))
	}
	return out
}

func labelled(label string, o rtbh.Optional) string {
	if !o.Set {
		return ""
	}
	return fmt.Sprintf("%s%d", label, o.Value)
}

func (r bgpRoute) printCommunities(c *call) {
	if len(r.Communities) > 0 {
		c.print("      Community: %s\n", joined(r.Communities, communityText))
	}
	if rt, soo := splitExt(r.Ext); len(rt)+len(soo) > 0 {
		all := append(strings.Fields(joined(rt, func(e rtbh.ExtCommunity) string { return "RT:" + extText(e) })),
			strings.Fields(joined(soo, func(e rtbh.ExtCommunity) string { return "SoO:" + extText(e) }))...)
		c.print("      Extended Community: %s\n", strings.Join(all, " "))
	}
	if len(r.Large) > 0 {
		c.print("      Large Community: %s\n", joined(r.Large, largeText))
	}
}

// find returns the route that the line names.
func (t bgpTable) find(m *match) (bgpRoute, bool) {
	p, a := m.Prefix("net"), m.Addr("net")
	best, found := bgpRoute{}, false
	for _, r := range t.routes {
		switch {
		case p.IsValid() && r.Prefix == p:
			return r, true
		case a.IsValid() && r.Prefix.Contains(a) && (!found || r.Prefix.Bits() > best.Prefix.Bits()):
			best, found = r, true
		}
	}
	return best, found
}

// updatedAt is when the blackhole that decides the route was last changed, on
// the cluster's clock.
func (c *call) updatedAt(p netip.Prefix) time.Time {
	var at rtbh.Instant
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		if c.scope != "" {
			b, _ := s.Blackhole(p, c.scope, now)
			at = b.Refreshed
			return
		}
		var first uint64
		for _, cu := range s.Customers() {
			if b, ok := s.Blackhole(p, cu.Name, now); ok && (first == 0 || b.Index < first) {
				first, at = b.Index, b.Refreshed
			}
		}
	})
	return at.Time()
}
