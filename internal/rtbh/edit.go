package rtbh

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

func defaultSettings() Settings {
	return Settings{
		DefaultLife: LifetimeOf(24 * time.Hour),
		MaxLife:     LifetimeOf(30 * 24 * time.Hour),
		MinLife:     LifetimeOf(time.Minute),
		PerCustomer: 1000,
	}
}

// edited returns a sorted list with the values added, or with remove taken out.
func edited[T comparable](was, values []T, remove bool, cmp func(a, b T) int) []T {
	out := slices.Clone(was)
	if remove {
		if len(values) == 0 {
			return nil // `no ...` without a value empties the list
		}
		out = slices.DeleteFunc(out, func(v T) bool { return slices.Contains(values, v) })
	} else {
		out = append(out, values...)
	}
	slices.SortFunc(out, cmp)
	if out = slices.Compact(out); len(out) == 0 {
		return nil
	}
	return out
}

// single returns the value, or with remove the zero value.
func single[T any](value T, remove bool) T {
	if remove {
		var zero T
		return zero
	}
	return value
}

// editCustomer reports whether nothing changed.
func (s *State) editCustomer(index uint64, e *Entry, x EditCustomer, r *Result) bool {
	c, exists := s.customers[x.Name]
	v := x.Value
	switch x.Field {
	case CustomerExists:
		if x.Remove {
			s.deleteCustomer(index, e, x.Name, r)
			return false
		}
		s.customers[x.Name] = Customer{Name: x.Name}
		if exists {
			s.customers[x.Name] = c
		}
		return exists
	case CustomerDescription:
		c.Description = single(v.Description, x.Remove)
	case CustomerASN:
		c.ASN = single(v.ASN, x.Remove)
	case CustomerPrefixes:
		c.Prefixes = edited(c.Prefixes, v.Prefixes, x.Remove, ComparePrefixes)
	case CustomerOriginAS:
		c.OriginAS = edited(c.OriginAS, v.OriginAS, x.Remove, compareNumbers)
	case CustomerROAPrefixes: // the whole derived list, not a change to it
		c.ROAPrefixes = edited(nil, single(v.ROAPrefixes, x.Remove), false, ComparePrefixes)
	case CustomerMinLen4:
		c.MinLen4 = single(v.MinLen4, x.Remove)
	case CustomerMinLen6:
		c.MinLen6 = single(v.MinLen6, x.Remove)
	case CustomerMaxBlackholes:
		c.MaxBlackholes = single(v.MaxBlackholes, x.Remove)
	case CustomerDefaultLife:
		c.DefaultLife = single(v.DefaultLife, x.Remove)
	case CustomerMaxLife:
		c.MaxLife = single(v.MaxLife, x.Remove)
	case CustomerMinLife:
		c.MinLife = single(v.MinLife, x.Remove)
	case CustomerRouteMaps:
		c.RouteMaps = edited(c.RouteMaps, v.RouteMaps, x.Remove, strings.Compare)
	case CustomerPrompt:
		c.Prompt = single(v.Prompt, x.Remove)
	case CustomerContact:
		c.Contact = single(v.Contact, x.Remove)
	case CustomerApproveLen4:
		c.ApproveLen4 = single(v.ApproveLen4, x.Remove)
	case CustomerApproveLen6:
		c.ApproveLen6 = single(v.ApproveLen6, x.Remove)
	}
	s.customers[x.Name] = c
	if x.Field == CustomerPrefixes || x.Field == CustomerROAPrefixes {
		s.flagUngranted(c)
	}
	return false
}

// deleteCustomer takes its users and contacts along. Authorize made sure that no blackhole
// is left.
func (s *State) deleteCustomer(index uint64, e *Entry, name string, r *Result) {
	s.clear(index, e, name, EndCustomer, r)
	delete(s.customers, name)
	for _, u := range s.Users() {
		if u.Customer == name {
			delete(s.users, u.Name)
			delete(s.refused, u.Name)
		}
	}
	maps.DeleteFunc(s.contacts, func(_ string, c Contact) bool { return c.Customer == name })
}

// flagUngranted marks the customer's blackholes whose grant is gone, and
// unmarks those whose grant is back. They stay announced until they end.
func (s *State) flagUngranted(c Customer) {
	for _, b := range s.sortedHoles(c.Name) {
		if flagged := !c.Covers(b.Prefix); b.Flagged != flagged {
			changed := *b
			changed.Flagged = flagged
			s.put(&changed)
		}
	}
}

func (s *State) editUser(x EditUser) bool {
	u, exists := s.users[x.Name]
	v := x.Value
	switch x.Field {
	case UserExists:
		if x.Remove {
			delete(s.users, x.Name)
			delete(s.refused, x.Name)
			return false
		}
		if !exists {
			s.users[x.Name] = User{Name: x.Name, Customer: v.Customer, Role: v.Role}
		}
		return exists
	case UserKeys:
		u.Keys = edited(u.Keys, v.Keys, x.Remove, strings.Compare)
	case UserPrincipals:
		u.Principals = edited(u.Principals, v.Principals, x.Remove, strings.Compare)
	case UserPassword:
		u.Password = single(v.Password, x.Remove)
	case UserLanding:
		u.Landing = single(v.Landing, x.Remove)
	case UserPrompt:
		u.Prompt = single(v.Prompt, x.Remove)
	case UserReceipt:
		u.Receipt = single(v.Receipt, x.Remove)
	case UserDisabled:
		u.Disabled = single(v.Disabled, x.Remove)
	case UserRole:
		if !x.Remove {
			u.Role = v.Role
		}
	}
	s.users[x.Name] = u
	return false
}

func (s *State) editSettings(x EditSettings) bool {
	v, d := x.Value, defaultSettings()
	if x.Remove {
		v.DefaultLife, v.MaxLife, v.MinLife, v.PerCustomer = d.DefaultLife, d.MaxLife, d.MinLife, d.PerCustomer
		v.MaxBlackholes, v.Banner = d.MaxBlackholes, d.Banner
	}
	switch x.Field {
	case SettingsDefaultLife:
		s.settings.DefaultLife = v.DefaultLife
	case SettingsMaxLife:
		s.settings.MaxLife = v.MaxLife
	case SettingsMinLife:
		s.settings.MinLife = v.MinLife
	case SettingsMaxBlackholes:
		s.settings.MaxBlackholes = v.MaxBlackholes
	case SettingsPerCustomer:
		s.settings.PerCustomer = v.PerCustomer
	case SettingsProtected:
		s.settings.Protected = edited(s.settings.Protected, v.Protected, x.Remove, ComparePrefixes)
	case SettingsUserCAs:
		s.settings.UserCAs = edited(s.settings.UserCAs, v.UserCAs, x.Remove, strings.Compare)
	case SettingsBanner:
		s.settings.Banner = v.Banner
	}
	return false
}

// find returns the place of a clause, or -1.
func (m RouteMap) find(seq uint16) int {
	return slices.IndexFunc(m.Clauses, func(c Clause) bool { return c.Seq == seq })
}

func (s *State) editClause(x EditClause) bool {
	m, exists := s.routeMaps[x.Map]
	m.Name = x.Map
	m.Clauses = slices.Clone(m.Clauses)
	i := m.find(x.Value.Seq)
	if x.Remove && x.Field == ClauseExists {
		if m.Clauses = slices.Delete(m.Clauses, i, i+1); len(m.Clauses) == 0 {
			delete(s.routeMaps, x.Map)
			return false
		}
		s.routeMaps[x.Map] = m
		return false
	}
	was := exists && i >= 0
	if !was {
		m.Clauses = append(m.Clauses, Clause{Seq: x.Value.Seq})
		slices.SortFunc(m.Clauses, func(a, b Clause) int { return int(a.Seq) - int(b.Seq) })
		i = m.find(x.Value.Seq)
	}
	unchanged := was && x.Field == ClauseExists && m.Clauses[i].Deny == x.Value.Deny
	m.Clauses[i] = m.Clauses[i].with(x)
	s.routeMaps[x.Map] = m
	return unchanged
}

// with returns the clause with one line changed.
func (c Clause) with(x EditClause) Clause {
	v := x.Value
	if !x.Remove {
		c.Deny = v.Deny
	}
	switch x.Field {
	case ClauseDescription:
		c.Description = single(v.Description, x.Remove)
	case ClauseMatchCommunity:
		c.MatchCommunity = single(v.MatchCommunity, x.Remove)
	case ClauseMatchPrefix4:
		c.MatchPrefix4 = single(v.MatchPrefix4, x.Remove)
	case ClauseMatchPrefix6:
		c.MatchPrefix6 = single(v.MatchPrefix6, x.Remove)
	case ClauseCommunities:
		c.Communities = edited(nil, single(v.Communities, x.Remove), false, compareNumbers)
		c.Additive = single(v.Additive, x.Remove)
	case ClauseLarge:
		c.Large = edited(nil, single(v.Large, x.Remove), false, compareLarge)
		c.LargeAdditive = single(v.LargeAdditive, x.Remove)
	case ClauseExt:
		c.Ext = edited(nil, single(v.Ext, x.Remove), false, compareNumbers)
	case ClauseNextHop4:
		c.NextHop4 = single(v.NextHop4, x.Remove)
	case ClauseNextHop6:
		c.NextHop6 = single(v.NextHop6, x.Remove)
	case ClauseLocalPref:
		c.LocalPref = single(v.LocalPref, x.Remove)
	case ClauseMED:
		c.MED = single(v.MED, x.Remove)
	case ClauseOrigin:
		c.Origin = single(v.Origin, x.Remove)
	case ClausePrepend:
		c.Prepend = slices.Clone(single(v.Prepend, x.Remove))
	}
	return c
}

func (s *State) editPrefixList(x EditPrefixList) bool {
	l := s.prefixLists[x.Name]
	l.Name, l.IPv6 = x.Name, x.IPv6
	rule := x.Rule
	if rule.Any {
		rule.Prefix, rule.Ge, rule.Le = netip.Prefix{}, 0, 0
	}
	l.Rules = editedRules(l.Rules, rule, x.Remove, PrefixRule.seq, func(r *PrefixRule, n uint32) { r.Seq = n })
	if len(l.Rules) == 0 {
		delete(s.prefixLists, x.Name)
		return false
	}
	s.prefixLists[x.Name] = l
	return false
}

func (s *State) editCommunityList(x EditCommunityList) bool {
	l := s.communityLists[x.Name]
	l.Name = x.Name
	rule := x.Rule
	rule.Communities = edited(nil, rule.Communities, false, compareNumbers)
	l.Rules = editedRules(l.Rules, rule, x.Remove, CommunityRule.seq, func(r *CommunityRule, n uint32) { r.Seq = n })
	if len(l.Rules) == 0 {
		delete(s.communityLists, x.Name)
		return false
	}
	s.communityLists[x.Name] = l
	return false
}

// editedRules puts a rule at its sequence number, at the end in steps of five
// when it has none, or takes the rule of that number out (0: all of them).
func editedRules[T any](was []T, rule T, remove bool, seq func(T) uint32, number func(*T, uint32)) []T {
	if remove && seq(rule) == 0 {
		return nil
	}
	if seq(rule) == 0 {
		last := uint32(0)
		if len(was) > 0 {
			last = seq(was[len(was)-1])
		}
		number(&rule, last-last%5+5)
	}
	out := slices.DeleteFunc(slices.Clone(was), func(r T) bool { return seq(r) == seq(rule) })
	if !remove {
		out = append(out, rule)
	}
	slices.SortFunc(out, func(a, b T) int { return compareNumbers(seq(a), seq(b)) })
	return out
}
