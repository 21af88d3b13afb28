package rpki

import (
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// Query chooses received routes. The zero value is all of them.
type Query struct {
	Prefix  netip.Prefix    // only this prefix and what lies in it; invalid: any
	Exact   bool            // only Prefix itself
	Origin  *uint32         // only this origin; nil: any
	Peer    netip.Addr      // only this neighbor; invalid: any
	States  []vrp.State     // only these; nil: any
	Paths   []vrp.PathState // only these; nil: any
	Invalid bool            // only invalid ones of either kind
	Limit   int             // at most so many; 0: no limit
}

// Answer is what a query found.
type Answer struct {
	Routes []Route // by prefix; with Prefix.Exact or not
	More   bool    // there are more than Limit
	AsOf   Counts  // of the whole table
}

func (q Query) wants(r Route) bool {
	switch {
	case q.Origin != nil && (r.Origin.None || r.Origin.ASN != *q.Origin):
		return false
	case q.Peer.IsValid() && r.Peer != q.Peer:
		return false
	case q.States != nil && !slices.Contains(q.States, r.State):
		return false
	case q.Paths != nil && !slices.Contains(q.Paths, r.Path):
		return false
	case q.Invalid && !r.State.Invalid():
		return false
	case q.Exact && r.Prefix != q.Prefix:
		return false
	}
	return true
}

// find answers under one lock: the answer is of one moment.
func (x *index) answer(q Query) Answer {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := Answer{AsOf: x.counts[x.current]}
	visit := func(id uint32) bool {
		for ; id != 0; id = x.records.at(id).next {
			r := x.route(x.records.at(id))
			if !q.wants(r) {
				continue
			}
			if q.Limit > 0 && len(out.Routes) == q.Limit {
				out.More = true
				return false
			}
			out.Routes = append(out.Routes, r)
		}
		return true
	}
	switch {
	case q.Exact:
		id, _ := x.tree.Get(q.Prefix)
		visit(id)
	case q.Prefix.IsValid():
		for _, id := range x.tree.Subnets(q.Prefix) {
			if !visit(id) {
				break
			}
		}
	default:
		for _, id := range x.tree.AllSorted() {
			if !visit(id) {
				break
			}
		}
	}
	return out
}

// Routes answers a query with states of one moment.
func (s *Service) Routes(q Query) Answer { return s.index.answer(q) }

// Counts returns the numbers of routes by state.
func (s *Service) Counts() Counts {
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	return s.index.counts[s.index.current]
}

// State returns the state of one received route; false when there is none.
func (s *Service) State(k route.Key) (vrp.State, vrp.PathState, bool) {
	x := s.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	peer, known := x.peers.byAddr[k.Peer]
	if !known {
		return vrp.NotFound, vrp.PathUnverified, false
	}
	id, _ := x.find(k.Prefix, peer, k.PathID)
	if id == 0 {
		return vrp.NotFound, vrp.PathUnverified, false
	}
	v := x.records.at(id).verdict[x.current]
	return v.state(), v.path(), true
}

// Peers returns the neighbors that have sent routes, and how many each.
func (s *Service) Peers() map[route.Peer]int {
	x := s.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := map[route.Peer]int{}
	for _, p := range x.peers.all {
		out[p.Peer] = p.routes
	}
	return out
}

func (s *Service) view() *view {
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	return s.index.views[s.index.current]
}

// Explain judges any prefix and origin, received or not, and names the VRPs: the
// answer of the validity API.
func (s *Service) Explain(p netip.Prefix, o vrp.Origin) vrp.Explanation {
	return s.view().vrps.Explain(p.Masked(), o)
}

// Covering returns the VRPs that cover a prefix, the longest first, and those of
// prefixes in it.
func (s *Service) Covering(p netip.Prefix) (covering, under []rtr.VRP) {
	t := s.view().vrps
	under = slices.DeleteFunc(t.Under(p.Masked()), func(v rtr.VRP) bool { return v.Prefix == p.Masked() })
	return t.Covering(p.Masked()), under
}

// VRPsOf returns the VRPs of an AS.
func (s *Service) VRPsOf(asn uint32) []rtr.VRP {
	var out []rtr.VRP
	for v := range s.Effective().Data.Set().All() {
		if v.ASN == asn {
			out = append(out, v)
		}
	}
	return out
}

// Authorized tells whether a ROA names the AS for the prefix or one that covers
// it, whatever its maxLength: whether the AS is a holder's choice, as a grant
// `origin-as N roa` asks. fresh is false when there are no usable VRPs, and the
// answer says nothing.
func (s *Service) Authorized(p netip.Prefix, asn uint32) (authorized, fresh bool) {
	if s.Effective().Data == nil {
		return false, false
	}
	e := s.Explain(p, vrp.Origin{ASN: asn})
	return len(e.Matched)+len(e.UnmatchedLength) > 0, true
}

// Origins returns the ASes that ROAs name for the prefix or one that covers it,
// ascending, without AS 0.
func (s *Service) Origins(p netip.Prefix) []uint32 {
	var out []uint32
	for _, v := range s.view().vrps.Covering(p.Masked()) {
		if v.ASN != 0 {
			out = append(out, v.ASN)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
