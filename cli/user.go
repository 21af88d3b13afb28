package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// userRows are the lines by which operators keep users: those of a customer
// below it, operators and viewers of everything by themselves.
func userRows() []row {
	config, customer := []*grammar.Mode{configMode}, []*grammar.Mode{customerMode}
	rows := []row{
		{Modes: config, Pattern: "user NAME [<operator|viewer>$role]", For: operators, Enters: userMode, Run: enterUser},
		{Modes: customer, Pattern: "user NAME [<customer|viewer>$role]", For: operators, Enters: customerUserMode, Run: enterUser},
		{Modes: config, Pattern: "no user NAME", For: operators, Run: removeUser},
		{Modes: customer, Pattern: "no user NAME", For: operators, Run: removeUser},
		{Modes: userModes, Pattern: "key LINE", For: operators, Run: addKey},
		{Modes: userModes, Pattern: "no key LINE", For: operators, Run: removeKey},
		{Modes: userModes, Pattern: "password encrypted WORD", For: operators, Run: passwordHash},
		{Modes: userModes, Pattern: "password WORD", For: operators, Run: passwordText},
		{Modes: userModes, Pattern: "no password", For: operators, Run: editUser(rtbh.UserPassword, true, nil)},
	}
	for _, f := range []struct {
		pattern, no string
		field       rtbh.UserField
		set         func(*rtbh.User, *match)
	}{
		{"principal WORD", "no principal WORD", rtbh.UserPrincipals, func(u *rtbh.User, m *match) { u.Principals = []string{m.Text("WORD")} }},
		{"prompt NAME", "no prompt", rtbh.UserPrompt, func(u *rtbh.User, m *match) { u.Prompt = m.Text("NAME") }},
		{"receipt", "no receipt", rtbh.UserReceipt, func(u *rtbh.User, _ *match) { u.Receipt = true }},
		{"disable", "no disable", rtbh.UserDisabled, func(u *rtbh.User, _ *match) { u.Disabled = true }},
		{"landing <view|enable>$level", "no landing", rtbh.UserLanding, func(u *rtbh.User, m *match) {
			if m.Text("level") == "view" {
				u.Landing = rtbh.LandView
			}
		}},
	} {
		rows = append(rows,
			row{Modes: userModes, Pattern: f.pattern, For: operators, Run: editUser(f.field, false, f.set)},
			row{Modes: userModes, Pattern: f.no, For: operators, Run: editUser(f.field, true, f.set)})
	}
	return rows
}

// editUser changes one field of the user that was entered.
func editUser(field rtbh.UserField, remove bool, set func(*rtbh.User, *match)) func(*call, *match) error {
	return func(c *call, m *match) error {
		cmd := rtbh.EditUser{Name: c.at.user, Field: field, Remove: remove}
		if set != nil {
			set(&cmd.Value, m)
		}
		return c.change(cmd)
	}
}

var roles = map[string]rtbh.Role{"customer": rtbh.RoleCustomer, "viewer": rtbh.RoleViewer, "operator": rtbh.RoleOperator}

// enterUser makes the user when it is new. Its place decides whose it is; a
// role that differs from the one it has is a change of role.
func enterUser(c *call, m *match) error {
	name, customer := m.Text("NAME"), ""
	if m.Mode == customerMode {
		customer = c.at.customer
	}
	var was rtbh.User
	known := false
	c.view(func(s *rtbh.State, _ rtbh.Instant) { was, known = s.User(name) })
	role, given := roles[m.Text("role")]
	switch {
	case known && was.Customer != customer:
		return c.elsewhere(was)
	case known && given && role != was.Role:
		if err := c.change(rtbh.EditUser{Name: name, Field: rtbh.UserRole, Value: rtbh.User{Role: role}}); err != nil {
			return err
		}
	case !known && !given && customer == "":
		return saying(fmt.Sprintf("%% User %s is new: type `user %s operator` or `user %s viewer`, or make it below its customer.", name, name, name))
	case !known:
		cmd := rtbh.EditUser{Name: name, Field: rtbh.UserExists, Value: rtbh.User{Customer: customer, Role: role}}
		if err := c.change(cmd); err != nil {
			return err
		}
	}
	c.at = place{customer: customer, user: name}
	return nil
}

func (c *call) elsewhere(u rtbh.User) error {
	if u.Customer == "" {
		return saying(fmt.Sprintf("%% User %s exists already and has no customer; type `exit`, then `user %s`.", u.Name, u.Name))
	}
	return saying(fmt.Sprintf("%% User %s exists already and belongs to customer %s; names are unique in the cluster.", u.Name, u.Customer))
}

// removeUser deletes a user where it belongs.
func removeUser(c *call, m *match) error {
	name, customer := m.Text("NAME"), ""
	if m.Mode == customerMode {
		customer = c.at.customer
	}
	var was rtbh.User
	known := false
	c.view(func(s *rtbh.State, _ rtbh.Instant) { was, known = s.User(name) })
	if known && was.Customer != customer {
		return c.elsewhere(was)
	}
	if name == c.actor.User {
		return saying("% This is yourself; another operator can do it.")
	}
	return c.change(rtbh.EditUser{Name: name, Field: rtbh.UserExists, Remove: true})
}

// addKey takes one line of a .pub file.
func addKey(c *call, m *match) error {
	key := strings.Join(strings.Fields(m.Text("LINE")), " ")
	if err := CheckKey(key); err != nil {
		return err
	}
	return c.change(rtbh.EditUser{Name: c.at.user, Field: rtbh.UserKeys, Value: rtbh.User{Keys: []string{key}}})
}

// removeKey finds the key whatever its comment is.
func removeKey(c *call, m *match) error {
	wanted := strings.Fields(m.Text("LINE"))
	var was rtbh.User
	c.view(func(s *rtbh.State, _ rtbh.Instant) { was, _ = s.User(c.at.user) })
	i := slices.IndexFunc(was.Keys, func(k string) bool {
		have := strings.Fields(k)
		return len(wanted) >= 2 && len(have) >= 2 && have[0] == wanted[0] && have[1] == wanted[1]
	})
	if i < 0 {
		return saying(fmt.Sprintf("%% User %s has no such key.", c.at.user))
	}
	return c.change(rtbh.EditUser{Name: c.at.user, Field: rtbh.UserKeys, Remove: true, Value: rtbh.User{Keys: []string{was.Keys[i]}}})
}

// passwordHash takes a hash that was made elsewhere, if a login can be checked
// against it: one that can't would lock the user out without a word.
func passwordHash(c *call, m *match) error {
	c.outcome.Forget = true
	if err := CheckPasswordHash(m.Text("WORD")); err != nil {
		return saying("% " + sentence(err.Error()))
	}
	return c.change(rtbh.EditUser{Name: c.at.user, Field: rtbh.UserPassword, Value: rtbh.User{Password: m.Text("WORD")}})
}

// minPassword is the shortest password that is taken. The server slows guessing
// down, but its port is open to the world.
const minPassword = 10

// passwordText hashes a password as it was typed; only the hash leaves this
// node, and the line stays out of the history.
func passwordText(c *call, m *match) error {
	c.outcome.Forget = true
	plain := m.Text("WORD")
	switch {
	case strings.HasPrefix(plain, "$"):
		return passwordHash(c, m)
	case len(plain) < minPassword:
		return saying(fmt.Sprintf("%% A password has at least %d characters.", minPassword))
	}
	hash, err := HashPassword(plain)
	if err != nil {
		return fmt.Errorf("the password could not be hashed: %w", err)
	}
	return c.change(rtbh.EditUser{Name: c.at.user, Field: rtbh.UserPassword, Value: rtbh.User{Password: hash}})
}
