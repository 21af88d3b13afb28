package daemon

import (
	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// users is the replicated state as the SSH door's list of users.
type users struct{ node *consensus.Node }

// User looks a user up. A witness knows no customers at its door, whatever its
// file says: it is the cluster's third vote and nothing that customers lean on.
func (u users) User(name string) (found rtbh.User, ok bool) {
	u.node.View(func(s *rtbh.State, _ rtbh.Instant) { found, ok = s.User(name) })
	return found, ok && admits(u.node.Role(), found.Role)
}

func admits(node rtbh.MemberRole, user rtbh.Role) bool {
	return node != rtbh.Witness || user != rtbh.RoleCustomer
}

// UserCAs returns the keys whose certificates are believed.
func (u users) UserCAs() (cas []string) {
	u.node.View(func(s *rtbh.State, _ rtbh.Instant) { cas = s.Settings().UserCAs })
	return cas
}
