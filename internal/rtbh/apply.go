package rtbh

import (
	"math"
	"slices"
	"time"
)

const (
	// rememberedFor is how long a repeated request is recognised. An older one
	// is refused: it might revive what was withdrawn after it.
	rememberedFor = 10 * time.Minute
	// rememberedMost bounds the memory under a flood of requests.
	rememberedMost = 65536
)

// Apply changes the state by one committed entry and says what became of each
// command. It depends on nothing but the state and its arguments. Index must
// be higher than [State.Index].
func (s *State) Apply(index uint64, e Entry) Result {
	s.index = index
	s.stamp = max(s.stamp, e.Stamp)
	r := Result{Index: index, At: s.stamp}
	s.expire(index, &r)
	s.forget()
	s.applyOnce(index, &e, &r)
	s.tidyEnds()
	slices.SortFunc(r.Changed, ComparePrefixes)
	r.Changed = slices.Compact(r.Changed)
	return r
}

// applyOnce applies the entry unless its request was applied before.
func (s *State) applyOnce(index uint64, e *Entry, r *Result) {
	if e.Request != (RequestID{}) {
		if was, ok := s.known[e.Request]; ok {
			r.Index, r.At, r.Outcomes, r.Duplicate = was.result.Index, was.result.At, was.result.Outcomes, true
			return
		}
		if refusal := s.checkTyped(e); refusal != nil {
			s.refuseAll(index, e, r, refusal)
			return
		}
	}
	if e.Atomic {
		s.applyAtomic(index, e, r)
	} else {
		for _, cmd := range e.Commands {
			r.Outcomes = append(r.Outcomes, s.applyCommand(index, e, cmd, r))
		}
	}
	s.remember(e, *r)
}

// checkTyped refuses what was typed so long ago that its repetition might not be
// recognised. What was typed far in the future would never grow old, and is
// refused too.
func (s *State) checkTyped(e *Entry) *Refusal {
	switch {
	case e.Typed == 0:
		return nil
	case e.Typed <= s.horizon || e.Typed.Add(rememberedFor) <= s.stamp:
		return refuse(RefusedStale, "This command came too late (more than 10 minutes after it was typed, or after %d others) and was not applied; type it again if it is still wanted.", rememberedMost)
	case e.Typed >= s.stamp.Add(rememberedFor):
		return refuse(RefusedStale, "The clock of %s is %s ahead of the cluster's; nothing was applied.", e.Actor.Node, e.Typed.Sub(s.stamp))
	}
	return nil
}

// applyAtomic applies all commands or none.
func (s *State) applyAtomic(index uint64, e *Entry, r *Result) {
	s.begin(e.Commands)
	tried := Result{}
	for i, cmd := range e.Commands {
		o := s.applyCommand(index, e, cmd, &tried)
		if o.Refusal != nil {
			s.rollback()
			s.refuseBatch(index, e, r, i, o.Refusal)
			return
		}
		tried.Outcomes = append(tried.Outcomes, o)
	}
	s.settle()
	r.Outcomes = tried.Outcomes
	r.Changed = append(r.Changed, tried.Changed...)
	r.All = tried.All
}

// refuseBatch refuses the command at place bad for its own reason, and all
// others because of it.
func (s *State) refuseBatch(index uint64, e *Entry, r *Result, bad int, why *Refusal) {
	others := refuse(RefusedBatch, "Not done: another line of this batch was refused.")
	for i, cmd := range e.Commands {
		refusal := others
		if i == bad {
			refusal = why
		}
		s.record(index, e, cmd, refusal)
		r.Outcomes = append(r.Outcomes, Outcome{Refusal: refusal})
	}
}

func (s *State) refuseAll(index uint64, e *Entry, r *Result, refusal *Refusal) {
	for _, cmd := range e.Commands {
		s.record(index, e, cmd, refusal)
		r.Outcomes = append(r.Outcomes, Outcome{Refusal: refusal})
	}
}

// applyCommand authorises one command, applies it and records it.
func (s *State) applyCommand(index uint64, e *Entry, cmd Command, r *Result) Outcome {
	var o Outcome
	if o.Refusal = s.Authorize(e.Actor, cmd, s.stamp); o.Refusal != nil {
		s.record(index, e, cmd, o.Refusal)
		return o
	}
	decided := s.decides(cmd)
	s.do(index, e, cmd, &o, r)
	s.record(index, e, cmd, nil)
	if decided != nil {
		s.record(index, e, decided, nil)
	}
	return o
}

// do carries out an authorised command.
func (s *State) do(index uint64, e *Entry, cmd Command, o *Outcome, r *Result) {
	switch x := cmd.(type) {
	case Announce:
		s.announce(index, e, x, o, r)
	case Withdraw:
		s.withdraw(index, e, x, r)
	case Clear:
		s.clear(index, e, x.Customer, EndCleared, r)
	case EditCustomer:
		o.Unchanged = s.editCustomer(index, e, x, r)
	case EditUser:
		o.Unchanged = s.editUser(x)
	case EditSettings:
		o.Unchanged = s.editSettings(x)
	case EditClause:
		o.Unchanged = s.editClause(x)
		r.All = true
	case DeleteRouteMap:
		delete(s.routeMaps, x.Name)
		r.All = true
	case EditPrefixList:
		o.Unchanged = s.editPrefixList(x)
		r.All = true
	case EditCommunityList:
		o.Unchanged = s.editCommunityList(x)
		r.All = true
	case EditContact:
		if x.Remove {
			delete(s.contacts, x.Contact.Name)
		} else {
			s.contacts[x.Contact.Name] = x.Contact
		}
	case Approve:
		s.approve(index, e, x, o, r)
	default:
		s.doCluster(cmd)
	}
}

// doCluster carries out what the cluster itself proposed.
func (s *State) doCluster(cmd Command) {
	switch x := cmd.(type) {
	case InitCluster:
		s.clusterID, s.created = x.ClusterID, x.Created
	case PutMember:
		s.members[x.Member.Name] = x.Member
	case DeleteMember:
		delete(s.members, x.Name)
		for k := range s.budgets {
			if k[0] == x.Name {
				delete(s.budgets, k)
			}
		}
	case PutToken:
		s.tokens[x.Token.Hash] = x.Token
	case UseToken:
		delete(s.tokens, x.Hash)
	case SetBudget:
		k := [2]string{x.Node, x.Neighbor}
		if delete(s.budgets, k); x.Max > 0 {
			s.budgets[k] = Budget(x)
		}
	case CountRefused:
		t := s.refused[x.User]
		count := uint32(min(uint64(t.Count)+uint64(x.Count), math.MaxUint32))
		s.refused[x.User] = RefusedTries{User: x.User, Count: count, Last: x.Last, From: x.From, Why: x.Why}
	case RaiseVersion:
		s.version = x.Version
	}
}

// announce sets a blackhole, or lets it wait for a second operator.
func (s *State) announce(index uint64, e *Entry, x Announce, o *Outcome, r *Result) {
	if s.needsApproval(s.customers[x.Customer], x.Prefix) && e.Actor.Door != DoorNode {
		s.wait(e, x, o)
		return
	}
	s.set(index, e.Actor, e.Request, "", x, o, r)
}

// withdraw ends a blackhole, and drops what still waits for approval there:
// approved later, it would come back after its withdrawal.
func (s *State) withdraw(index uint64, e *Entry, x Withdraw, r *Result) {
	s.dropPending(func(a Announce) bool { return a.Prefix == x.Prefix && a.Customer == x.Customer })
	if b := s.hole(x.Prefix, x.Customer); b != nil {
		s.end(b, s.stamp, index, EndWithdrawn, e.Actor)
		r.Changed = append(r.Changed, x.Prefix)
	}
}

// set stores a blackhole, new or refreshed. Repeating never shortens: a plain
// line leaves a later deadline, and `never`, as they are.
func (s *State) set(index uint64, by Actor, id RequestID, approver string, x Announce, o *Outcome, r *Result) {
	old := s.hole(x.Prefix, x.Customer)
	was := old != nil
	b := &Blackhole{
		Prefix: x.Prefix, Customer: x.Customer, RouteMap: x.RouteMap, Reason: x.Reason, Ticket: x.Ticket,
		By: by, Since: s.stamp, Refreshed: s.stamp, Request: id, Index: index, Updated: index, ApprovedBy: approver,
	}
	b.Deadline, b.Life = s.deadline(x)
	if was {
		b.Since, b.Index = old.Since, old.Index
		plain := x.Life == 0 && x.Until == 0
		if plain && (old.Deadline == Never || (b.Deadline != Never && old.Deadline >= b.Deadline)) {
			b.Deadline, b.Life, b.Refreshed = old.Deadline, old.Life, old.Refreshed
		}
		if x.Reason == "" {
			b.Reason = old.Reason
		}
		if x.Ticket == "" {
			b.Ticket = old.Ticket
		}
	}
	o.Unchanged = was && old.RouteMap == b.RouteMap && old.Deadline == b.Deadline
	o.Deadline = b.Deadline
	s.put(b)
	if !o.Unchanged { // a nearer deadline has to be heard of too
		r.Changed = append(r.Changed, b.Prefix)
	}
}

// deadline returns when an announcement made now ends, and the lifetime that
// this came from.
func (s *State) deadline(x Announce) (Instant, Lifetime) {
	switch {
	case x.Until != 0:
		return x.Until, 0
	case x.Life != 0:
		return s.stamp.deadline(x.Life), x.Life
	}
	l := s.Lifetimes(x.Customer).Default
	return s.stamp.deadline(l), l
}

func (s *State) clear(index uint64, e *Entry, customer string, cause EndCause, r *Result) {
	s.dropPending(func(a Announce) bool { return customer == "" || a.Customer == customer })
	for _, b := range s.sortedHoles(customer) {
		s.end(b, s.stamp, index, cause, e.Actor)
		r.Changed = append(r.Changed, b.Prefix)
	}
}

// remember keeps what a request did.
func (s *State) remember(e *Entry, r Result) {
	if e.Request == (RequestID{}) {
		return
	}
	m := &remembered{id: e.Request, typed: e.Typed, result: Result{Index: r.Index, At: r.At, Outcomes: r.Outcomes}}
	s.recent = append(s.recent, m)
	s.known[e.Request] = m
}

// forget drops what is too old: requests, join tokens, announcements that nobody
// approved, and what ended long ago. A request may go when its repetition would be refused for
// its age alone; what has to go before, because there are too many, moves the
// horizon up to when it was typed.
func (s *State) forget() {
	n := 0
	for ; n < len(s.recent); n++ {
		m := s.recent[n]
		old := max(m.typed, m.result.At).Add(rememberedFor) <= s.stamp
		if !old && len(s.recent)-n <= rememberedMost {
			break
		}
		s.horizon = max(s.horizon, m.typed)
		delete(s.known, m.id)
	}
	s.recent = s.recent[n:]
	s.forgetPending()
	s.forgetHistory()
	for hash, t := range s.tokens {
		if t.Expires != Never && t.Expires <= s.stamp {
			delete(s.tokens, hash)
		}
	}
}
