package rtbh

import (
	"net/netip"
	"slices"
)

// Unfit is a blackhole that would be refused if it were asked for today. It was
// accepted under other rules, and stays until it ends: whoever edits a grant must
// not end what stops an attack by the way.
type Unfit struct {
	Blackhole
	Refusal *Refusal
}

// Unfit returns the blackholes of a customer, or with "" of everybody, that are
// active at now and would be refused today, sorted by prefix and then by customer.
// It follows from the state alone, so it is the same on every node, and nobody has
// to look again when a rule changes.
func (s *State) Unfit(customer string, now Instant) []Unfit {
	protected := s.Protected()
	var out []Unfit
	for name, holes := range s.holes {
		if customer != "" && name != customer {
			continue
		}
		c, bounds := s.customers[name], s.Lifetimes(name)
		for _, b := range holes {
			if refusal := s.unfit(c, bounds, protected, b); refusal != nil && b.Active(now) {
				out = append(out, Unfit{*b, refusal})
			}
		}
	}
	slices.SortFunc(out, func(a, b Unfit) int { return byPrefixThenCustomer(&a.Blackhole, &b.Blackhole) })
	return out
}

// Fits returns nil when a blackhole could be asked for today as it is, else the
// rule that would refuse it.
func (s *State) Fits(b Blackhole) *Refusal {
	return s.unfit(s.customers[b.Customer], s.Lifetimes(b.Customer), s.Protected(), &b)
}

// unfit is the part of authorizeAnnounce that is about what a blackhole is, and
// not about how it was typed or how many there are.
func (s *State) unfit(c Customer, bounds Bounds, protected []netip.Prefix, b *Blackhole) *Refusal {
	if refusal := c.checkGrant(b.Prefix); refusal != nil {
		return refusal
	}
	if refusal := c.checkLength(b.Prefix); refusal != nil {
		return refusal
	}
	if refusal := checkProtected(protected, b.Prefix); refusal != nil {
		return refusal
	}
	if refusal := s.checkRouteMap(c, b.Prefix, b.RouteMap); refusal != nil {
		return refusal
	}
	if b.Deadline == Never && bounds.Max != Forever {
		return refuse(RefusedLifetime, "It has no end, and the longest lifetime that you may ask for is %s.", bounds.Max)
	}
	return nil
}
