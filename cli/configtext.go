package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// configText collects the lines of a printed configuration.
type configText struct{ lines []string }

func (c *configText) add(format string, a ...any) {
	c.lines = append(c.lines, fmt.Sprintf(format, a...))
}

// opt adds a line only when the value is there.
func (c *configText) opt(there bool, format string, a ...any) {
	if there {
		c.add(format, a...)
	}
}

// bang adds Quagga's separator, never twice in a row.
func (c *configText) bang() {
	if n := len(c.lines); n == 0 || c.lines[n-1] != "!" {
		c.lines = append(c.lines, "!")
	}
}

// clusterConfig prints everything of the state that is configuration, in the
// order in which it can be typed into an empty cluster: lists before the
// route-maps that match them, route-maps before the customers that may name
// them, customers before the operators. What is protected comes after the
// customers, so that it never refuses a blackhole that was there before it was
// protected. A line that is not found from the mode before it has an `exit`
// there. A blackhole that the rules of today would refuse (its grant is gone,
// its route-map denies it by now) is printed all the same.
func clusterConfig(s *rtbh.State, now rtbh.Instant) []string {
	c := &configText{}
	settingsConfig(c, s.Settings())
	if len(s.Customers()) == 0 {
		protectedConfig(c, s.Settings())
	}
	for _, l := range s.PrefixLists() {
		prefixListConfig(c, l)
	}
	for _, l := range s.CommunityLists() {
		communityListConfig(c, l)
	}
	for _, m := range s.RouteMaps() {
		routeMapConfig(c, m)
	}
	users := map[string][]rtbh.User{}
	for _, u := range s.Users() {
		users[u.Customer] = append(users[u.Customer], u)
	}
	holes := map[string][]rtbh.Blackhole{}
	for _, b := range s.Blackholes("", now) {
		holes[b.Customer] = append(holes[b.Customer], b)
	}
	for _, cu := range s.Customers() {
		customerConfig(c, cu, s.Lifetimes(cu.Name).Default, holes[cu.Name], users[cu.Name])
	}
	if len(s.Customers()) > 0 {
		protectedConfig(c, s.Settings())
	}
	for _, u := range users[""] {
		userConfig(c, "", u)
		c.bang()
	}
	return c.lines
}

func settingsConfig(c *configText, set rtbh.Settings) {
	c.opt(set.DefaultLife != 0, "blackhole default-lifetime %s", set.DefaultLife)
	c.opt(set.MaxLife != 0, "blackhole maximum-lifetime %s", set.MaxLife)
	c.opt(set.MinLife != 0, "blackhole minimum-lifetime %s", set.MinLife)
	c.opt(set.MaxBlackholes != 0, "blackhole maximum %d", set.MaxBlackholes)
	c.opt(set.PerCustomer != 0, "blackhole maximum-per-customer %d", set.PerCustomer)
	for _, k := range set.UserCAs {
		c.add("ssh user-ca %s", clean(k))
	}
	c.opt(set.Banner != "", "banner motd line %s", clean(set.Banner))
	c.bang()
}

func protectedConfig(c *configText, set rtbh.Settings) {
	for _, p := range set.Protected {
		c.add("blackhole protected %s", p)
	}
	c.bang()
}

func prefixListConfig(c *configText, l rtbh.PrefixList) {
	family := "ip"
	if l.IPv6 {
		family = "ipv6"
	}
	for _, r := range l.Rules {
		c.add("%s prefix-list %s seq %d %s", family, clean(l.Name), r.Seq, ruleText(r))
	}
	c.bang()
}

// ruleText prints a prefix-list's rule after its sequence number.
func ruleText(r rtbh.PrefixRule) string {
	text := permitText(r.Deny) + " "
	if r.Any {
		return text + "any"
	}
	text += r.Prefix.String()
	if r.Ge != 0 {
		text += fmt.Sprintf(" ge %d", r.Ge)
	}
	if r.Le != 0 {
		text += fmt.Sprintf(" le %d", r.Le)
	}
	return text
}

func permitText(deny bool) string {
	if deny {
		return "deny"
	}
	return "permit"
}

func communityListConfig(c *configText, l rtbh.CommunityList) {
	for _, r := range l.Rules {
		c.add("ip community-list standard %s seq %d %s %s",
			clean(l.Name), r.Seq, permitText(r.Deny), joined(r.Communities, communityText))
	}
	c.bang()
}

// joined prints a list with spaces between.
func joined[T any](all []T, text func(T) string) string {
	out := make([]string, 0, len(all))
	for _, x := range all {
		out = append(out, text(x))
	}
	return strings.Join(out, " ")
}

// routeMapConfig prints a route-map. The default one exists with its usual
// lines from the start, so of these the ones that were taken out are printed as
// `no` lines: else reading the configuration back would bring them back.
func routeMapConfig(c *configText, m rtbh.RouteMap) {
	if m.Name == rtbh.DefaultRouteMap {
		for _, was := range builtinClauses {
			if !slices.ContainsFunc(m.Clauses, func(x rtbh.Clause) bool { return x.Seq == was.Seq }) {
				c.add("no route-map %s %s %d", m.Name, permitText(was.Deny), was.Seq)
				c.bang()
			}
		}
	}
	for _, cl := range m.Clauses {
		c.add("route-map %s %s %d", clean(m.Name), permitText(cl.Deny), cl.Seq)
		for _, line := range clauseLines(cl) {
			c.add(" %s", line)
		}
		if i := slices.IndexFunc(builtinClauses, func(x rtbh.Clause) bool { return x.Seq == cl.Seq }); i >= 0 && m.Name == rtbh.DefaultRouteMap {
			for _, line := range missingLines(builtinClauses[i], cl) {
				c.add(" no %s", line)
			}
		}
		c.bang()
	}
}

// builtinClauses are those of the default route-map of a new cluster.
var builtinClauses = func() []rtbh.Clause {
	m, _ := rtbh.NewState().RouteMap(rtbh.DefaultRouteMap)
	return m.Clauses
}()

// missingLines names, without their values, the lines that was has and is has
// not.
func missingLines(was, is rtbh.Clause) []string {
	var out []string
	there := map[string]bool{}
	for _, line := range clauseLines(is) {
		there[clauseKeyword(line)] = true
	}
	for _, line := range clauseLines(was) {
		if k := clauseKeyword(line); !there[k] {
			out = append(out, k)
		}
	}
	return out
}

// clauseKeyword cuts a clause's line before its value.
func clauseKeyword(line string) string {
	for _, k := range []string{
		"description", "match community", "match ip address prefix-list", "match ipv6 address prefix-list",
		"set community", "set large-community", "set extcommunity rt", "set extcommunity soo", "set ip next-hop",
		"set ipv6 next-hop global", "set local-preference", "set metric", "set origin", "set as-path prepend",
	} {
		if strings.HasPrefix(line, k+" ") {
			return k
		}
	}
	return line
}

// clauseLines prints a clause's match and set lines in Quagga's syntax.
func clauseLines(cl rtbh.Clause) []string {
	c := &configText{}
	additive := map[bool]string{true: " additive"}
	c.opt(cl.Description != "", "description %s", clean(cl.Description))
	c.opt(cl.MatchPrefix4 != "", "match ip address prefix-list %s", clean(cl.MatchPrefix4))
	c.opt(cl.MatchPrefix6 != "", "match ipv6 address prefix-list %s", clean(cl.MatchPrefix6))
	c.opt(cl.MatchCommunity != "", "match community %s", clean(cl.MatchCommunity))
	c.opt(len(cl.Prepend) > 0, "set as-path prepend %s", joined(cl.Prepend, asnText))
	c.opt(len(cl.Communities) > 0, "set community %s%s", joined(cl.Communities, communityText), additive[cl.Additive])
	rt, soo := splitExt(cl.Ext)
	c.opt(len(rt) > 0, "set extcommunity rt %s", joined(rt, extText))
	c.opt(len(soo) > 0, "set extcommunity soo %s", joined(soo, extText))
	c.opt(cl.NextHop4.IsValid(), "set ip next-hop %s", cl.NextHop4)
	c.opt(cl.NextHop6.IsValid(), "set ipv6 next-hop global %s", cl.NextHop6)
	c.opt(len(cl.Large) > 0, "set large-community %s%s", joined(cl.Large, largeText), additive[cl.LargeAdditive])
	c.opt(cl.LocalPref.Set, "set local-preference %d", cl.LocalPref.Value)
	c.opt(cl.MED.Set, "set metric %d", cl.MED.Value)
	c.opt(cl.Origin.Set, "set origin %s", rtbh.Origin(cl.Origin.Value))
	return c.lines
}

func asnText(n uint32) string { return fmt.Sprint(n) }

func splitExt(all []rtbh.ExtCommunity) (rt, soo []rtbh.ExtCommunity) {
	for _, e := range all {
		switch sub, ok := extSubtype(e); {
		case ok && sub == extRouteTarget:
			rt = append(rt, e)
		case ok:
			soo = append(soo, e)
		}
	}
	return rt, soo
}

func customerConfig(c *configText, cu rtbh.Customer, usual rtbh.Lifetime, holes []rtbh.Blackhole, users []rtbh.User) {
	c.add("customer %s", clean(cu.Name))
	c.opt(cu.Description != "", " description %s", clean(cu.Description))
	c.opt(cu.Contact != "", " contact %s", clean(cu.Contact))
	c.opt(cu.ASN != 0, " as-number %d", cu.ASN)
	c.opt(cu.Prompt != "", " prompt %s", clean(cu.Prompt))
	for _, p := range cu.Prefixes {
		c.add(" prefix %s", p)
	}
	for _, n := range cu.OriginAS {
		c.add(" origin-as %d roa", n)
	}
	c.opt(cu.MinLen4 != 0, " minimum-length ipv4 %d", cu.MinLen4)
	c.opt(cu.MinLen6 != 0, " minimum-length ipv6 %d", cu.MinLen6)
	c.opt(cu.MaxBlackholes != 0, " maximum-blackholes %d", cu.MaxBlackholes)
	c.opt(cu.DefaultLife != 0, " lifetime default %s", cu.DefaultLife)
	c.opt(cu.MaxLife != 0, " lifetime maximum %s", cu.MaxLife)
	c.opt(cu.MinLife != 0, " lifetime minimum %s", cu.MinLife)
	for _, m := range cu.RouteMaps {
		c.add(" route-map %s", clean(m))
	}
	for _, b := range holes {
		c.add(" %s", networkLine(b, usual))
	}
	// After the blackholes: what needs a second person now was accepted then.
	c.opt(cu.ApproveLen4 != 0, " approval-length ipv4 %d", cu.ApproveLen4)
	c.opt(cu.ApproveLen6 != 0, " approval-length ipv6 %d", cu.ApproveLen6)
	for _, u := range users {
		userConfig(c, " ", u)
	}
	c.add(" exit")
	c.bang()
}

func userConfig(c *configText, indent string, u rtbh.User) {
	role := ""
	if u.Role != rtbh.RoleCustomer {
		role = " " + u.Role.String()
	}
	c.add("%suser %s%s", indent, clean(u.Name), role)
	for _, k := range u.Keys {
		c.add("%s key %s", indent, clean(k))
	}
	for _, p := range u.Principals {
		c.add("%s principal %s", indent, clean(p))
	}
	c.opt(u.Password != "", "%s password encrypted %s", indent, clean(u.Password))
	c.opt(u.Prompt != "", "%s prompt %s", indent, clean(u.Prompt))
	c.opt(u.Landing == rtbh.LandView, "%s landing view", indent)
	c.opt(u.Receipt, "%s receipt", indent)
	c.opt(u.Disabled, "%s disable", indent)
	c.add("%s exit", indent)
}

// networkLine prints a blackhole as the line that makes it. The end is printed
// only where it is not the default one: an absolute time, since a configuration
// is read back at another hour than it was printed.
func networkLine(b rtbh.Blackhole, usual rtbh.Lifetime) string {
	line := "network " + b.Prefix.String()
	if b.RouteMap != "" {
		line += " route-map " + clean(b.RouteMap)
	}
	switch {
	case b.Life == usual && usual != 0:
	case b.Deadline == rtbh.Never:
		line += " expire never"
	default:
		line += " expire at " + instantText(b.Deadline)
	}
	if b.Ticket != "" {
		line += " ticket " + clean(b.Ticket)
	}
	if b.Reason != "" {
		line += " reason " + clean(b.Reason)
	}
	return line
}

// routerConfig prints blackholes as Quagga prints a `router bgp` block, which
// is what a customer gets to see as its configuration.
func routerConfig(c *configText, asn uint32, holes []rtbh.Blackhole, usual rtbh.Lifetime) {
	c.add("router bgp %d", asn)
	is6 := func(b rtbh.Blackhole) bool { return b.Prefix.Addr().Is6() }
	for _, b := range holes {
		if !is6(b) {
			c.add(" %s", networkLine(b, usual))
		}
	}
	c.bang()
	if slices.ContainsFunc(holes, is6) {
		c.add(" address-family ipv6")
		for _, b := range holes {
			if is6(b) {
				c.add(" %s", networkLine(b, usual))
			}
		}
		c.add(" exit-address-family")
		c.add(" exit")
		c.bang()
	}
}

// prefixesText prints prefixes with commas between.
func prefixesText(all []netip.Prefix) string {
	return strings.ReplaceAll(joined(all, netip.Prefix.String), " ", ", ")
}
