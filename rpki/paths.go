package rpki

import (
	"encoding/binary"

	"github.com/triggerd/triggerd/internal/route"
)

// paths keeps each different AS path once, and only those of neighbors with a
// role: without one a path is never verified, so there is nothing to keep it for.
// A change of an ASPA must find the paths that its customer is in.
type paths struct {
	byKey map[string]uint32
	all   []path // by number; 0 is none
	free  []uint32
}

type path struct {
	key  string // the AS numbers in four octets each, then 's' when there was a set
	refs uint32
}

func newPaths() paths { return paths{byKey: map[string]uint32{}, all: make([]path, 1)} }

func (p *paths) hold(r route.Path) uint32 {
	key := make([]byte, 0, 4*len(r.ASNs)+1)
	for _, a := range r.ASNs {
		key = binary.BigEndian.AppendUint32(key, a)
	}
	if r.Sets {
		key = append(key, 's')
	}
	id, there := p.byKey[string(key)]
	if !there {
		if n := len(p.free); n > 0 {
			id, p.free = p.free[n-1], p.free[:n-1]
		} else {
			id = uint32(len(p.all))
			p.all = append(p.all, path{})
		}
		p.all[id].key = string(key)
		p.byKey[p.all[id].key] = id
	}
	p.all[id].refs++
	return id
}

func (p *paths) drop(id uint32) {
	if id == 0 {
		return
	}
	if p.all[id].refs--; p.all[id].refs == 0 {
		delete(p.byKey, p.all[id].key)
		p.all[id] = path{}
		p.free = append(p.free, id)
	}
}

func (p *paths) get(id uint32) route.Path {
	key := p.all[id].key
	var r route.Path
	for ; len(key) >= 4; key = key[4:] {
		r.ASNs = append(r.ASNs, binary.BigEndian.Uint32([]byte(key[:4])))
	}
	r.Sets = len(key) > 0
	return r
}

// with marks the paths that any of the customers is in.
func (p *paths) with(customers []uint32) []bool {
	in := make(map[uint32]bool, len(customers))
	for _, c := range customers {
		in[c] = true
	}
	out := make([]bool, len(p.all))
	for id := range p.all {
		for _, a := range p.get(uint32(id)).ASNs {
			out[id] = out[id] || in[a]
		}
	}
	return out
}
