package rtbh

import (
	"net/netip"
	"slices"
)

// Past is a blackhole at a given time. Its attributes are those of its last
// change, which may be later than that time.
type Past struct {
	Blackhole
	Ended Instant // when it ended; 0 = it has not
	Cause EndCause
}

// BlackholesAt returns the blackholes of a customer, or with "" of everybody,
// that were announced at a time, or that will be as things stand now, sorted by
// prefix and then by customer. complete is false when the history does not
// reach back so far, so that some may be missing.
func (s *State) BlackholesAt(at, now Instant, customer string) (all []Past, complete bool) {
	for _, b := range s.sortedHoles(customer) {
		switch {
		case b.Since > at || !b.Active(at):
		case !b.Active(now): // over, and no entry has come yet to take it out
			all = append(all, Past{Blackhole: *b, Ended: b.Deadline, Cause: EndExpired})
		default:
			all = append(all, Past{Blackhole: *b})
		}
	}
	for e := range s.history.all() {
		if (customer == "" || e.Customer == customer) && e.Since <= at && at < e.At {
			all = append(all, Past{Blackhole: e.Blackhole, Ended: e.At, Cause: e.Cause})
		}
	}
	slices.SortStableFunc(all, func(a, b Past) int { return byPrefixThenCustomer(&a.Blackhole, &b.Blackhole) })
	return all, s.reachesBackTo(at, now)
}

// reachesBackTo tells whether nothing that was out at a time has been dropped from
// the history since.
func (s *State) reachesBackTo(at, now Instant) bool {
	young := at.Add(historyFor) >= now || s.created.Add(historyFor) >= now
	return young && (s.history.len() < historyKept || s.history.at(0).At <= at)
}

// Verdict says what a route-map makes of a route, and which clause decides.
type Verdict struct {
	Exists bool
	Permit bool
	Seq    uint16 // of the clause that decides; 0 = none matches, which denies
	Route  Route  // what comes out, when it is permitted
}

// RunRouteMap sends a route through a route-map of the configuration.
func (s *State) RunRouteMap(name string, r Route) Verdict {
	m, ok := s.routeMaps[name]
	if !ok {
		return Verdict{}
	}
	for i := range m.Clauses {
		c := &m.Clauses[i]
		if !s.matches(c, r) {
			continue
		}
		v := Verdict{Exists: true, Permit: !c.Deny, Seq: c.Seq}
		if v.Permit {
			v.Route = c.apply(r)
		}
		return v
	}
	return Verdict{Exists: true}
}

// Plain returns the route of a prefix before any route-map.
func Plain(p netip.Prefix) Route { return baseRoute(p) }

// Deciding returns the blackhole whose attributes the route of a prefix has:
// the earliest committed of those that are active.
func (s *State) Deciding(p netip.Prefix, now Instant) (Blackhole, bool) {
	for _, b := range s.byPrefix[p] {
		if b.Active(now) {
			return *b, true
		}
	}
	return Blackhole{}, false
}
