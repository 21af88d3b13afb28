package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func showRouteMapRows() []row {
	return []row{
		{Modes: execModes, Pattern: "show route-map [json]", Run: showRouteMaps},
		{Modes: execModes, Pattern: "show route-map NAME [json]", Run: showRouteMaps},
	}
}

// showRouteMaps prints the route-maps in Quagga's shape. A customer sees those
// that it may name.
func showRouteMaps(c *call, m *match) error {
	c.fresh(m)
	var maps []rtbh.RouteMap
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		for _, rm := range c.routeMaps(s) {
			if !m.Has("NAME") || m.Text("NAME") == rm.Name {
				maps = append(maps, rm)
			}
		}
	})
	if m.Has("NAME") && len(maps) == 0 {
		return saying(fmt.Sprintf("%% There is no route-map %s.", m.Text("NAME")))
	}
	if m.Has("json") {
		c.routeMapsJSON(maps)
		return nil
	}
	for _, rm := range maps {
		c.print("BGP:\n") // Quagga names the daemon that answers
		for _, cl := range rm.Clauses {
			c.clause(rm.Name, cl)
		}
	}
	return nil
}

// routeMaps are those that this user may see: a customer's are those that it may
// name.
func (c *call) routeMaps(s *rtbh.State) []rtbh.RouteMap {
	if c.scope == "" {
		return s.RouteMaps()
	}
	cu, _ := s.Customer(c.scope)
	return slices.DeleteFunc(s.RouteMaps(), func(rm rtbh.RouteMap) bool {
		return rm.Name != rtbh.DefaultRouteMap && !slices.Contains(cu.RouteMaps, rm.Name)
	})
}

func (c *call) clause(name string, cl rtbh.Clause) {
	c.print("route-map %s, %s, sequence %d\n", clean(name), permitText(cl.Deny), cl.Seq)
	if cl.Description != "" {
		c.print("  Description:\n    %s\n", clean(cl.Description))
	}
	for _, part := range []struct{ title, keyword string }{{"Match clauses:", "match "}, {"Set clauses:", "set "}} {
		c.print("  %s\n", part.title)
		for _, line := range clauseLines(cl) {
			if rest, ok := strings.CutPrefix(line, part.keyword); ok {
				c.print("    %s\n", rest)
			}
		}
	}
	c.print("  Call clause:\n  Action:\n    Exit routemap\n")
}

func (c *call) routeMapsJSON(maps []rtbh.RouteMap) {
	type clauseJSON struct {
		Seq    uint16   `json:"sequence"`
		Action string   `json:"action"`
		Lines  []string `json:"lines"`
	}
	out := map[string][]clauseJSON{}
	for _, rm := range maps {
		for _, cl := range rm.Clauses {
			out[rm.Name] = append(out[rm.Name], clauseJSON{cl.Seq, permitText(cl.Deny), orEmpty(clauseLines(cl))})
		}
	}
	c.json(struct {
		RouteMaps map[string][]clauseJSON `json:"routeMaps"`
	}{out})
}
