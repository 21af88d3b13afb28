package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func blackholeRows() []row {
	return []row{
		{Modes: execModes, Pattern: "show blackhole [json]", Run: showBlackholes},
		{Modes: execModes, Pattern: "show blackhole <A.B.C.D/M|X:X::X:X/M|A.B.C.D|X:X::X:X>$net [json]", Run: showBlackhole},
	}
}

type blackholeJSON struct {
	Prefix     string   `json:"prefix"`
	Customer   string   `json:"customer"`
	RouteMap   string   `json:"routeMap"`
	Reason     string   `json:"reason,omitempty"`
	Ticket     string   `json:"ticket,omitempty"`
	By         string   `json:"by"`
	Door       string   `json:"door"`
	From       string   `json:"from,omitempty"`
	At         string   `json:"typedAt"`
	Since      string   `json:"since"`
	Until      string   `json:"until"`
	LeftSec    *int64   `json:"leftSeconds,omitempty"` // absent: never ends
	Index      uint64   `json:"index"`
	Updated    uint64   `json:"updatedIndex"`
	Flagged    string   `json:"flagged,omitempty"` // the rule that would refuse it today
	FlaggedWhy string   `json:"flaggedWhy,omitempty"`
	ApprovedBy string   `json:"approvedBy,omitempty"`
	AppliedOn  []string `json:"appliedOn"`
	Nodes      int      `json:"nodes"`
	Places     []any    `json:"routers,omitempty"`
}

// asJSON prints a blackhole as far as this user may see it: where an operator
// sits who typed on a customer's behalf is not the customer's to know.
func (c *call) asJSON(b rtbh.Blackhole, unfit *rtbh.Refusal, now rtbh.Instant, members []MemberStatus) blackholeJSON {
	out := blackholeJSON{
		Prefix: b.Prefix.String(), Customer: b.Customer, RouteMap: routeMapName(b), Reason: b.Reason, Ticket: b.Ticket,
		By: b.By.User, Door: b.By.Door.String(), From: c.from(b.By), At: b.By.Node,
		Since: b.Since.String(), Until: b.Deadline.String(), Index: b.Index, Updated: b.Updated,
		ApprovedBy: b.ApprovedBy, AppliedOn: []string{}, Nodes: len(members),
	}
	if unfit != nil {
		out.Flagged, out.FlaggedWhy = ruleName(unfit.Code), unfit.Text
	}
	if b.Deadline != rtbh.Never {
		left := int64(b.Deadline.Sub(now).Seconds())
		out.LeftSec = &left
	}
	out.AppliedOn = append(out.AppliedOn, appliedOn(b, members)...)
	return out
}

// appliedOn names the nodes that have applied a blackhole's last change.
func appliedOn(b rtbh.Blackhole, members []MemberStatus) (names []string) {
	for _, m := range members {
		if m.Applied >= b.Updated {
			names = append(names, m.Name)
		}
	}
	return names
}

func routeMapName(b rtbh.Blackhole) string {
	if b.RouteMap == "" {
		return rtbh.DefaultRouteMap
	}
	return b.RouteMap
}

// from is where somebody typed, for those who may know: operators and viewers
// of everything, and a customer about its own users.
func (c *call) from(a rtbh.Actor) string {
	if c.scope == "" {
		return a.From
	}
	mine := false
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		u, ok := s.User(a.User)
		mine = ok && u.Customer == c.scope
	})
	if mine && a.Door != rtbh.DoorLocal {
		return a.From
	}
	return ""
}

// showBlackholes lists what is announced.
func showBlackholes(c *call, m *match) error {
	c.fresh(m)
	var holes []rtbh.Blackhole
	var now rtbh.Instant
	unfit := map[holeKey]*rtbh.Refusal{}
	c.view(func(s *rtbh.State, n rtbh.Instant) {
		holes, now = s.Blackholes(c.scope, n), n
		for _, u := range s.Unfit(c.scope, n) {
			unfit[keyOf(u.Blackhole)] = u.Refusal
		}
	})
	members := c.membersFor(holes)
	if m.Has("json") {
		all := make([]blackholeJSON, 0, len(holes))
		for _, b := range holes {
			all = append(all, c.asJSON(b, unfit[keyOf(b)], now, members))
		}
		c.json(struct {
			Blackholes []blackholeJSON `json:"blackholes"`
		}{all})
		return nil
	}
	if len(holes) == 0 {
		c.print("No blackholes.\n")
		return nil
	}
	c.blackholeTable(holes, unfit, now, members)
	return nil
}

// holeKey is a blackhole's identity.
type holeKey struct {
	prefix   netip.Prefix
	customer string
}

func keyOf(b rtbh.Blackhole) holeKey { return holeKey{b.Prefix, b.Customer} }

// blackholeTable prints one line each. What would be refused today is flagged with
// the rule that would do so; where nothing is, there is no such column.
func (c *call) blackholeTable(holes []rtbh.Blackhole, unfit map[holeKey]*rtbh.Refusal, now rtbh.Instant, members []MemberStatus) {
	rows := [][]string{{"Prefix", "Since", "Left", "By", "Nodes", "Index", "Route-map", "Reason"}}
	if c.scope == "" {
		rows[0] = slices.Insert(rows[0], 1, "Customer")
	}
	for _, b := range holes {
		cells := []string{
			b.Prefix.String(), b.Since.Time().Format("2006-01-02 15:04:05"), leftText(b, now), clean(b.By.User),
			fmt.Sprintf("%d/%d", len(appliedOn(b, members)), len(members)), fmt.Sprint(b.Index), routeMapName(b), clean(b.Reason),
		}
		if c.scope == "" {
			cells = slices.Insert(cells, 1, clean(b.Customer))
		}
		rows = append(rows, cells)
	}
	if len(unfit) > 0 {
		flags := len(rows[0]) - 2 // before the route-map
		rows[0] = slices.Insert(rows[0], flags, "Flagged")
		for i, b := range holes {
			rule := ""
			if u := unfit[keyOf(b)]; u != nil {
				rule = ruleName(u.Code)
			}
			rows[i+1] = slices.Insert(rows[i+1], flags, rule)
		}
	}
	columns(c.out, rows)
	c.print("\n%s, times in UTC on the cluster's clock. Type `show blackhole PREFIX` for all about one.\n", count(len(holes), "blackhole"))
	if len(unfit) > 0 {
		c.print("Flagged: by that rule, %s would be refused today. What is announced stays until it ends.\n", count(len(unfit), "blackhole"))
	}
}

func leftText(b rtbh.Blackhole, now rtbh.Instant) string {
	if b.Deadline == rtbh.Never {
		return "never ends"
	}
	return shortDuration(b.Deadline.Sub(now))
}

// showBlackhole answers the customer's real question about one prefix.
func showBlackhole(c *call, m *match) error {
	c.fresh(m)
	p := m.Prefix("net")
	if a := m.Addr("net"); a.IsValid() {
		p = netip.PrefixFrom(a, a.BitLen())
	}
	var holes []rtbh.Blackhole
	var now rtbh.Instant
	unfit := map[holeKey]*rtbh.Refusal{}
	c.view(func(s *rtbh.State, n rtbh.Instant) {
		now = n
		for _, cu := range s.Customers() {
			if c.scope != "" && cu.Name != c.scope {
				continue
			}
			if b, ok := s.Blackhole(p, cu.Name, n); ok {
				holes = append(holes, b)
				unfit[keyOf(b)] = s.Fits(b)
			}
		}
	})
	if len(holes) == 0 {
		return saying(fmt.Sprintf("%% %s is not blackholed.", p))
	}
	members := c.membersFor(holes)
	var places []Placement
	if c.ports.Tracer != nil {
		places = c.ports.Tracer.Trace(c.ctx, p)
	}
	if m.Has("json") {
		c.blackholesJSON(holes, unfit, now, members, places)
		return nil
	}
	for _, b := range holes {
		c.blackhole(b, unfit[keyOf(b)], now, members, places)
	}
	return nil
}

func (c *call) blackholesJSON(holes []rtbh.Blackhole, unfit map[holeKey]*rtbh.Refusal, now rtbh.Instant, members []MemberStatus, places []Placement) {
	all := make([]blackholeJSON, 0, len(holes))
	for _, b := range holes {
		j := c.asJSON(b, unfit[keyOf(b)], now, members)
		for _, pl := range places {
			j.Places = append(j.Places, struct {
				Node      string `json:"node"`
				Answered  bool   `json:"answered"`
				Announced bool   `json:"announced"`
				Written   int    `json:"written"`
				Routers   int    `json:"of"`
				Suppress  bool   `json:"suppressed,omitempty"`
			}{pl.Node, pl.Answered, pl.Announced, pl.Written, pl.Routers, pl.Suppressed})
		}
		all = append(all, j)
	}
	c.json(struct {
		Blackholes []blackholeJSON `json:"blackholes"`
	}{all})
}

// blackhole prints everything about one.
func (c *call) blackhole(b rtbh.Blackhole, unfit *rtbh.Refusal, now rtbh.Instant, members []MemberStatus, places []Placement) {
	t := &configText{}
	t.add("Blackhole %s", b.Prefix)
	t.opt(c.scope == "", "  Customer:   %s", clean(b.Customer))
	t.add("  Committed:  index %d%s", b.Index, changedText(b))
	t.add("  Since:      %s", b.Since)
	t.add("  Until:      %s", untilText(b, now))
	t.add("  By:         %s", c.byText(b.By))
	t.opt(b.ApprovedBy != "", "  Approved:   by %s", clean(b.ApprovedBy))
	t.add("  Route-map:  %s", clean(routeMapName(b)))
	t.opt(b.Reason != "", "  Reason:     %s", clean(b.Reason))
	t.opt(b.Ticket != "", "  Ticket:     %s", clean(b.Ticket))
	if unfit != nil {
		t.add("  Flagged:    would be refused today, by rule %s: %s", ruleName(unfit.Code), clean(unfit.Text))
		t.add("              It stays until it ends.")
	}
	t.add("  Applied:    %s", appliedText(b, members))
	for i, pl := range places {
		label := "  Announced:  "
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		t.add("%s%s", label, pl.text())
	}
	t.opt(slices.ContainsFunc(places, func(pl Placement) bool { return !pl.Answered }),
		"  A router that does graceful restart keeps a silent trigger's routes for its restart time at most.")
	c.print("%s\n", strings.Join(t.lines, "\n"))
}

func changedText(b rtbh.Blackhole) string {
	if b.Updated == b.Index {
		return ""
	}
	return fmt.Sprintf(", last changed at index %d (%s)", b.Updated, b.Refreshed)
}

func untilText(b rtbh.Blackhole, now rtbh.Instant) string {
	if b.Deadline == rtbh.Never {
		return "never ends"
	}
	return fmt.Sprintf("%s (%s left)", b.Deadline, shortDuration(b.Deadline.Sub(now)))
}

func (c *call) byText(a rtbh.Actor) string {
	text := clean(a.User)
	if from := c.from(a); from != "" {
		text += " from " + clean(from)
	}
	return text + fmt.Sprintf(" through %s at %s", a.Door, clean(a.Node))
}

// appliedText names the nodes that have applied the last change, and those that
// have not.
func appliedText(b rtbh.Blackhole, members []MemberStatus) string {
	var have, miss []string
	for _, m := range members {
		switch {
		case m.Applied >= b.Updated:
			have = append(have, clean(m.Name))
		case m.Reachable:
			miss = append(miss, clean(m.Name))
		default:
			miss = append(miss, clean(m.Name)+" silent "+shortDuration(m.Silent))
		}
	}
	text := fmt.Sprintf("on %d of %d nodes (%s)", len(have), len(members), strings.Join(have, ", "))
	if len(miss) > 0 {
		text += "; not yet: " + strings.Join(miss, ", ")
	}
	return text
}

func (pl Placement) text() string {
	switch {
	case !pl.Answered && pl.Silent > 0:
		return fmt.Sprintf("%s does not answer (silent %s)", clean(pl.Node), shortDuration(pl.Silent))
	case !pl.Answered:
		return fmt.Sprintf("%s does not answer", clean(pl.Node))
	case pl.Suppressed:
		return fmt.Sprintf("%s not: an operator suppresses it there", clean(pl.Node))
	case !pl.Announced:
		return fmt.Sprintf("%s not yet", clean(pl.Node))
	}
	return fmt.Sprintf("%s to %d of %s", clean(pl.Node), pl.Written, count(pl.Routers, "router"))
}
