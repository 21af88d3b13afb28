package rpki

import (
	"encoding/binary"
	"net/netip"

	"github.com/triggerd/triggerd/internal/route"
)

// sets keeps each different set of attributes once: a table of a million routes
// has some hundred thousand. They are what is shown of a route, and a change of an
// ASPA must find the paths that its customer is in.
type sets struct {
	byKey map[string]uint32
	all   []set // by number; 0 is none
	free  []uint32
}

// set is one set of attributes, written as octets:
//
//	what, ORIGIN, [MED 4], [LOCAL_PREF 4], [next-hop 4 or 16],
//	number of communities 2, communities 4 each, AS numbers of the path 4 each
type set struct {
	key  string
	refs uint32
}

// What there is in a set.
const (
	setMED = 1 << iota
	setLocalPref
	setHop4
	setHop6
	setPathHasSets
)

// setFields are the fields of fixed size that a set may have, in order.
var setFields = [...]struct {
	what   byte
	octets int
}{{setMED, 4}, {setLocalPref, 4}, {setHop4, 4}, {setHop6, 16}}

func newSets() sets { return sets{byKey: map[string]uint32{}, all: make([]set, 1)} }

// keyOf is the set of a route. An UPDATE has at most 64 KB, so that the number of
// communities fits.
func keyOf(r *route.Route) []byte {
	key := make([]byte, 2, 32+4*(len(r.Communities)+len(r.Path.ASNs)))
	key[1] = byte(r.Origin)
	if r.MED.Set {
		key[0] |= setMED
		key = binary.BigEndian.AppendUint32(key, r.MED.Value)
	}
	if r.LocalPref.Set {
		key[0] |= setLocalPref
		key = binary.BigEndian.AppendUint32(key, r.LocalPref.Value)
	}
	switch {
	case r.NextHop.Is4():
		key[0] |= setHop4
	case r.NextHop.IsValid():
		key[0] |= setHop6
	}
	key = append(key, r.NextHop.AsSlice()...)
	key = binary.BigEndian.AppendUint16(key, uint16(len(r.Communities)))
	for _, c := range r.Communities {
		key = binary.BigEndian.AppendUint32(key, c)
	}
	for _, a := range r.Path.ASNs {
		key = binary.BigEndian.AppendUint32(key, a)
	}
	if r.Path.Sets {
		key[0] |= setPathHasSets
	}
	return key
}

func (s *sets) hold(r *route.Route) uint32 {
	key := keyOf(r)
	id, there := s.byKey[string(key)]
	if !there {
		if n := len(s.free); n > 0 {
			id, s.free = s.free[n-1], s.free[:n-1]
		} else {
			id = uint32(len(s.all))
			s.all = append(s.all, set{})
		}
		s.all[id].key = string(key)
		s.byKey[s.all[id].key] = id
	}
	s.all[id].refs++
	return id
}

func (s *sets) drop(id uint32) {
	if s.all[id].refs--; s.all[id].refs == 0 {
		delete(s.byKey, s.all[id].key)
		s.all[id] = set{}
		s.free = append(s.free, id)
	}
}

// take cuts the first n octets off.
func take(key *string, n int) string {
	head := (*key)[:n]
	*key = (*key)[n:]
	return head
}

func number(octets string) uint32 {
	return uint32(octets[0])<<24 | uint32(octets[1])<<16 | uint32(octets[2])<<8 | uint32(octets[3])
}

func numbers(octets string) []uint32 {
	var all []uint32
	for len(octets) > 0 {
		all = append(all, number(take(&octets, 4)))
	}
	return all
}

// hops returns the part of a set that is the path.
func hops(key string) string {
	before := 2
	for _, f := range setFields {
		if key[0]&f.what != 0 {
			before += f.octets
		}
	}
	take(&key, before)
	count := take(&key, 2)
	return key[4*(int(count[0])<<8|int(count[1])):]
}

// path returns the AS path of a set, without what its end says of the origin.
func (s *sets) path(id uint32) route.Path {
	key := s.all[id].key
	return route.Path{ASNs: numbers(hops(key)), Sets: key[0]&setPathHasSets != 0}
}

// fill gives a route the attributes of a set, again without the origin.
func (s *sets) fill(id uint32, r *route.Route) {
	r.Path = s.path(id)
	key := s.all[id].key
	what := key[0]
	r.Origin = route.Origin(key[1])
	take(&key, 2)
	if what&setMED != 0 {
		r.MED = route.Optional{Set: true, Value: number(take(&key, 4))}
	}
	if what&setLocalPref != 0 {
		r.LocalPref = route.Optional{Set: true, Value: number(take(&key, 4))}
	}
	switch {
	case what&setHop4 != 0:
		r.NextHop, _ = netip.AddrFromSlice([]byte(take(&key, 4)))
	case what&setHop6 != 0:
		r.NextHop, _ = netip.AddrFromSlice([]byte(take(&key, 16)))
	}
	count := take(&key, 2)
	r.Communities = numbers(key[:4*(int(count[0])<<8|int(count[1]))])
}

// with marks the sets whose paths have any of the customers in them.
func (s *sets) with(customers []uint32) []bool {
	in := make(map[uint32]bool, len(customers))
	for _, c := range customers {
		in[c] = true
	}
	out := make([]bool, len(s.all))
	for id := range s.all {
		if s.all[id].refs == 0 {
			continue
		}
		for path := hops(s.all[id].key); len(path) > 0 && !out[id]; {
			out[id] = in[number(take(&path, 4))]
		}
	}
	return out
}
