package cli

import (
	"fmt"
	"net/netip"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// showListRows show the lists that route-maps match, in Quagga's forms.
func showListRows() []row {
	var rows []row
	add := func(pattern string, run func(*call, *match) error) {
		rows = append(rows, row{Modes: execModes, Pattern: pattern, For: operators | viewers, Run: run})
	}
	for _, f := range []struct {
		head, prefix string
		ipv6         bool
	}{{"show ip prefix-list", "A.B.C.D/M", false}, {"show ipv6 prefix-list", "X:X::X:X/M", true}} {
		run := showPrefixLists(f.ipv6)
		add(f.head+" [json]", run)
		add(f.head+" NAME [json]", run)
		add(f.head+" NAME seq (1-4294967295)$seq [json]", run)
		add(f.head+" NAME "+f.prefix+"$net [<longer|first-match>] [json]", run)
		add(f.head+" <summary|detail>$form [NAME] [json]", run)
	}
	add("show ip community-list [json]", showCommunityLists)
	add("show ip community-list NAME [json]", showCommunityLists)
	return rows
}

type listJSON struct {
	Name  string   `json:"name"`
	Rules []string `json:"rules"`
}

// showPrefixLists prints the prefix-lists of one family, or the rules of one that
// the line asks for.
func showPrefixLists(ipv6 bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		c.fresh(m)
		var lists []rtbh.PrefixList
		c.view(func(s *rtbh.State, _ rtbh.Instant) {
			for _, l := range s.PrefixLists() {
				if l.IPv6 == ipv6 && (!m.Has("NAME") || m.Text("NAME") == l.Name) {
					l.Rules = chosenRules(m, l.Rules)
					lists = append(lists, l)
				}
			}
		})
		if m.Has("NAME") && len(lists) == 0 {
			return saying("% Can't find specified prefix-list")
		}
		if m.Has("json") {
			c.listsJSON(lists)
			return nil
		}
		for _, l := range lists {
			c.prefixList(m, l)
		}
		return nil
	}
}

// chosenRules are those of a list that the line is about: of a number, or for
// prefixes within one as Quagga looks them up.
func chosenRules(m *match, all []rtbh.PrefixRule) []rtbh.PrefixRule {
	within := m.Prefix("net")
	if !m.Has("seq") && !within.IsValid() {
		return all
	}
	var chosen []rtbh.PrefixRule
	for _, r := range all {
		switch {
		case m.Has("seq"):
			if uint64(r.Seq) == m.Number("seq") {
				chosen = append(chosen, r)
			}
		case !encloses(within, ruleNet(r, within)),
			!m.Has("longer") && !m.Has("first-match") && ruleNet(r, within).Bits() != within.Bits():
		case m.Has("first-match"):
			return []rtbh.PrefixRule{r}
		default:
			chosen = append(chosen, r)
		}
	}
	return chosen
}

// ruleNet is the network of a rule; `any` is all of the family.
func ruleNet(r rtbh.PrefixRule, family netip.Prefix) netip.Prefix {
	switch {
	case !r.Any:
		return r.Prefix
	case family.Addr().Is6():
		return anyIPv6
	}
	return anyIPv4
}

func encloses(outer, inner netip.Prefix) bool {
	return outer.Addr().BitLen() == inner.Addr().BitLen() && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// prefixList prints one list in the shape of Quagga, which names the daemon that
// answers. Single rules stand alone.
func (c *call) prefixList(m *match, l rtbh.PrefixList) {
	single := m.Has("seq") || m.Prefix("net").IsValid()
	switch keyword := map[bool]string{false: "ip", true: "ipv6"}[l.IPv6]; {
	case single:
	case m.Has("form"):
		c.print("BGP: %s prefix-list %s:\n", keyword, clean(l.Name))
		ranges := 0
		for _, r := range l.Rules {
			if r.Ge > 0 || r.Le > 0 {
				ranges++
			}
		}
		first, last := uint32(0), uint32(0)
		if n := len(l.Rules); n > 0 {
			first, last = l.Rules[0].Seq, l.Rules[n-1].Seq
		}
		c.print("   count: %d, range entries: %d, sequences: %d - %d\n", len(l.Rules), ranges, first, last)
	default:
		c.print("BGP: %s prefix-list %s: %d entries\n", keyword, clean(l.Name), len(l.Rules))
	}
	if m.Text("form") == "summary" {
		return
	}
	for _, r := range l.Rules {
		c.print("   seq %d %s\n", r.Seq, ruleText(r))
	}
}

func (c *call) listsJSON(lists []rtbh.PrefixList) {
	out := []listJSON{}
	for _, l := range lists {
		j := listJSON{Name: l.Name, Rules: []string{}}
		for _, r := range l.Rules {
			j.Rules = append(j.Rules, fmt.Sprintf("seq %d %s", r.Seq, ruleText(r)))
		}
		out = append(out, j)
	}
	c.json(struct {
		Lists []listJSON `json:"lists"`
	}{out})
}

// showCommunityLists prints the community-lists, or one of them. Quagga has no
// sequence numbers here; the running configuration prints them.
func showCommunityLists(c *call, m *match) error {
	c.fresh(m)
	var lists []rtbh.CommunityList
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		for _, l := range s.CommunityLists() {
			if !m.Has("NAME") || m.Text("NAME") == l.Name {
				lists = append(lists, l)
			}
		}
	})
	if m.Has("NAME") && len(lists) == 0 {
		return saying("% Can't find community-list")
	}
	if m.Has("json") {
		out := []listJSON{}
		for _, l := range lists {
			j := listJSON{Name: l.Name, Rules: []string{}}
			for _, r := range l.Rules {
				j.Rules = append(j.Rules, fmt.Sprintf("seq %d %s %s", r.Seq, permitText(r.Deny), joined(r.Communities, communityText)))
			}
			out = append(out, j)
		}
		c.json(struct {
			Lists []listJSON `json:"lists"`
		}{out})
		return nil
	}
	for _, l := range lists {
		c.print("Named Community standard list %s\n", clean(l.Name))
		for _, r := range l.Rules {
			c.print("    %s %s\n", permitText(r.Deny), joined(r.Communities, communityText))
		}
	}
	return nil
}
