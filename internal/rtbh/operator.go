package rtbh

import (
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
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
		return checkName("node", x.Member.Name)
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
	if l == Forever || l > 0 {
		return nil
	}
	return refuse(RefusedSyntax, "A lifetime is a number with s, m, h or d, such as 2h, or `never`.")
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
	case CustomerMinLen4, CustomerApproveLen4:
		return checkLen(max(v.MinLen4, v.ApproveLen4), floorLen4, 32)
	case CustomerMinLen6, CustomerApproveLen6:
		return checkLen(max(v.MinLen6, v.ApproveLen6), floorLen6, 128)
	case CustomerDefaultLife:
		return checkLife(v.DefaultLife)
	case CustomerMaxLife:
		return checkLife(v.MaxLife)
	case CustomerMinLife:
		return checkLife(v.MinLife)
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
		if n := s.perCustomer[x.Name]; n > 0 {
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

func (s *State) checkEditUser(x EditUser) *Refusal {
	if refusal := checkName("user", x.Name); refusal != nil {
		return refusal
	}
	if x.Field >= userFields {
		return refuse(RefusedSyntax, "Field %d of a user is not known here.", x.Field)
	}
	u, exists := s.users[x.Name]
	if x.Field == UserExists && !x.Remove {
		return s.checkNewUser(u, exists, x)
	}
	if !exists {
		return refuse(RefusedUnknown, "There is no user %q.", x.Name)
	}
	if x.Remove {
		return nil
	}
	switch x.Field {
	case UserKeys:
		for _, k := range x.Value.Keys {
			if refusal := CheckKey(k); refusal != nil {
				return refusal
			}
		}
	case UserPrincipals:
		for _, p := range x.Value.Principals {
			if refusal := checkText("principal", p, 256); refusal != nil || p == "" {
				return refuse(RefusedSyntax, "%q is no certificate principal.", p)
			}
		}
	case UserPassword:
		return checkPasswordHash(x.Value.Password)
	case UserPrompt:
		return checkName("prompt", x.Value.Prompt)
	case UserRole:
		return checkUserRole(x.Value.Role, u.Customer)
	}
	return nil
}

func (s *State) checkNewUser(was User, exists bool, x EditUser) *Refusal {
	if x.Name == "local" {
		return refuse(RefusedExists, "The name %q is the node's own door.", x.Name)
	}
	if exists && (was.Customer != x.Value.Customer || was.Role != x.Value.Role) {
		return refuse(RefusedExists, "User %s exists already, elsewhere; names are unique in the cluster.", x.Name)
	}
	if x.Value.Customer != "" {
		if _, ok := s.customers[x.Value.Customer]; !ok {
			return refuse(RefusedUnknown, "There is no customer %q.", x.Value.Customer)
		}
	}
	return checkUserRole(x.Value.Role, x.Value.Customer)
}

func checkUserRole(r Role, customer string) *Refusal {
	switch {
	case r > RoleOperator:
		return refuse(RefusedSyntax, "Role %d is not known here.", r)
	case r == RoleCustomer && customer == "":
		return refuse(RefusedSyntax, "A user with role customer belongs to a customer.")
	case r == RoleOperator && customer != "":
		return refuse(RefusedSyntax, "An operator does not belong to a customer.")
	}
	return nil
}

// keyTypes are the public keys that can log in. ssh-rsa is the key's type, not
// the SHA-1 signature, which the SSH server refuses.
var keyTypes = []string{
	"ssh-ed25519", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
	"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
}

// CheckKey checks one line of an OpenSSH public key: "type base64 [comment]".
func CheckKey(line string) *Refusal {
	f := strings.Fields(line)
	if len(f) < 2 {
		return refuse(RefusedSyntax, "A key is `TYPE BASE64 [COMMENT]`, one line of a .pub file.")
	}
	if !slices.Contains(keyTypes, f[0]) {
		return refuse(RefusedSyntax, "Keys of type %q are not taken; use one of %s.", f[0], strings.Join(keyTypes, ", "))
	}
	raw, err := base64.StdEncoding.DecodeString(f[1])
	if err != nil || len(raw) < 4 {
		return refuse(RefusedSyntax, "The key's second word is not base64; copy the whole line of the .pub file.")
	}
	n := binary.BigEndian.Uint32(raw)
	if uint64(n) > uint64(len(raw)-4) || string(raw[4:4+n]) != f[0] {
		return refuse(RefusedSyntax, "The key's second word is not a %s key; copy the whole line of the .pub file.", f[0])
	}
	return checkText("key", line, 16384)
}

func checkPasswordHash(h string) *Refusal {
	for _, p := range []string{"$2a$", "$2b$", "$2y$", "$argon2id$"} {
		if strings.HasPrefix(h, p) {
			return checkText("password hash", h, 512)
		}
	}
	return refuse(RefusedSyntax, "A password is kept only as an argon2id or bcrypt hash.")
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
		return checkLife(v.MinLife)
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
		return nil
	}
	return refuse(RefusedSyntax, "Field %d of the settings is not known here.", x.Field)
}

func (s *State) checkEditClause(x EditClause) *Refusal {
	if refusal := checkName("route-map", x.Map); refusal != nil {
		return refusal
	}
	v := x.Value
	switch {
	case x.Field >= clauseFields:
		return refuse(RefusedSyntax, "Field %d of a route-map is not known here.", x.Field)
	case v.Seq == 0:
		return refuse(RefusedSyntax, "A sequence number is from 1 to 65535.")
	case x.Remove:
		m, ok := s.routeMaps[x.Map]
		if !ok || m.find(v.Seq) < 0 {
			return refuse(RefusedAbsent, "Route-map %s has no clause %d.", x.Map, v.Seq)
		}
		if x.Field == ClauseExists && len(m.Clauses) == 1 {
			return s.checkDeleteRouteMap(DeleteRouteMap{x.Map})
		}
		return nil
	case x.Field == ClauseNextHop4 && !v.NextHop4.Is4():
		return refuse(RefusedFamily, "`set ip next-hop` takes an IPv4 address.")
	case x.Field == ClauseNextHop6 && (!v.NextHop6.Is6() || v.NextHop6.Is4In6()):
		return refuse(RefusedFamily, "`set ipv6 next-hop global` takes an IPv6 address.")
	case x.Field == ClauseOrigin && v.Origin.Value > uint32(OriginIncomplete):
		return refuse(RefusedSyntax, "An origin is igp, egp or incomplete.")
	case x.Field == ClausePrepend && len(v.Prepend) > 24:
		return refuse(RefusedSyntax, "At most 24 AS numbers can be prepended.")
	case x.Field == ClauseDescription:
		return checkText("description", v.Description, maxReason)
	}
	for _, n := range v.Prepend {
		if refusal := checkASN(n); refusal != nil {
			return refusal
		}
	}
	return nil
}

func (s *State) checkDeleteRouteMap(x DeleteRouteMap) *Refusal {
	if x.Name == DefaultRouteMap {
		return refuse(RefusedInUse, "Route-map %s is the default of every blackhole; it can be edited but not deleted.", x.Name)
	}
	if _, ok := s.routeMaps[x.Name]; !ok {
		return refuse(RefusedAbsent, "There is no route-map %s.", x.Name)
	}
	for _, c := range s.Customers() {
		if slices.Contains(c.RouteMaps, x.Name) {
			return refuse(RefusedInUse, "Customer %s may use route-map %s; take that away first.", c.Name, x.Name)
		}
	}
	for _, b := range s.sortedHoles() {
		if b.RouteMap == x.Name {
			return refuse(RefusedInUse, "Route-map %s is in use by %s of %s.", x.Name, b.Prefix, b.Customer)
		}
	}
	return nil
}

func (s *State) checkEditPrefixList(x EditPrefixList) *Refusal {
	if refusal := checkName("prefix-list", x.Name); refusal != nil {
		return refusal
	}
	l, exists := s.prefixLists[x.Name]
	switch {
	case exists && l.IPv6 != x.IPv6:
		return refuse(RefusedExists, "Prefix-list %s is of the other address family.", x.Name)
	case x.Remove && !exists:
		return refuse(RefusedAbsent, "There is no prefix-list %s.", x.Name)
	case x.Remove:
		return nil
	case x.Rule.Any:
		return nil
	}
	if refusal := checkPrefix(x.Rule.Prefix); refusal != nil {
		return refusal
	}
	p, ge, le := x.Rule.Prefix, int(x.Rule.Ge), int(x.Rule.Le)
	switch {
	case p.Addr().Is6() != x.IPv6:
		return refuse(RefusedFamily, "%s is of the wrong address family for this list.", p)
	case max(ge, le) > p.Addr().BitLen(), ge > 0 && ge <= p.Bits(), le > 0 && le <= max(ge, p.Bits())-1:
		return refuse(RefusedLength, "Invalid prefix range for %s, make sure: len < ge-value <= le-value.", p)
	}
	return nil
}

func (s *State) checkEditCommunityList(x EditCommunityList) *Refusal {
	if refusal := checkName("community-list", x.Name); refusal != nil {
		return refusal
	}
	if _, exists := s.communityLists[x.Name]; x.Remove && !exists {
		return refuse(RefusedAbsent, "There is no community-list %s.", x.Name)
	}
	if !x.Remove && len(x.Rule.Communities) == 0 {
		return refuse(RefusedSyntax, "A community is missing.")
	}
	return nil
}

func (s *State) checkEditContact(x EditContact) *Refusal {
	if refusal := checkName("contact", x.Contact.Name); refusal != nil {
		return refusal
	}
	if _, ok := s.contacts[x.Contact.Name]; x.Remove && !ok {
		return refuse(RefusedAbsent, "There is no contact %q.", x.Contact.Name)
	}
	return nil
}

// checkApprove wants two different people, and checks the request as if it were
// made now.
func (s *State) checkApprove(a Actor, x Approve) *Refusal {
	p, ok := s.pending[x.ID]
	switch {
	case !ok:
		return refuse(RefusedAbsent, "Nothing waits for approval under number %d.", x.ID)
	case x.Reject:
		return nil
	case p.By.User == a.User:
		return refuse(RefusedRole, "You asked for this yourself; another operator has to approve it.")
	}
	return s.authorizeAnnounce(p.Announce, s.stamp)
}
