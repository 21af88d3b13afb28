package rtbh

import (
	"net/netip"
	"slices"
)

// checkBudgets refuses the one blackhole too many, before it is announced.
func (s *State) checkBudgets(c Customer, x Announce, now Instant) *Refusal {
	if _, refresh := s.Blackhole(x.Prefix, x.Customer, now); refresh {
		return nil
	}
	most := c.MaxBlackholes
	if most == 0 {
		most = s.settings.PerCustomer
	}
	if have := s.countUpTo(c.Name, most, now); most > 0 && have >= most {
		return refuse(RefusedLimit, "You have %d blackholes, and %d is your limit; end one with `no network` first.", have, most)
	}
	if most = s.settings.MaxBlackholes; most > 0 {
		if have := s.countUpTo("", most, now); have >= most {
			return refuse(RefusedLimit, "The cluster has %d blackholes, and %d is its limit; call your provider.", have, most)
		}
	}
	if len(s.budgets) == 0 {
		return nil
	}
	if slices.ContainsFunc(s.byPrefix[x.Prefix], func(b *Blackhole) bool { return b.Active(now) }) {
		return nil // another customer's announcement already counts
	}
	have := s.routesAt(now)
	for _, b := range s.Budgets() {
		if have >= b.Max {
			return refuse(RefusedLimit, "%d routes are announced, and neighbor %s of %s takes %d at most; call your provider.", have, b.Neighbor, b.Node, b.Max)
		}
	}
	return nil
}

// countUpTo counts the active blackholes of a customer ("" = all). Only when
// the limit seems to be reached are those that are over at now left out:
// normally they are gone already.
func (s *State) countUpTo(customer string, limit uint32, now Instant) uint32 {
	have := s.holeCount
	if customer != "" {
		have = len(s.holes[customer])
	}
	if uint64(have) >= uint64(limit) {
		s.overAt(now, func(b *Blackhole) {
			if customer == "" || b.Customer == customer {
				have--
			}
		})
	}
	return uint32(have)
}

// OverBudget counts the routes that are announced at now, and returns the budgets
// that are less: a budget that is set under what is out already takes nothing back.
func (s *State) OverBudget(now Instant) (routes uint32, over []Budget) {
	routes = s.routesAt(now)
	return routes, slices.DeleteFunc(s.Budgets(), func(b Budget) bool { return b.Max >= routes })
}

// routesAt counts the prefixes that are announced at now.
func (s *State) routesAt(now Instant) uint32 {
	var gone map[netip.Prefix]bool
	s.overAt(now, func(b *Blackhole) {
		if !slices.ContainsFunc(s.byPrefix[b.Prefix], func(o *Blackhole) bool { return o.Active(now) }) {
			if gone == nil {
				gone = map[netip.Prefix]bool{}
			}
			gone[b.Prefix] = true
		}
	})
	return uint32(len(s.byPrefix) - len(gone))
}
