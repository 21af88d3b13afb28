package cli

import (
	"fmt"
	"slices"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// listRows are prefix-lists and community-lists, which route-maps match.
func listRows() []row {
	config := []*grammar.Mode{configMode}
	var rows []row
	for _, f := range []struct {
		keyword, prefix, longest string
		ipv6                     bool
	}{{"ip", "A.B.C.D/M", "32", false}, {"ipv6", "X:X::X:X/M", "128", true}} {
		head := f.keyword + " prefix-list NAME"
		rule := fmt.Sprintf(" <permit|deny>$action <any|%s [ge (0-%s)$ge] [le (0-%s)$le]>", f.prefix, f.longest, f.longest)
		put := editPrefixList(f.ipv6, f.prefix, false)
		drop := editPrefixList(f.ipv6, f.prefix, true)
		rows = append(rows,
			row{Modes: config, Pattern: head + " [seq (1-4294967295)$seq]" + rule, For: operators, Run: put},
			row{Modes: config, Pattern: "no " + head + " [seq (1-4294967295)$seq]" + rule, For: operators, Run: drop},
			row{Modes: config, Pattern: "no " + head + " [seq (1-4294967295)$seq]", For: operators, Run: drop})
	}
	head := "ip community-list standard NAME [seq (1-4294967295)$seq]"
	return append(rows,
		row{Modes: config, Pattern: head + " <permit|deny>$action AA:NN...", For: operators, Run: editCommunityList(false)},
		row{Modes: config, Pattern: "no " + head + " <permit|deny>$action AA:NN...", For: operators, Run: editCommunityList(true)},
		row{Modes: config, Pattern: "no " + head, For: operators, Run: editCommunityList(true)})
}

// editPrefixList puts or removes a rule. A rule without a sequence number goes
// to the end, and is found by what it says when it is removed.
func editPrefixList(ipv6 bool, prefix string, remove bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		cmd := rtbh.EditPrefixList{Name: m.Text("NAME"), IPv6: ipv6, Remove: remove, Rule: rtbh.PrefixRule{
			Seq: uint32(m.Number("seq")), Deny: m.Text("action") == "deny", Any: m.Has("any"),
			Prefix: m.Prefix(prefix), Ge: uint8(m.Number("ge")), Le: uint8(m.Number("le")),
		}}
		var rules []rtbh.PrefixRule
		c.view(func(s *rtbh.State, _ rtbh.Instant) {
			for _, l := range s.PrefixLists() {
				if l.Name == cmd.Name && l.IPv6 == ipv6 {
					rules = l.Rules
				}
			}
		})
		i := slices.IndexFunc(rules, func(r rtbh.PrefixRule) bool {
			same := cmd.Rule
			same.Seq = r.Seq
			return r == same
		})
		switch {
		case !m.Has("action") || cmd.Rule.Seq != 0:
		case i >= 0:
			cmd.Rule.Seq = rules[i].Seq
		case remove:
			return saying("% Can't find specified prefix-list")
		}
		return c.change(cmd)
	}
}

func editCommunityList(remove bool) func(*call, *match) error {
	return func(c *call, m *match) error {
		communities, err := each(m.All("AA:NN"), parseCommunity)
		if err != nil {
			return err
		}
		slices.Sort(communities)
		cmd := rtbh.EditCommunityList{Name: m.Text("NAME"), Remove: remove, Rule: rtbh.CommunityRule{
			Seq: uint32(m.Number("seq")), Deny: m.Text("action") == "deny", Communities: slices.Compact(communities),
		}}
		var rules []rtbh.CommunityRule
		c.view(func(s *rtbh.State, _ rtbh.Instant) {
			for _, l := range s.CommunityLists() {
				if l.Name == cmd.Name {
					rules = l.Rules
				}
			}
		})
		i := slices.IndexFunc(rules, func(r rtbh.CommunityRule) bool {
			return r.Deny == cmd.Rule.Deny && slices.Equal(r.Communities, cmd.Rule.Communities)
		})
		switch {
		case !m.Has("action") || cmd.Rule.Seq != 0:
		case i >= 0:
			cmd.Rule.Seq = rules[i].Seq
		case remove:
			return saying("% Can't find specified community-list")
		}
		return c.change(cmd)
	}
}
