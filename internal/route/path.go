package route

import "slices"

// OriginKind tells what the end of an AS path says about the origin, as origin
// validation needs it (RFC 6811 section 2).
type OriginKind uint8

// The kinds of origin.
const (
	// OriginOwn is an empty path, or one that ends in a confederation segment:
	// the origin is the AS of whoever validates.
	OriginOwn OriginKind = iota
	// OriginAS is a path that ends in an AS_SEQUENCE: its last AS.
	OriginAS
	// OriginNone is a path that ends in an AS_SET: no AS is the origin, so no
	// VRP makes the route valid.
	OriginNone
)

// SegmentType is the type of a segment of an AS path, with the numbers of RFC
// 4271 section 4.3 and RFC 5065 section 3.
type SegmentType uint8

// The types of segments.
const (
	Set            SegmentType = 1
	Sequence       SegmentType = 2
	ConfedSequence SegmentType = 3
	ConfedSet      SegmentType = 4
)

// Segment is one segment of an AS path as it is on the wire.
type Segment struct {
	Type SegmentType
	ASNs []uint32
}

// Path is an AS path, reduced to what is asked of it.
type Path struct {
	ASNs   []uint32   // nearest first; the members of sets in place, without confederation segments
	Sets   bool       // there is an AS_SET somewhere (RFC 9774 forbids them)
	Kind   OriginKind // what the end says
	Origin uint32     // with OriginAS
}

// PathOf reduces the segments of an AS_PATH. Empty segments say nothing.
func PathOf(segments []Segment) Path {
	var p Path
	p.Kind, p.Origin = OriginOf(segments)
	for _, s := range segments {
		if s.Type == Sequence || s.Type == Set {
			p.ASNs = append(p.ASNs, s.ASNs...)
			p.Sets = p.Sets || s.Type == Set && len(s.ASNs) > 0
		}
	}
	return p
}

// OriginOf looks at the end of an AS_PATH only.
func OriginOf(segments []Segment) (OriginKind, uint32) {
	for _, s := range slices.Backward(segments) {
		switch n := len(s.ASNs); {
		case n == 0:
		case s.Type == Sequence:
			return OriginAS, s.ASNs[n-1]
		case s.Type == Set:
			return OriginNone, 0
		default:
			return OriginOwn, 0
		}
	}
	return OriginOwn, 0
}

// Equal tells whether both paths are the same.
func (p Path) Equal(o Path) bool {
	return p.Kind == o.Kind && p.Origin == o.Origin && p.Sets == o.Sets && slices.Equal(p.ASNs, o.ASNs)
}

// OriginFor returns the AS that validation compares with the VRPs; own is the AS
// of whoever validates. The second result is false when there is none.
func (p Path) OriginFor(own uint32) (uint32, bool) {
	switch p.Kind {
	case OriginAS:
		return p.Origin, true
	case OriginOwn:
		return own, true
	default:
		return 0, false
	}
}
