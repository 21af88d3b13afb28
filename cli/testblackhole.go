package cli

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func testRows() []row {
	const net = "test blackhole <A.B.C.D/M|X:X::X:X/M|A.B.C.D|X:X::X:X>$net"
	// In full, because `t` and `te` are `terminal` to Quagga's users.
	return []row{
		{Modes: execModes, Full: true, Pattern: net + " [route-map NAME$map] [json]", For: customers | onlookers, Run: testBlackhole},
		{Modes: execModes, Full: true, Pattern: net + " [customer NAME$customer] [route-map NAME$map] [json]", For: operators | viewers, Run: testBlackhole},
	}
}

// trial is what would become of a `network` line.
type trial struct {
	cmd     rtbh.Announce
	refusal *rtbh.Refusal
	is      bool // blackholed for this customer already
	grant   netip.Prefix
	wait    bool // needs a second operator
	until   rtbh.Instant
	verdict rtbh.Verdict
	others  string // whose attributes would hold instead, "" = its own
}

// testBlackhole says what a `network` line would do, and does nothing.
func testBlackhole(c *call, m *match) error {
	x := rtbh.Announce{Prefix: netOf(m), RouteMap: m.Text("map"), Customer: m.Text("customer")}
	if c.scope != "" {
		x.Customer = c.scope
	}
	c.fresh(m)
	if x.Customer == "" {
		var err error
		if x.Customer, err = c.ownerOf(x.Prefix); err != nil {
			return err
		}
	}
	t := c.try(x)
	sent := c.sentTo(t)
	if m.Has("json") {
		c.trialJSON(t, sent)
		return nil
	}
	c.printTrial(t, sent)
	return nil
}

// ownerOf finds the one customer that may blackhole a prefix.
func (c *call) ownerOf(p netip.Prefix) (string, error) {
	var names []string
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		for _, cu := range s.Customers() {
			if cu.Covers(p) {
				names = append(names, cu.Name)
			}
		}
	})
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", saying(fmt.Sprintf("%% %s is within no customer's prefixes: rule grant.", p))
	}
	return "", saying(fmt.Sprintf("%% %s is within the prefixes of %s; type `test blackhole %s customer NAME`.", p, clean(strings.Join(names, ", ")), p))
}

// try asks the state. Who may only look is told what the customer's own user
// would be told.
func (c *call) try(x rtbh.Announce) trial {
	t := trial{cmd: x}
	actor := c.actor
	if c.role == viewers || c.role == onlookers {
		actor = rtbh.Actor{Door: rtbh.DoorLocal}
	}
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		if t.refusal = s.Authorize(actor, x, now); t.refusal != nil {
			return
		}
		cu, _ := s.Customer(x.Customer)
		for _, g := range cu.Granted() {
			if g.Bits() <= x.Prefix.Bits() && g.Contains(x.Prefix.Addr()) && (!t.grant.IsValid() || g.Bits() > t.grant.Bits()) {
				t.grant = g
			}
		}
		t.wait = s.NeedsApproval(x.Customer, x.Prefix)
		_, t.is = s.Blackhole(x.Prefix, x.Customer, now)
		if life := s.Lifetimes(x.Customer).Default; life != rtbh.Forever {
			t.until = now.Add(life.Duration())
		}
		t.verdict = s.RunRouteMap(routeMapName(rtbh.Blackhole{RouteMap: x.RouteMap}), rtbh.Plain(x.Prefix))
		if first, ok := s.Deciding(x.Prefix, now); ok && first.Customer != x.Customer {
			t.others = first.Customer
			if r, ok := s.RouteFor(x.Prefix, now); ok && c.scope == "" {
				t.verdict.Route = r
			}
		}
	})
	return t
}

// sentJSON is what one neighbor of this node would be sent.
type sentJSON struct {
	Neighbor string     `json:"neighbor"`
	RemoteAS uint32     `json:"remoteAs"`
	Sent     bool       `json:"sent"`
	Why      string     `json:"why,omitempty"`
	Route    *entryJSON `json:"route,omitempty"`
	lines    []string
}

// sentTo asks the speaker what each neighbor would be sent. A customer is not
// told how its provider translates for each of its routers.
func (c *call) sentTo(t trial) []sentJSON {
	if t.refusal != nil || t.wait || c.ports.Speaker == nil {
		return nil
	}
	var all []sentJSON
	for _, n := range c.ports.Speaker.Neighbors() {
		s := sentJSON{Neighbor: n.Addr.String(), RemoteAS: n.RemoteAS}
		out, rule, sent := c.ports.Speaker.Export(n.Addr, t.verdict.Route)
		if c.scope != "" {
			rule = ""
		}
		switch {
		case n.Monitor:
			s.Why = "it only sends us tables"
		case !(n.IPv4 && t.cmd.Prefix.Addr().Is4() || n.IPv6 && t.cmd.Prefix.Addr().Is6()):
			s.Why = "the address family is not activated"
		case n.State != established:
			s.Why = "the session is " + n.State
		case !sent:
			s.Why = rule
		default:
			s.Sent, s.Why = true, rule
		}
		if s.Sent && c.scope == "" {
			r := bgpRoute{Route: out}
			j := entryJSON{r.Prefix.String(), []pathJSON{r.asJSON(bgpTable{routerID: netip.IPv4Unspecified()}, c.now())}}
			s.Route, s.lines = &j, routeLines(out)
		}
		all = append(all, s)
	}
	return all
}

// routeLines prints a route's attributes, one a line.
func routeLines(r rtbh.Route) []string {
	t := &configText{}
	t.add("next hop %s, origin %s%s%s", r.NextHop, r.Origin, labelled(", metric ", r.MED), labelled(", localpref ", r.LocalPref))
	t.opt(len(r.Prepend) > 0, "as-path %s", joined(r.Prepend, asnText))
	t.opt(len(r.Communities) > 0, "community %s", joined(r.Communities, communityText))
	t.opt(len(r.Large) > 0, "large-community %s", joined(r.Large, largeText))
	rt, soo := splitExt(r.Ext)
	t.opt(len(rt) > 0, "extcommunity rt %s", joined(rt, extText))
	t.opt(len(soo) > 0, "extcommunity soo %s", joined(soo, extText))
	return t.lines
}

func (c *call) printTrial(t trial, sent []sentJSON) {
	p := t.cmd.Prefix
	if t.refusal != nil {
		c.print("network %s for %s would be refused\n  Rule:       %s\n  Answer:     %s\n", p, clean(t.cmd.Customer), ruleName(t.refusal.Code), clean(t.refusal.Text))
		return
	}
	what := "accepted"
	switch {
	case t.wait:
		what = "kept until a second operator agrees"
	case t.is:
		what = "accepted; it is blackholed already and would be refreshed"
	}
	c.print("network %s for %s would be %s\n", p, clean(t.cmd.Customer), what)
	c.print("  Grant:      %s\n", t.grant)
	if t.until == 0 {
		c.print("  Until:      never ends\n")
	} else {
		c.print("  Until:      %s\n", t.until)
	}
	c.print("  Route-map:  %s, clause %d permits\n", clean(routeMapName(rtbh.Blackhole{RouteMap: t.cmd.RouteMap})), t.verdict.Seq)
	if t.others != "" && c.scope == "" {
		c.print("  Attributes: of customer %s, whose blackhole of this prefix is the earlier one\n", clean(t.others))
	}
	for _, l := range routeLines(t.verdict.Route) {
		c.print("              %s\n", l)
	}
	for i, s := range sent {
		label := "  Neighbors:  "
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		c.print("%s%s AS %d: %s\n", label, s.Neighbor, s.RemoteAS, s.text())
		for _, l := range s.lines {
			c.print("                %s\n", l)
		}
	}
}

func (s sentJSON) text() string {
	text := "sent"
	if !s.Sent {
		text = "not sent"
	}
	if s.Why != "" {
		text += ", " + clean(s.Why)
	}
	return text
}

func (c *call) trialJSON(t trial, sent []sentJSON) {
	out := struct {
		Prefix   string     `json:"prefix"`
		Customer string     `json:"customer"`
		Accepted bool       `json:"accepted"`
		Rule     string     `json:"rule,omitempty"`
		Answer   string     `json:"answer,omitempty"`
		Approval bool       `json:"needsApproval,omitempty"`
		Already  bool       `json:"blackholedAlready,omitempty"`
		Grant    string     `json:"grant,omitempty"`
		Until    string     `json:"until,omitempty"`
		RouteMap string     `json:"routeMap"`
		Clause   uint16     `json:"clause,omitempty"`
		Sent     []sentJSON `json:"neighbors,omitempty"`
	}{
		Prefix: t.cmd.Prefix.String(), Customer: t.cmd.Customer, Accepted: t.refusal == nil, Approval: t.wait, Already: t.is,
		RouteMap: routeMapName(rtbh.Blackhole{RouteMap: t.cmd.RouteMap}), Clause: t.verdict.Seq, Sent: sent,
	}
	if t.refusal != nil {
		out.Rule, out.Answer = ruleName(t.refusal.Code), t.refusal.Text
	} else {
		out.Grant, out.Until = t.grant.String(), t.until.String()
	}
	c.json(out)
}
