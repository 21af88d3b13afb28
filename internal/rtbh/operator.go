package rtbh

import (
	"net/netip"
	"slices"
)

func isClusterCommand(c Command) bool { return c.kind() >= KindInitCluster }

// checkCluster checks what the cluster itself proposes.
func (s *State) checkCluster(c Command) *Refusal {
	switch x := c.(type) {
	case InitCluster:
		if s.clusterID != "" {
			return refuse(RefusedExists, "This cluster is initialised already; its id is %s.", s.clusterID)
		}
	case PutMember:
		return s.checkMember(x.Member)
	case DeleteMember:
		if _, ok := s.members[x.Name]; !ok {
			return refuse(RefusedUnknown, "There is no member %q.", x.Name)
		}
	case PutToken:
		if x.Token.Name != "" {
			return checkName("node", x.Token.Name)
		}
	case UseToken:
		if _, ok := s.tokens[x.Hash]; !ok {
			return refuse(RefusedUnknown, "This token was used already, or never made.")
		}
	case SetBudget:
		if _, ok := s.members[x.Node]; !ok && x.Max > 0 {
			return refuse(RefusedUnknown, "There is no member %q.", x.Node)
		}
		return checkText("neighbor", x.Neighbor, maxReason)
	case CountRefused:
		if _, ok := s.users[x.User]; !ok {
			return refuse(RefusedUnknown, "There is no user %q.", x.User)
		}
		return checkText("reason", x.From+x.Why, maxReason)
	case RaiseVersion:
		if x.Version < s.version {
			return refuse(RefusedVersion, "The cluster speaks version %d already.", s.version)
		}
		for _, m := range s.Members() {
			if m.Speaks < x.Version {
				return refuse(RefusedVersion, "%s runs %s, which cannot read version %d; upgrade it first.", m.Name, m.Binary, x.Version)
			}
		}
	}
	return nil
}

func (s *State) checkMember(m Member) *Refusal {
	switch {
	case m.Role > Speaker:
		return refuse(RefusedSyntax, "Role %d of a node is not known here.", m.Role)
	case m.Speaks != 0 && m.Speaks < s.version:
		return refuse(RefusedVersion, "%s runs %s, which cannot read version %d; upgrade it first.", m.Name, m.Binary, s.version)
	}
	return checkName("node", m.Name)
}

// checkOperator checks what only operators may do.
func (s *State) checkOperator(a Actor, c Command) *Refusal {
	switch x := c.(type) {
	case Clear:
		if x.Customer != "" {
			if _, ok := s.customers[x.Customer]; !ok {
				return refuse(RefusedUnknown, "There is no customer %q.", x.Customer)
			}
		}
		return checkText("reason", x.Reason, maxReason)
	case EditCustomer:
		return s.checkEditCustomer(x)
	case EditUser:
		return s.checkEditUser(x)
	case EditSettings:
		return s.checkEditSettings(x)
	case EditClause:
		return s.checkEditClause(x)
	case DeleteRouteMap:
		return s.checkDeleteRouteMap(x)
	case EditPrefixList:
		return s.checkEditPrefixList(x)
	case EditCommunityList:
		return s.checkEditCommunityList(x)
	case EditContact:
		return s.checkEditContact(x)
	case Approve:
		return s.checkApprove(a, x)
	case PutToken, DeleteMember, PutMember:
		return s.checkCluster(c)
	}
	return refuse(RefusedRole, "Only the cluster itself does this.")
}

const maxName = 64

// checkName keeps names to what fits on a command line, in a file name and in
// a certificate.
func checkName(what, name string) *Refusal {
	ok := name != "" && len(name) <= maxName && name[0] != '-' && name[0] != '.'
	for i := 0; ok && i < len(name); i++ {
		ch := name[i]
		ok = ch == '-' || ch == '_' || ch == '.' || '0' <= ch && ch <= '9' || 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z'
	}
	if !ok {
		return refuse(RefusedSyntax, "%q is no name for a %s: use up to %d letters, digits, `-`, `_` and `.`.", name, what, maxName)
	}
	return nil
}

func checkASN(n uint32) *Refusal {
	if n == 0 || n == 23456 || n == 65535 || n == 4294967295 {
		return refuse(RefusedSyntax, "AS %d is reserved (RFC 7607, RFC 6793, RFC 7300).", n)
	}
	return nil
}

func checkPrefixes(all []netip.Prefix) *Refusal {
	if len(all) == 0 {
		return refuse(RefusedSyntax, "A prefix is missing.")
	}
	for _, p := range all {
		if refusal := checkPrefix(p); refusal != nil {
			return refusal
		}
	}
	return nil
}

func checkLife(l Lifetime) *Refusal {
	if l == Forever || (0 < l && l <= maxLife) {
		return nil
	}
	return refuse(RefusedSyntax, "A lifetime is a number with s, m, h or d, such as 2h and at most %s, or `never`.", maxLife)
}

func checkMinLife(l Lifetime) *Refusal {
	if l == Forever {
		return refuse(RefusedSyntax, "The shortest lifetime cannot be `never`.")
	}
	return checkLife(l)
}

func (s *State) checkEditCustomer(x EditCustomer) *Refusal {
	if refusal := checkName("customer", x.Name); refusal != nil {
		return refusal
	}
	if x.Field >= customerFields {
		return refuse(RefusedSyntax, "Field %d of a customer is not known here.", x.Field)
	}
	c, exists := s.customers[x.Name]
	if !exists && (x.Field != CustomerExists || x.Remove) {
		return refuse(RefusedUnknown, "There is no customer %q.", x.Name)
	}
	if x.Remove {
		return s.checkRemoveFromCustomer(c, x)
	}
	v := x.Value
	switch x.Field {
	case CustomerDescription:
		return checkText("description", v.Description, maxReason)
	case CustomerContact:
		return checkText("contact", v.Contact, maxReason)
	case CustomerPrompt:
		return checkName("prompt", v.Prompt)
	case CustomerASN:
		return checkASN(v.ASN)
	case CustomerPrefixes:
		return checkPrefixes(v.Prefixes)
	case CustomerROAPrefixes:
		for _, p := range v.ROAPrefixes {
			if refusal := checkPrefix(p); refusal != nil {
				return refusal
			}
		}
	case CustomerOriginAS:
		for _, n := range v.OriginAS {
			if refusal := checkASN(n); refusal != nil {
				return refusal
			}
		}
	case CustomerMinLen4:
		return checkLen(v.MinLen4, floorLen4, 32)
	case CustomerMinLen6:
		return checkLen(v.MinLen6, floorLen6, 128)
	case CustomerApproveLen4:
		return checkLen(v.ApproveLen4, floorLen4, 32)
	case CustomerApproveLen6:
		return checkLen(v.ApproveLen6, floorLen6, 128)
	case CustomerDefaultLife:
		return checkLife(v.DefaultLife)
	case CustomerMaxLife:
		return checkLife(v.MaxLife)
	case CustomerMinLife:
		return checkMinLife(v.MinLife)
	case CustomerRouteMaps:
		for _, name := range v.RouteMaps {
			if _, ok := s.routeMaps[name]; !ok {
				return refuse(RefusedRouteMap, "Route-map %s is not defined; define it first.", name)
			}
		}
	}
	return nil
}

func checkLen(n uint8, least, most int) *Refusal {
	if int(n) < least || int(n) > most {
		return refuse(RefusedLength, "A mask length here is from %d to %d.", least, most)
	}
	return nil
}

func (s *State) checkRemoveFromCustomer(c Customer, x EditCustomer) *Refusal {
	switch x.Field {
	case CustomerExists:
		if n := len(s.holes[x.Name]); n > 0 {
			return refuse(RefusedInUse, "Customer %s still has %d blackholes; end them first with `clear blackhole customer %s`.", x.Name, n, x.Name)
		}
	case CustomerPrefixes:
		for _, p := range x.Value.Prefixes {
			if !slices.Contains(c.Prefixes, p) {
				return refuse(RefusedAbsent, "%s is not among the prefixes of %s.", p, x.Name)
			}
		}
	}
	return nil
}

func (s *State) checkEditSettings(x EditSettings) *Refusal {
	v := x.Value
	if x.Remove && x.Field < settingsFields {
		return nil
	}
	switch x.Field {
	case SettingsDefaultLife:
		return checkLife(v.DefaultLife)
	case SettingsMaxLife:
		return checkLife(v.MaxLife)
	case SettingsMinLife:
		return checkMinLife(v.MinLife)
	case SettingsMaxBlackholes, SettingsPerCustomer:
		return nil
	case SettingsProtected:
		return checkPrefixes(v.Protected)
	case SettingsUserCAs:
		for _, k := range v.UserCAs {
			if refusal := CheckKey(k); refusal != nil {
				return refusal
			}
		}
		return nil
	case SettingsBanner:
		if len(v.Banner) > 4096 {
			return refuse(RefusedSyntax, "The banner is too long: at most 4096 bytes.")
		}
		return checkText("banner", v.Banner, 4096)
	}
	return refuse(RefusedSyntax, "Field %d of the settings is not known here.", x.Field)
}
