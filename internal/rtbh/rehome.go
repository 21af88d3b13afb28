package rtbh

// Rehome makes the state that of another cluster, as when a backup is restored:
// a new id and one member. Invitations and the neighbors' budgets belonged to
// the nodes of the old one and are dropped; customers, users, route-maps,
// blackholes and the audit stay. It is no command: nothing may run on the state.
func (s *State) Rehome(clusterID string, self Member) {
	s.clusterID = clusterID
	s.members = map[string]Member{self.Name: self}
	clear(s.tokens)
	clear(s.budgets)
}
