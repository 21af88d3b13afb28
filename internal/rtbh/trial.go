package rtbh

import "maps"

// trial is what an atomic batch replaced, so that a refused one leaves no
// trace. The blackholes are noted one by one, because there may be very many;
// lists only grow at their end, so their old headers are enough.
type trial struct {
	before State
	holes  []replaced
}

// replaced is what stood under one blackhole's identity.
type replaced struct {
	of       *Blackhole // whose prefix and customer
	was      *Blackhole // nil: nothing
	byPrefix []*Blackhole
}

// note remembers what stands in the place of b. It does nothing outside of a
// trial.
func (t *trial) note(s *State, b, was *Blackhole) {
	if t != nil {
		t.holes = append(t.holes, replaced{b, was, s.byPrefix[b.Prefix]})
	}
}

// begin starts a trial. Settle or rollback ends it.
func (s *State) begin(commands []Command) {
	t := &trial{before: *s}
	s.pending = maps.Clone(s.pending)
	for _, c := range commands {
		if !onBlackholes(c) {
			s.cloneConfiguration()
			break
		}
	}
	s.trial = t
}

// onBlackholes tells whether a command leaves the configuration alone.
func onBlackholes(c Command) bool {
	switch c.(type) {
	case Announce, Withdraw, Clear, Approve, Tick:
		return true
	}
	return false
}

// cloneConfiguration gives the state maps of its own for everything but the
// blackholes and what was asked before.
func (s *State) cloneConfiguration() {
	s.customers = maps.Clone(s.customers)
	s.users = maps.Clone(s.users)
	s.routeMaps = maps.Clone(s.routeMaps)
	s.prefixLists = maps.Clone(s.prefixLists)
	s.communityLists = maps.Clone(s.communityLists)
	s.members = maps.Clone(s.members)
	s.tokens = maps.Clone(s.tokens)
	s.contacts = maps.Clone(s.contacts)
	s.budgets = maps.Clone(s.budgets)
	s.refused = maps.Clone(s.refused)
	s.pending = maps.Clone(s.pending)
}

// settle keeps what was done since begin.
func (s *State) settle() { s.trial = nil }

// rollback undoes everything that was done since begin.
func (s *State) rollback() {
	t := s.trial
	for i := len(t.holes) - 1; i >= 0; i-- {
		r := t.holes[i]
		s.store(r.of.Prefix, r.of.Customer, r.was)
		if len(r.byPrefix) == 0 {
			delete(s.byPrefix, r.of.Prefix)
		} else {
			s.byPrefix[r.of.Prefix] = r.byPrefix
		}
	}
	ends := s.ends // what the trial put in is not current any more
	*s = t.before
	s.ends = ends
	s.history.cutBack()
	s.audit.cutBack()
}
