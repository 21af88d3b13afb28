package rtbh

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

const (
	// pendingFor is how long a request waits for a second operator.
	pendingFor = 24 * time.Hour
	// maxPending and maxPendingOf bound what waits, in the cluster and of one
	// customer: nothing else limits it before it is approved.
	maxPending   = 256
	maxPendingOf = 16
)

// needsApproval tells whether a second operator has to agree: to a network with a
// mask shorter than the customer's threshold, and to anything so near to a protected
// prefix that a network of that length around it would hold both.
func (s *State) needsApproval(c Customer, p netip.Prefix) bool {
	limit := int(c.ApproveLen4)
	if p.Addr().Is6() {
		limit = int(c.ApproveLen6)
	}
	if limit == 0 {
		return false
	}
	around := netip.PrefixFrom(p.Addr(), min(limit, p.Bits())).Masked()
	return p.Bits() < limit || slices.ContainsFunc(s.Protected(), around.Overlaps)
}

// NeedsApproval tells whether a prefix of a customer would wait for a second
// operator.
func (s *State) NeedsApproval(customer string, p netip.Prefix) bool {
	return s.needsApproval(s.customers[customer], p)
}

// waiting returns the number of what waits for approval for one prefix of one
// customer, 0 for none. There is never more than one.
func (s *State) waiting(p netip.Prefix, customer string) uint64 {
	for id, w := range s.pending {
		if w.Announce.Prefix == p && w.Announce.Customer == customer {
			return id
		}
	}
	return 0
}

// wait lets an announcement wait for a second operator, in the place of an
// earlier one for the same prefix.
func (s *State) wait(e *Entry, x Announce, o *Outcome) {
	id := s.waiting(x.Prefix, x.Customer)
	if id == 0 {
		s.nextPending++
		id = s.nextPending
	}
	s.pending[id] = Pending{ID: id, At: s.stamp, By: e.Actor, Request: e.Request, Announce: x}
	o.Pending = id
}

// checkPending refuses the one request too many that would have to wait.
func (s *State) checkPending(c Customer, x Announce) *Refusal {
	if !s.needsApproval(c, x.Prefix) || s.waiting(x.Prefix, x.Customer) != 0 {
		return nil
	}
	own := 0
	for _, w := range s.pending {
		if w.Announce.Customer == x.Customer {
			own++
		}
	}
	if own >= maxPendingOf || len(s.pending) >= maxPending {
		return refuse(RefusedLimit, "%s needs the approval of an operator, and %d requests wait for that already (%d of yours, which may be %d); call your provider.",
			x.Prefix, len(s.pending), own, maxPendingOf)
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

func (s *State) approve(index uint64, e *Entry, x Approve, o *Outcome, r *Result) {
	p := s.pending[x.ID]
	delete(s.pending, x.ID)
	if !x.Reject {
		s.set(index, p.By, p.Request, e.Actor.User, p.Announce, o, r)
	}
}

// decides returns what an approval or a rejection is about, as the command that it
// amounts to: the audit says it beside the number, which nobody can look up later.
func (s *State) decides(cmd Command) Command {
	x, ok := cmd.(Approve)
	if !ok {
		return nil
	}
	asked := s.pending[x.ID].Announce
	if x.Reject {
		return Withdraw{Customer: asked.Customer, Prefix: asked.Prefix, Reason: fmt.Sprintf("request %d rejected", x.ID)}
	}
	return asked
}

// dropPending forgets what waits and is not wanted any more.
func (s *State) dropPending(unwanted func(Announce) bool) {
	for id, w := range s.pending {
		if unwanted(w.Announce) {
			delete(s.pending, id)
		}
	}
}

// forgetPending drops what waited too long.
func (s *State) forgetPending() {
	for id, w := range s.pending {
		if w.At.Add(pendingFor) <= s.stamp {
			delete(s.pending, id)
		}
	}
}
