package route

import (
	"slices"
	"testing"
)

// RFC 6811 section 2, and RFC 5065 for confederations.
func TestTheEndOfThePathIsTheOrigin(t *testing.T) {
	for _, c := range []struct {
		name     string
		segments []Segment
		origin   uint32
		single   bool
		asns     []uint32
		sets     bool
	}{
		{"empty", nil, 65000, true, nil, false},
		{"sequence", []Segment{{Sequence, []uint32{1, 2, 3}}}, 3, true, []uint32{1, 2, 3}, false},
		{"two sequences", []Segment{{Sequence, []uint32{1}}, {Sequence, []uint32{2}}}, 2, true, []uint32{1, 2}, false},
		{"set at the end", []Segment{{Sequence, []uint32{1}}, {Set, []uint32{2, 3}}}, 0, false, []uint32{1, 2, 3}, true},
		{"set of one at the end", []Segment{{Sequence, []uint32{1}}, {Set, []uint32{2}}}, 0, false, []uint32{1, 2}, true},
		{"set in the middle", []Segment{{Set, []uint32{1}}, {Sequence, []uint32{2}}}, 2, true, []uint32{1, 2}, true},
		{"only a confederation", []Segment{{ConfedSequence, []uint32{64512}}}, 65000, true, nil, false},
		{"confederation first", []Segment{{ConfedSequence, []uint32{64512}}, {Sequence, []uint32{2}}}, 2, true, []uint32{2}, false},
		{"confederation last", []Segment{{Sequence, []uint32{2}}, {ConfedSet, []uint32{64512}}}, 65000, true, []uint32{2}, false},
		{"empty segment last", []Segment{{Sequence, []uint32{2}}, {Set, nil}}, 2, true, []uint32{2}, false},
	} {
		p := PathOf(c.segments)
		origin, single := p.OriginFor(65000)
		if origin != c.origin || single != c.single || !slices.Equal(p.ASNs, c.asns) || p.Sets != c.sets {
			t.Errorf("%s: %+v, origin %d %v", c.name, p, origin, single)
		}
		if !p.Equal(PathOf(c.segments)) || p.Equal(Path{Kind: 9}) {
			t.Errorf("%s: Equal", c.name)
		}
	}
}
