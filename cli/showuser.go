package cli

import (
	"fmt"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func showUserRows() []row {
	return []row{{Modes: execModes, Pattern: "show users [json]", Run: showUsers}}
}

type userJSON struct {
	Name       string   `json:"name"`
	Role       string   `json:"role"`
	Customer   string   `json:"customer,omitempty"`
	Keys       int      `json:"keys"`
	Principals []string `json:"principals,omitempty"`
	Password   bool     `json:"password"`
	Disabled   bool     `json:"disabled"`
	Refused    uint32   `json:"refusedTries"`
}

// showUsers lists who can log in; a customer's users see their customer's.
// Hashes and keys are in the running configuration, for operators only.
func showUsers(c *call, m *match) error {
	c.fresh(m)
	var all []userJSON
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		refused := map[string]uint32{}
		for _, r := range s.Refused() {
			refused[r.User] = r.Count
		}
		for _, u := range s.Users() {
			if c.scope != "" && u.Customer != c.scope {
				continue
			}
			all = append(all, userJSON{
				Name: u.Name, Role: u.Role.String(), Customer: u.Customer, Keys: len(u.Keys), Principals: u.Principals,
				Password: u.Password != "", Disabled: u.Disabled, Refused: refused[u.Name],
			})
		}
	})
	if m.Has("json") {
		c.json(struct {
			Users []userJSON `json:"users"`
		}{orEmpty(all)})
		return nil
	}
	rows := [][]string{{"User", "Role", "Customer", "Ways in", "Refused tries"}}
	for _, u := range all {
		rows = append(rows, []string{clean(u.Name), u.Role, clean(u.Customer), u.ways(), fmt.Sprint(u.Refused)})
	}
	if len(rows) == 1 {
		c.print("No users.\n")
		return nil
	}
	columns(c.out, rows)
	return nil
}

func (u userJSON) ways() string {
	var ways []string
	if u.Keys > 0 {
		ways = append(ways, count(u.Keys, "key"))
	}
	if len(u.Principals) > 0 {
		ways = append(ways, count(len(u.Principals), "principal"))
	}
	if u.Password {
		ways = append(ways, "password")
	}
	switch {
	case u.Disabled:
		return "disabled"
	case len(ways) == 0:
		return "none"
	}
	return strings.Join(ways, ", ")
}
