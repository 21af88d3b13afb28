package cli

import (
	"bufio"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// showReceived prints what one neighbor sends: `received-routes` and `routes` are
// the same here, as nothing received is filtered and nothing is ever used. A
// customer's are those within what it was granted.
func showReceived(family func(netip.Addr) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		s := c.sessions()
		i := slices.IndexFunc(s.neighbors, func(n NeighborStatus) bool { return n.Addr == m.Addr("peer") })
		switch {
		case i < 0 && m.Has("json"):
			c.noNeighborJSON()
			return nil
		case i < 0:
			return saying("% No such neighbor or address family")
		}
		t := receivedTable{c: c, s: s, n: s.neighbors[i], out: bufio.NewWriterSize(c.out, 1<<16)}
		routes := c.sentBy(TableQuery{Neighbor: t.n.Addr}, family)
		if m.Has("json") {
			t.printJSON(routes)
		} else {
			t.print(routes)
		}
		_ = t.out.Flush() // whoever left does not miss the rest
		return c.ctx.Err()
	}
}

// sentBy walks over the received routes that this user may see.
func (c *call) sentBy(q TableQuery, family func(netip.Addr) bool) iter.Seq[TableRoute] {
	return func(yield func(TableRoute) bool) {
		if c.ports.Table == nil {
			return
		}
		within := []netip.Prefix{q.Within}
		if c.scope != "" && !q.Within.IsValid() {
			cu, _ := c.customer(c.scope)
			within = outermost(cu.Granted())
		}
		for _, q.Within = range within {
			for r := range c.ports.Table.Walk(q) {
				if family(r.Prefix.Addr()) && (c.ctx.Err() != nil || !yield(r)) {
					return
				}
			}
		}
	}
}

// mine tells whether this user may see what neighbors send for a prefix.
func (c *call) mine() func(netip.Prefix) bool {
	if c.scope == "" {
		return everyPrefix
	}
	cu, _ := c.customer(c.scope)
	return cu.Covers
}

// receivedTable prints the table of one neighbor while it is read: it may be long.
type receivedTable struct {
	c   *call
	s   sessions
	n   NeighborStatus
	out *bufio.Writer
}

// heading is Quagga's, with FRR's column of states where there are VRPs.
func (t receivedTable) heading(judged bool) string {
	text := bgpTable{routerID: t.s.routerID, index: t.s.index}.heading()
	if !judged {
		return text
	}
	text, columns, _ := strings.Cut(text, "\n\n")
	return text + "\nRPKI validation codes: V valid, I invalid, N Not found\n\n " + columns
}

func (t receivedTable) print(routes iter.Seq[TableRoute]) {
	n := 0
	for r := range routes {
		if n == 0 {
			fmt.Fprint(t.out, t.heading(r.State != ""))
		}
		n++
		fmt.Fprintln(t.out, r.line(t.n.internal(t.s)))
	}
	if n > 0 {
		fmt.Fprintf(t.out, "\nTotal number of prefixes %d\n", n)
	}
}

func (n NeighborStatus) internal(s sessions) bool { return n.localAS(s) == n.RemoteAS }

// rpkiLetters are FRR's.
var rpkiLetters = map[string]string{"": "", rpkiValid: "V", rpkiInvalid: "I", rpkiNotFound: "N"}

// line prints a route in Quagga's columns. It is valid and never best: nothing
// received is used.
func (r TableRoute) line(internal bool) string {
	from := " "
	if internal {
		from = "i"
	}
	text := rpkiLetters[r.State] + "* " + from + padded(r.Prefix.String(), 17, 20) + padded(r.NextHop.String(), 16, 36)
	text += optional(r.MED, 10) + optional(r.LocalPref, 7) + "      0 "
	for _, n := range r.Path {
		text += fmt.Sprintf("%d ", n)
	}
	return text + originCode(r.Origin)
}

// entry prints a received route as one of the paths of a prefix.
func (r TableRoute) entry(c *call, n NeighborStatus, internal bool) {
	path, kind := "Local", "external"
	if len(r.Path) > 0 {
		path = joined(r.Path, asnText)
	}
	if internal {
		kind = "internal"
	}
	id := n.RouterID
	if !id.IsValid() {
		id = netip.IPv4Unspecified()
	}
	state := ""
	if r.State != "" {
		state = ", rpki validation-state: " + r.State // FRR says "not found", which Ansible takes for a failure
	}
	c.print("  %s\n    %s from %s (%s)\n", path, r.NextHop, r.Neighbor, id)
	c.print("      Origin %s%s%s, valid, %s%s\n", strings.ToUpper(r.Origin.String()),
		labelled(", metric ", r.MED), labelled(", localpref ", r.LocalPref), kind, state)
	bgpRoute{Route: rtbh.Route{Communities: r.Communities}}.printCommunities(c)
	c.print("\n")
}
