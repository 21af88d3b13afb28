package cli

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// addForms adds Quagga's ways of choosing among the routes of one table.
func addForms(add func(string, func(*call, *match) error), table string, family func(netip.Prefix) bool) {
	add(table+" community [AA:NN... [exact-match]] [json]", showCommunity(family))
	add(table+" large-community [AA:BB:CC...] [json]", showLarge(family))
	add(table+" regexp REGEXP... [json]", showRegexp(family))
	add(table+" route-map NAME [json]", showByRouteMap(family))
}

// showCommunity prints the routes that carry all the communities named, or any
// at all when none is.
func showCommunity(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		wanted, err := each(m.All("AA:NN"), parseCommunity)
		if err != nil {
			return err
		}
		slices.Sort(wanted)
		wanted = slices.Compact(wanted)
		return c.showChosen(m, family, func(r bgpRoute) bool {
			have := slices.Sorted(slices.Values(r.Communities))
			if m.Has("exact-match") {
				return slices.Equal(have, wanted)
			}
			return len(have) > 0 && !slices.ContainsFunc(wanted, func(w rtbh.Community) bool { return !slices.Contains(have, w) })
		})
	}
}

func showLarge(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		wanted, err := each(m.All("AA:BB:CC"), parseLarge)
		if err != nil {
			return err
		}
		return c.showChosen(m, family, func(r bgpRoute) bool {
			return len(r.Large) > 0 && !slices.ContainsFunc(wanted, func(w rtbh.LargeCommunity) bool { return !slices.Contains(r.Large, w) })
		})
	}
}

// showRegexp prints the routes whose AS path matches. A path of our own is empty
// unless a route-map prepends to it.
func showRegexp(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		expr := strings.Join(m.All("REGEXP"), " ")
		re, err := pathExpression(expr)
		if err != nil {
			return saying("% Can't compile regexp " + clean(shortened(expr)))
		}
		return c.showChosen(m, family, func(r bgpRoute) bool { return re.MatchString(joined(r.Prepend, asnText)) })
	}
}

// pathExpression compiles a regular expression in Quagga's dialect, where `_`
// is anything that stands between two AS numbers, or at an end.
func pathExpression(expr string) (*regexp.Regexp, error) {
	if len(expr) > maxExpression {
		return nil, fmt.Errorf("more than %d characters", maxExpression)
	}
	return regexp.Compile(strings.ReplaceAll(expr, "_", `(?:^|[,{}() ]|$)`))
}

// showByRouteMap prints the routes whose blackholes name a route-map.
func showByRouteMap(family func(netip.Prefix) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		named, known := map[netip.Prefix]bool{}, false
		c.view(func(s *rtbh.State, now rtbh.Instant) {
			known = slices.ContainsFunc(c.routeMaps(s), func(rm rtbh.RouteMap) bool { return rm.Name == m.Text("NAME") })
			for _, b := range s.Blackholes(c.scope, now) {
				first, _ := s.Deciding(b.Prefix, now)
				if routeMapName(b) == m.Text("NAME") && (c.scope != "" || first.Customer == b.Customer) {
					named[b.Prefix] = true
				}
			}
		})
		if !known {
			return saying(fmt.Sprintf("%% %s is not a valid route-map name", m.Text("NAME")))
		}
		return c.showChosen(m, family, func(r bgpRoute) bool { return named[r.Prefix] })
	}
}

// showChosen prints the routes of one family that pick takes.
func (c *call) showChosen(m *match, family func(netip.Prefix) bool, pick func(bgpRoute) bool) error {
	c.fresh(m)
	t := c.bgpTable()
	var shown []bgpRoute
	total := 0
	for _, r := range t.routes {
		if !family(r.Prefix) {
			continue
		}
		total++
		if pick(r) {
			shown = append(shown, r)
		}
	}
	c.printTable(m, t, shown, total)
	return nil
}

// showAdvertised prints what one neighbor of this node is sent, as it is sent
// it. Quagga's table of these has a total of its own, and nothing at all when
// it is empty.
func showAdvertised(family func(netip.Addr) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		peer := m.Addr("peer")
		s := c.sessions()
		i := slices.IndexFunc(s.neighbors, func(n NeighborStatus) bool { return n.Addr == peer })
		switch {
		case i < 0 && m.Has("json"):
			c.noNeighborJSON()
			return nil
		case i < 0:
			return saying("% No such neighbor or address family")
		}
		c.fresh(m)
		t := c.bgpTable()
		sent := c.advertised(t, s.neighbors[i], family)
		if m.Has("json") {
			c.json(t.advertisedJSON(c.ports.Node.Current().Hostname, sent))
			return nil
		}
		if len(sent) == 0 {
			return nil
		}
		c.print("%s", t.heading())
		for _, r := range sent {
			c.print("%s\n", r.line())
		}
		c.print("\nTotal number of prefixes %d\n", len(sent))
		return nil
	}
}

// advertised is what a neighbor is sent. A customer sees its own routes, and not
// what its provider makes of them for that router.
func (c *call) advertised(t bgpTable, n NeighborStatus, family func(netip.Addr) bool) (sent []bgpRoute) {
	if n.State != established || n.Monitor {
		return nil
	}
	for _, r := range t.routes {
		active := n.IPv4 && r.Prefix.Addr().Is4() || n.IPv6 && r.Prefix.Addr().Is6()
		if !r.announced || !active || !family(r.Prefix.Addr()) {
			continue
		}
		out, _, ok := c.ports.Speaker.Export(n.Addr, r.Route)
		if !ok {
			continue
		}
		if c.scope == "" {
			r.Route = out
		}
		sent = append(sent, r)
	}
	return sent
}

type advertisedJSON struct {
	TableVersion uint64                 `json:"bgpTableVersion"`
	RouterID     string                 `json:"bgpLocalRouterId"`
	LocalAS      uint32                 `json:"localAS"`
	Routes       map[string][]routeJSON `json:"advertisedRoutes"`
	Total        int                    `json:"totalPrefixCounter"`
}

func (t bgpTable) advertisedJSON(host string, sent []bgpRoute) advertisedJSON {
	all := t.asJSON(host, sent)
	return advertisedJSON{t.index, all.RouterID, t.asn, all.Routes, len(sent)}
}
