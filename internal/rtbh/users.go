package rtbh

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
)

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
			if refusal := checkWord("principal", p, 256); refusal != nil || p == "" {
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
		return refuse(RefusedSyntax, "The key's second word does not hold a key of type %s; copy the whole line of the .pub file.", f[0])
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
