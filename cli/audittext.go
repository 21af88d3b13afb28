package cli

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// commandText says a command in the words of the command line, with the mode
// that it is typed in before a colon: what the audit shows. It holds no secret:
// of passwords and tokens only that they changed.
func commandText(cmd rtbh.Command) string {
	switch x := cmd.(type) {
	case rtbh.Announce:
		return "network " + x.Prefix.String() + announceOptions(x)
	case rtbh.Withdraw:
		return "no network " + x.Prefix.String() + withText(" reason ", x.Reason)
	case rtbh.Clear:
		if x.Customer == "" {
			return "clear blackhole all" + withText(" reason ", x.Reason)
		}
		return "clear blackhole customer " + x.Customer + withText(" reason ", x.Reason)
	case rtbh.Approve:
		return map[bool]string{false: "approve ", true: "reject "}[x.Reject] + fmt.Sprint(x.ID)
	case rtbh.EditContact:
		return no(x.Remove) + "contact " + x.Contact.Name
	case rtbh.EditCustomer, rtbh.EditUser, rtbh.EditSettings:
		return recordText(cmd)
	case rtbh.EditClause, rtbh.DeleteRouteMap, rtbh.EditPrefixList, rtbh.EditCommunityList:
		return policyText(cmd)
	}
	return clusterText(cmd)
}

func no(remove bool) string {
	if remove {
		return "no "
	}
	return ""
}

func withText(label, text string) string {
	if text == "" {
		return ""
	}
	return label + text
}

func announceOptions(x rtbh.Announce) string {
	text := withText(" route-map ", x.RouteMap)
	switch {
	case x.Until != 0:
		text += " expire at " + instantText(x.Until)
	case x.Life != 0:
		text += " expire " + x.Life.String()
	}
	return text + withText(" ticket ", x.Ticket) + withText(" reason ", x.Reason)
}

// recordText prints a change of a customer, a user or the settings as its
// configuration line.
func recordText(cmd rtbh.Command) string {
	t := &configText{}
	head, field, remove := "", "", false
	switch x := cmd.(type) {
	case rtbh.EditCustomer:
		head, remove, field = "customer "+x.Name, x.Remove, customerFieldName(x.Field)
		if x.Field == rtbh.CustomerExists {
			return no(remove) + head
		}
		customerConfig(t, rtbh.Customer(x.Value), 0, nil, nil)
		if x.Field == rtbh.CustomerROAPrefixes {
			t.lines = []string{"", "roa-prefixes " + orNone(prefixesText(x.Value.ROAPrefixes)), "", ""}
		}
		t.lines = t.lines[1 : len(t.lines)-2] // without `customer` and `exit`
	case rtbh.EditUser:
		head, remove, field = "user "+x.Name, x.Remove, userFieldNames[x.Field]
		switch x.Field {
		case rtbh.UserExists:
			return no(remove) + head + userKind(x, remove)
		case rtbh.UserRole:
			return head + ": role " + x.Value.Role.String()
		}
		userConfig(t, "", x.Value)
		t.lines = t.lines[1 : len(t.lines)-1]
	case rtbh.EditSettings:
		remove, field = x.Remove, settingsFieldNames[x.Field]
		settingsConfig(t, x.Value)
		protectedConfig(t, x.Value)
	}
	line := no(remove) + field
	for _, l := range t.lines {
		if l = strings.TrimSpace(l); l != "!" && strings.HasPrefix(l, strings.SplitN(field, " ", 2)[0]) {
			line = no(remove) + l
			break
		}
	}
	if head == "" {
		return line
	}
	return head + ": " + line
}

func userKind(x rtbh.EditUser, remove bool) string {
	switch {
	case remove:
		return ""
	case x.Value.Customer != "":
		return " of customer " + x.Value.Customer + " as " + x.Value.Role.String()
	}
	return " " + x.Value.Role.String()
}

// customerFieldName is how the field's line begins.
func customerFieldName(field rtbh.CustomerField) string {
	if field == rtbh.CustomerROAPrefixes {
		return "roa-prefixes"
	}
	for _, f := range customerFields {
		if f.field == field {
			name, _, _ := strings.Cut(f.pattern, " <")
			name, _, _ = strings.Cut(name, " (")
			words := strings.Fields(name)
			for len(words) > 1 && strings.ToUpper(words[len(words)-1]) == words[len(words)-1] {
				words = words[:len(words)-1]
			}
			return strings.Join(words, " ")
		}
	}
	return fmt.Sprintf("field %d", field)
}

var userFieldNames = map[rtbh.UserField]string{
	rtbh.UserKeys: "key", rtbh.UserPrincipals: "principal", rtbh.UserPassword: "password", rtbh.UserLanding: "landing",
	rtbh.UserPrompt: "prompt", rtbh.UserReceipt: "receipt", rtbh.UserDisabled: "disable", rtbh.UserRole: "role",
}

var settingsFieldNames = map[rtbh.SettingsField]string{
	rtbh.SettingsDefaultLife: "blackhole default-lifetime", rtbh.SettingsMaxLife: "blackhole maximum-lifetime",
	rtbh.SettingsMinLife: "blackhole minimum-lifetime", rtbh.SettingsMaxBlackholes: "blackhole maximum",
	rtbh.SettingsPerCustomer: "blackhole maximum-per-customer", rtbh.SettingsProtected: "blackhole protected",
	rtbh.SettingsUserCAs: "ssh user-ca", rtbh.SettingsBanner: "banner motd",
}

// policyText prints a change of a route-map or a list.
func policyText(cmd rtbh.Command) string {
	switch x := cmd.(type) {
	case rtbh.EditClause:
		head := fmt.Sprintf("route-map %s %s %d", x.Map, permitText(x.Value.Deny), x.Value.Seq)
		if x.Field == rtbh.ClauseExists {
			return no(x.Remove) + head
		}
		line := clauseFieldName(x.Field)
		if lines := clauseLines(x.Value); len(lines) > 0 {
			line = strings.Join(lines, "; ")
		}
		return head + ": " + no(x.Remove) + line
	case rtbh.DeleteRouteMap:
		return "no route-map " + x.Name
	case rtbh.EditPrefixList:
		head := map[bool]string{false: "ip", true: "ipv6"}[x.IPv6] + " prefix-list " + x.Name
		if x.Remove && x.Rule.Seq == 0 {
			return "no " + head
		}
		if x.Remove && !x.Rule.Any && !x.Rule.Prefix.IsValid() {
			return "no " + head + seqText(x.Rule.Seq)
		}
		return no(x.Remove) + head + seqText(x.Rule.Seq) + " " + ruleText(x.Rule)
	case rtbh.EditCommunityList:
		head := "ip community-list standard " + x.Name
		if x.Remove && x.Rule.Seq == 0 {
			return "no " + head
		}
		if x.Remove && len(x.Rule.Communities) == 0 {
			return "no " + head + seqText(x.Rule.Seq)
		}
		return no(x.Remove) + head + seqText(x.Rule.Seq) + " " + permitText(x.Rule.Deny) + " " + joined(x.Rule.Communities, communityText)
	}
	return fmt.Sprintf("%T", cmd)
}

func seqText(seq uint32) string {
	if seq == 0 {
		return ""
	}
	return fmt.Sprintf(" seq %d", seq)
}

func clauseFieldName(field rtbh.ClauseField) string {
	for _, f := range clauseFields {
		if f.field == field {
			return f.keyword
		}
	}
	return fmt.Sprintf("field %d", field)
}

// clusterText prints what the cluster does for itself.
func clusterText(cmd rtbh.Command) string {
	switch x := cmd.(type) {
	case rtbh.InitCluster:
		return "cluster made: " + x.ClusterID
	case rtbh.PutMember:
		return fmt.Sprintf("member %s: %s at %s, version %s", x.Member.Name, x.Member.Role, x.Member.Addr, x.Member.Binary)
	case rtbh.DeleteMember:
		return "cluster remove " + x.Name
	case rtbh.PutToken:
		return "cluster token " + x.Token.Role.String() + withText(" ", x.Token.Name)
	case rtbh.UseToken:
		return "token used: " + hex.EncodeToString(x.Hash[:4])
	case rtbh.SetBudget:
		if x.Max == 0 {
			return fmt.Sprintf("at %s: no neighbor %s maximum-announced", x.Node, x.Neighbor)
		}
		return fmt.Sprintf("at %s: neighbor %s maximum-announced %d", x.Node, x.Neighbor, x.Max)
	case rtbh.CountRefused:
		if x.Count == 1 {
			return x.Why
		}
		return fmt.Sprintf("%s (the last of %d tries)", x.Why, x.Count)
	case rtbh.RaiseVersion:
		return fmt.Sprintf("entry version %d", x.Version)
	case rtbh.RecordLocal:
		return fmt.Sprintf("%s (at %s, %s)", x.Text, x.Node, x.At)
	}
	return fmt.Sprintf("%T", cmd)
}

// customerOf is whom a command is about, "" when it is about no customer.
func customerOf(cmd rtbh.Command) string {
	switch x := cmd.(type) {
	case rtbh.Announce:
		return x.Customer
	case rtbh.Withdraw:
		return x.Customer
	case rtbh.Clear:
		return x.Customer
	case rtbh.EditCustomer:
		return x.Name
	case rtbh.EditUser:
		return x.Value.Customer
	case rtbh.EditContact:
		return x.Contact.Customer
	}
	return ""
}
