package rpki

import (
	"net/netip"
	"sync"

	"github.com/gaissmai/bart"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// view is what routes are judged by at one moment.
type view struct {
	vrps  *vrp.Table
	aspas *vrp.ASPAs
	own   uint32 // our AS
}

// Counts are numbers of routes by state.
type Counts struct {
	Routes, Valid, InvalidAS, InvalidLength, NotFound int
	PathValid, PathInvalid, PathUnknown               int // of neighbors with a role
}

func (c *Counts) add(v verdict, n int) {
	c.Routes += n
	switch v.state() {
	case vrp.Valid:
		c.Valid += n
	case vrp.InvalidAS:
		c.InvalidAS += n
	case vrp.InvalidLength:
		c.InvalidLength += n
	default:
		c.NotFound += n
	}
	switch v.path() {
	case vrp.PathValid:
		c.PathValid += n
	case vrp.PathInvalid:
		c.PathInvalid += n
	case vrp.PathUnknown:
		c.PathUnknown += n
	}
}

// index is the one index of received routes. Each route has two verdicts. Readers
// look at the current one; a revalidation writes the other, in small steps that
// hold the lock for a millisecond or two, and then turns all of them over at
// once. At rest both are the same.
type index struct {
	telling sync.Mutex // before mu; see batch
	mu      sync.RWMutex
	records arena
	tree    *bart.Table[uint32] // prefix to its first record
	peers   peers
	sets    sets

	current uint8
	views   [2]*view // views[1-current] is nil at rest
	counts  [2]Counts
	touched []uint32 // records whose two verdicts differ, while a revalidation runs
}

func newIndex(v *view) *index {
	x := &index{tree: &bart.Table[uint32]{}, sets: newSets()}
	x.views[0] = v
	return x
}

// judge gives a record its verdict of one view and keeps the counts right.
func (x *index) judge(r *record, slot uint8, fresh bool) {
	v := x.views[slot]
	state := v.vrps.Validate(r.prefix(), r.claims(v.own))
	path := vrp.PathUnverified
	if peer := x.peers.all[r.peer].Peer; peer.Role != route.RoleNone && v.aspas.Len() > 0 {
		path = v.aspas.Verify(x.sets.path(r.set), peer)
	}
	verdict := verdictOf(state, path)
	switch {
	case fresh:
		x.tally(slot, r.peer, verdict, 1)
	case r.verdict[slot] != verdict:
		x.tally(slot, r.peer, r.verdict[slot], -1)
		x.tally(slot, r.peer, verdict, 1)
	}
	r.verdict[slot] = verdict
}

// tally counts a verdict, or with -1 discounts it, in all and at its neighbor.
func (x *index) tally(slot uint8, peer uint16, v verdict, n int) {
	x.counts[slot].add(v, n)
	x.peers.all[peer].counts[slot].add(v, n)
}

// judgeNew judges a new or replaced record by every view that there is.
func (x *index) judgeNew(id uint32, r *record) {
	x.judge(r, x.current, true)
	other := 1 - x.current
	if x.views[other] == nil {
		r.verdict[other] = r.verdict[x.current]
		return
	}
	x.judge(r, other, true)
	if r.verdict[0] != r.verdict[1] {
		x.touched = append(x.touched, id)
	}
}

// told is the verdict that listeners know of: after a turn the old one, until
// settle has come by.
func (x *index) told(r *record) verdict {
	if x.views[1-x.current] == nil {
		return r.verdict[1-x.current]
	}
	return r.verdict[x.current]
}

// uncount takes a record that ends, or is replaced, out of the counts.
func (x *index) uncount(r *record) {
	x.tally(x.current, r.peer, r.verdict[x.current], -1)
	if other := 1 - x.current; x.views[other] != nil {
		x.tally(other, r.peer, r.verdict[other], -1)
	}
}

// find returns a route, and the number of the record before it in its chain.
func (x *index) find(p netip.Prefix, peer uint16, pathID uint32) (id, before uint32) {
	id, _ = x.tree.Get(p)
	for id != 0 {
		r := x.records.at(id)
		if r.peer == peer && r.pathID == pathID {
			return id, before
		}
		before, id = id, r.next
	}
	return 0, 0
}

// put adds a route or replaces the one with its key. existed tells which, and
// was is its verdict before.
func (x *index) put(u *route.Route, peer uint16) (id uint32, was verdict, existed bool) {
	id, _ = x.find(u.Prefix, peer, u.PathID)
	existed = id != 0
	var r *record
	if existed {
		r = x.records.at(id)
		was = x.told(r)
		x.uncount(r)
		x.sets.drop(r.set)
		r.flags &= live | six
	} else {
		id, r = x.records.take()
		r.setPrefix(u.Prefix)
		r.peer, r.pathID = peer, u.PathID
		x.tree.Modify(u.Prefix, func(first uint32, there bool) (uint32, bool) {
			r.next = first
			return id, false
		})
		x.peers.all[peer].routes++
	}
	switch u.Path.Kind {
	case route.OriginNone:
		r.flags |= noneAS
	case route.OriginOwn:
		r.flags |= ownAS
	}
	r.origin = u.Path.Origin
	r.set = x.sets.hold(u)
	x.judgeNew(id, r)
	return id, was, existed
}

// remove ends a route. before is what find said.
func (x *index) remove(id, before uint32) {
	r := x.records.at(id)
	x.uncount(r)
	x.sets.drop(r.set)
	x.peers.all[r.peer].routes--
	if before != 0 {
		x.records.at(before).next = r.next
	} else if r.next != 0 {
		x.tree.Insert(r.prefix(), r.next)
	} else {
		x.tree.Delete(r.prefix())
	}
	x.records.give(id)
}

// peers numbers the neighbors.
type peers struct {
	byAddr map[netip.Addr]uint16
	all    []peerState
	role   func(netip.Addr) route.Role // of one that is new; nil: none
}

type peerState struct {
	route.Peer
	routes int
	counts [2]Counts // of its routes, by the two views
}

// number returns the number of a neighbor, a new one when it was never seen.
// Numbers are never given back: a node has few neighbors, and they return.
func (p *peers) number(addr netip.Addr, as uint32) (uint16, bool) {
	if n, there := p.byAddr[addr]; there {
		p.all[n].AS = as
		return n, true
	}
	if len(p.all) > 0xffff {
		return 0, false
	}
	if p.byAddr == nil {
		p.byAddr = map[netip.Addr]uint16{}
	}
	n := uint16(len(p.all))
	peer := route.Peer{Addr: addr, AS: as}
	if p.role != nil {
		peer.Role = p.role(addr)
	}
	p.all = append(p.all, peerState{Peer: peer})
	p.byAddr[addr] = n
	return n, true
}
