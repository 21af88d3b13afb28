package rpki

import (
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/route"
)

// maxBatch is how many events are applied under one lock.
const maxBatch = 4096

// hear tells a listener of changes; nil: nobody listens, which is usual while a
// table is loaded. Each batch of changes is made and told under one lock, so that
// a listener hears of every route in the order in which it changed, and nobody
// holds more than a batch of changes in memory.
type hear func([]Change)

// batch makes changes under the lock of the index and tells them.
func (x *index) batch(tell hear, work func(changes []Change) []Change) {
	if tell != nil {
		x.telling.Lock()
		defer x.telling.Unlock()
	}
	x.mu.Lock()
	changes := work(nil)
	x.mu.Unlock()
	if len(changes) > 0 {
		tell(changes)
	}
}

// apply takes in events of neighbors.
func (x *index) apply(events []route.Update, tell hear) {
	for some := range slices.Chunk(events, maxBatch) {
		x.batch(tell, func(changes []Change) []Change {
			for i := range some {
				changes = x.applyOne(&some[i], tell != nil, changes)
			}
			return changes
		})
	}
}

func (x *index) applyOne(u *route.Update, tell bool, changes []Change) []Change {
	if !u.Prefix.IsValid() || u.Prefix != u.Prefix.Masked() || u.Prefix.Addr().Is4In6() {
		return changes // bgp hands out prefixes as they are on the wire, masked
	}
	if u.Withdrawn {
		return x.withdraw(u, tell, changes)
	}
	peer, ok := x.peers.number(u.Peer, u.PeerAS)
	if !ok {
		return changes
	}
	id, was, existed := x.put(&u.Route, peer)
	r := x.records.at(id)
	if tell && (!existed || was != r.verdict[x.current]) {
		c := x.change(r, was)
		c.Appeared = !existed
		changes = append(changes, c)
	}
	return changes
}

func (x *index) withdraw(u *route.Update, tell bool, changes []Change) []Change {
	peer, known := x.peers.byAddr[u.Peer]
	if !known {
		return changes
	}
	id, before := x.find(u.Prefix, peer, u.PathID)
	if id == 0 {
		return changes
	}
	return x.end(id, before, tell, changes)
}

func (x *index) end(id, before uint32, tell bool, changes []Change) []Change {
	if tell {
		r := x.records.at(id)
		c := x.change(r, x.told(r))
		c.Gone = true
		changes = append(changes, c)
	}
	x.remove(id, before)
	return changes
}

// peerDown ends all routes of a neighbor.
func (x *index) peerDown(addr netip.Addr, tell hear) {
	for from := uint32(1); from != 0; {
		x.batch(tell, func(changes []Change) []Change {
			peer, known := x.peers.byAddr[addr]
			if !known {
				from = 0
				return nil
			}
			from = x.scan(from, func(id uint32) bool {
				r := x.records.at(id)
				if r.peer != peer {
					return false
				}
				_, before := x.find(r.prefix(), peer, r.pathID)
				changes = x.end(id, before, tell != nil, changes)
				return true
			})
			return changes
		})
	}
}

// maxScan is how many records are looked at under one lock.
const maxScan = 1 << 16

// scan visits live records from one number on, until it has cost enough for one
// lock: visit returns true for a visit that cost something. It returns where to go
// on, 0 at the end.
func (x *index) scan(id uint32, visit func(id uint32) bool) uint32 {
	for cost, end := 0, id+maxScan; cost < maxBatch && id != end; id++ {
		if id > x.records.used {
			return 0
		}
		if x.records.at(id).flags&live != 0 && visit(id) {
			cost++
		}
	}
	return id
}

// steps visits every live record, giving the lock away now and then.
func (x *index) steps(visit func(id uint32) bool) {
	for id := uint32(1); id != 0; {
		x.mu.Lock()
		id = x.scan(id, visit)
		x.mu.Unlock()
	}
}

// setPeer changes what is known about a neighbor. changed: its role, so that its
// routes have to be judged again.
func (x *index) setPeer(p route.Peer) (n uint16, changed bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n, ok := x.peers.number(p.Addr, p.AS)
	if !ok {
		return 0, false
	}
	peer := &x.peers.all[n]
	changed, peer.Role = peer.Role != p.Role, p.Role
	return n, changed
}
