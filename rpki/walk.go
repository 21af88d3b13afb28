package rpki

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// Received is a route with everything that is kept of it.
type Received struct {
	route.Route
	State     vrp.State
	PathState vrp.PathState
}

// Walk yields the routes of a query by prefix, with their attributes. Unlike those
// of [Service.Routes] they are not of one moment, so that a whole table can be
// walked beside the neighbors that change it: what ends meanwhile may be left out,
// what comes may be missing.
func (s *Service) Walk(q Query) iter.Seq[Received] {
	return func(yield func(Received) bool) {
		left := q.Limit
		for ids := range slices.Chunk(s.index.chosen(q), maxBatch) {
			for _, r := range s.index.received(q, ids) {
				if !yield(r) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

// Longest returns the longest prefix around an address that a route is for and
// that keep takes; false when there is none.
func (s *Service) Longest(a netip.Addr, keep func(netip.Prefix) bool) (netip.Prefix, bool) {
	x := s.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	for p := range x.tree.Supernets(netip.PrefixFrom(a, a.BitLen())) { // the longest first
		if keep(p) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// chosen numbers the records that a query may want.
func (x *index) chosen(q Query) (ids []uint32) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	peer, known := x.peers.byAddr[q.Peer]
	if q.Peer.IsValid() && !known {
		return nil
	}
	add := func(id uint32) {
		for ; id != 0; id = x.records.at(id).next {
			if !q.Peer.IsValid() || x.records.at(id).peer == peer {
				ids = append(ids, id)
			}
		}
	}
	switch {
	case q.Exact:
		id, _ := x.tree.Get(q.Prefix)
		add(id)
	case q.Prefix.IsValid():
		for _, id := range x.tree.Subnets(q.Prefix) {
			add(id)
		}
	default:
		for _, id := range x.tree.AllSorted() {
			add(id)
		}
	}
	return ids
}

// received returns the records of these numbers that the query still wants.
func (x *index) received(q Query, ids []uint32) []Received {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]Received, 0, len(ids))
	for _, id := range ids {
		r := x.records.at(id)
		within := !q.Prefix.IsValid() || q.Prefix.Bits() <= int(r.bits) && q.Prefix.Contains(r.prefix().Addr())
		if r.flags&live == 0 || !within || !q.wants(x.route(r)) {
			continue
		}
		out = append(out, x.whole(r))
	}
	return out
}

func (x *index) whole(r *record) Received {
	short := x.route(r)
	out := Received{State: short.State, PathState: short.Path}
	out.Key, out.PeerAS = short.Key, short.PeerAS
	x.sets.fill(r.set, &out.Route)
	switch {
	case r.flags&noneAS != 0:
		out.Path.Kind = route.OriginNone
	case r.flags&ownAS == 0:
		out.Path.Kind, out.Path.Origin = route.OriginAS, r.origin
	}
	return out
}
