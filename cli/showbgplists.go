package cli

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// listFormRows choose among the routes of a table by lists that route-maps match.
// Customers do not know the lists, so these forms are not for them.
func listFormRows() []row {
	ipv4, ipv6 := netip.Addr.Is4, netip.Addr.Is6
	var rows []row
	for _, t := range []struct {
		table  string
		family func(netip.Addr) bool
	}{
		{"show ip bgp", ipv4}, {"show ip bgp ipv4 unicast", ipv4}, {"show bgp ipv4 [unicast]", ipv4},
		{"show bgp", ipv6}, {"show bgp ipv6 [unicast]", ipv6}, {"show ipv6 bgp", ipv6},
	} {
		rows = append(rows,
			row{Modes: execModes, Pattern: t.table + " prefix-list NAME [json]", For: operators | viewers, Run: showByPrefixList(t.family)},
			row{Modes: execModes, Pattern: t.table + " community-list NAME [exact-match] [json]", For: operators | viewers, Run: showByCommunityList(t.family)})
	}
	for _, table := range []string{"show ip bgp", "show ip bgp ipv4 unicast", "show bgp ipv4 [unicast]"} {
		rows = append(rows, row{Modes: execModes, Pattern: table + " cidr-only [json]", Run: showUnnatural})
	}
	return rows
}

// showByPrefixList prints the routes of one family that a prefix-list permits.
func showByPrefixList(family func(netip.Addr) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		name := m.Text("NAME")
		var list *rtbh.PrefixList
		c.view(func(s *rtbh.State, _ rtbh.Instant) {
			for _, l := range s.PrefixLists() {
				if l.Name == name && family(netip.IPv4Unspecified()) == !l.IPv6 {
					list = &l
				}
			}
		})
		if list == nil {
			return saying(fmt.Sprintf("%% %s is not a valid prefix-list name", name))
		}
		return c.showChosen(m, ofFamily(family), func(r bgpRoute) bool { return list.Permits(r.Prefix) })
	}
}

// showByCommunityList prints the routes of one family whose communities a list
// permits: as Quagga reads it, with exact-match when one of its permit rules has
// these communities and no others.
func showByCommunityList(family func(netip.Addr) bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		name := m.Text("NAME")
		var list *rtbh.CommunityList
		c.view(func(s *rtbh.State, _ rtbh.Instant) {
			for _, l := range s.CommunityLists() {
				if l.Name == name {
					list = &l
				}
			}
		})
		if list == nil {
			return saying(fmt.Sprintf("%% %s is not a valid community-list name", name))
		}
		return c.showChosen(m, ofFamily(family), func(r bgpRoute) bool {
			if m.Has("exact-match") {
				return exactly(*list, r.Communities)
			}
			return list.Permits(r.Communities)
		})
	}
}

// exactly applies the first rule that has these communities and no others.
func exactly(l rtbh.CommunityList, have []rtbh.Community) bool {
	sorted := slices.Sorted(slices.Values(have))
	for _, r := range l.Rules {
		if slices.Equal(slices.Sorted(slices.Values(r.Communities)), sorted) {
			return !r.Deny
		}
	}
	return false
}

func ofFamily(family func(netip.Addr) bool) func(netip.Prefix) bool {
	return func(p netip.Prefix) bool { return family(p.Addr()) }
}

// showUnnatural prints the IPv4 routes whose mask is not that of their class:
// here that is nearly every one.
func showUnnatural(c *call, m *match) error {
	return c.showChosen(m, ofFamily(netip.Addr.Is4), func(r bgpRoute) bool {
		return r.Prefix.Bits() != classLength(r.Prefix.Addr())
	})
}
