package rtr

import (
	"iter"
	"slices"
	"sync"
)

// Set is a set of VRPs. It never changes and may be read by many at once. Some
// 15 octets a VRP; the sets before and after a delta share almost all of them.
// A nil *Set is empty.
type Set struct {
	v4 pages[rec4]
	v6 pages[rec6]
}

// NewSet makes a set of VRPs in any order; one that comes twice counts once. All
// must pass VRP.Check.
func NewSet(all []VRP) *Set {
	d := &draft{}
	d.putAll(all, announce)
	sortRecords(d.four)
	sortRecords(d.six)
	s, _ := newSet(slices.Compact(d.four), slices.Compact(d.six))
	return s
}

// newSet makes a set of records in any order, both families at once: sorting is
// most of the time between the last octet and the table.
func newSet(four []rec4, six []rec6) (*Set, *ProtocolError) {
	var (
		s     = &Set{}
		bad4  *fault[rec4]
		bad6  *fault[rec6]
		other sync.WaitGroup
	)
	other.Go(func() { s.v6, bad6 = sorted(six) })
	s.v4, bad4 = sorted(four)
	other.Wait()
	return s, faultError(bad4, bad6)
}

// apply returns the set after the operations of a delta.
func (s *Set) apply(four []rec4, six []rec6) (*Set, *ProtocolError) {
	if s == nil {
		s = &Set{}
	}
	v4, bad4 := s.v4.apply(four)
	v6, bad6 := s.v6.apply(six)
	return &Set{v4, v6}, faultError(bad4, bad6)
}

// With returns the set after a delta. What is withdrawn must be in it, and what is
// announced must not; else the error is a *ProtocolError.
func (s *Set) With(announced, withdrawn []VRP) (*Set, error) {
	d := &draft{}
	d.putAll(withdrawn, withdraw)
	d.putAll(announced, announce)
	out, bad := s.apply(d.four, d.six)
	if bad != nil {
		return nil, bad
	}
	return out, nil
}

func faultError(bad4 *fault[rec4], bad6 *fault[rec6]) *ProtocolError {
	p := PDU{Type: IPv4Prefix}
	switch {
	case bad4 != nil:
		p.Announce, p.VRP = bad4.what.op == announce, bad4.what.vrp()
	case bad6 != nil:
		p.Type, p.Announce, p.VRP = IPv6Prefix, bad6.what.op == announce, bad6.what.vrp()
	default:
		return nil
	}
	if p.Announce {
		return &ProtocolError{Code: DuplicateAnnouncement, Text: p.VRP.String(), Inner: p.Append(nil)}
	}
	return &ProtocolError{Code: UnknownWithdrawal, Text: p.VRP.String(), Inner: p.Append(nil)}
}

// Len returns the number of VRPs.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.v4.n + s.v6.n
}

// Lens returns the numbers of IPv4 and of IPv6 VRPs.
func (s *Set) Lens() (four, six int) {
	if s == nil {
		return 0, 0
	}
	return s.v4.n, s.v6.n
}

// Has tells whether the set holds exactly this VRP.
func (s *Set) Has(v VRP) bool {
	if s == nil || v.Check() != nil {
		return false
	}
	if v.Prefix.Addr().Is4() {
		return s.v4.has(pack4(v))
	}
	return s.v6.has(pack6(v))
}

// All yields the VRPs by prefix, then maxLength, then ASN, IPv4 first. A prefix
// comes before those under it.
func (s *Set) All() iter.Seq[VRP] {
	return func(yield func(VRP) bool) {
		for v := range s.V4() {
			if !yield(v) {
				return
			}
		}
		for v := range s.V6() {
			if !yield(v) {
				return
			}
		}
	}
}

// V4 yields the IPv4 VRPs in the order of All.
func (s *Set) V4() iter.Seq[VRP] {
	if s == nil {
		s = &Set{}
	}
	return vrps(s.v4)
}

// V6 yields the IPv6 VRPs in the order of All.
func (s *Set) V6() iter.Seq[VRP] {
	if s == nil {
		s = &Set{}
	}
	return vrps(s.v6)
}

func vrps[T record[T]](p pages[T]) iter.Seq[VRP] {
	return func(yield func(VRP) bool) {
		for _, page := range p.list {
			for _, r := range page {
				if !yield(r.vrp()) {
					return
				}
			}
		}
	}
}

// Diff yields the VRPs that only before (false) and only after (true) holds, in
// the order of All. Between a set and the one after a delta it costs about what
// the delta has.
func Diff(before, after *Set) iter.Seq2[VRP, bool] {
	if before == nil {
		before = &Set{}
	}
	if after == nil {
		after = &Set{}
	}
	return func(yield func(VRP, bool) bool) {
		_ = diff(before.v4, after.v4, func(r rec4, added bool) bool { return yield(r.vrp(), added) }) &&
			diff(before.v6, after.v6, func(r rec6, added bool) bool { return yield(r.vrp(), added) })
	}
}

// Changes counts what Diff yields.
func Changes(before, after *Set) (added, removed int) {
	for _, add := range Diff(before, after) {
		if add {
			added++
		} else {
			removed++
		}
	}
	return added, removed
}

// Union returns the set of what either holds. When one holds all of the other,
// it is returned itself.
func Union(a, b *Set) *Set {
	added, removed := Changes(a, b)
	switch {
	case added == 0:
		return a
	case removed == 0:
		return b
	}
	d := &draft{}
	for v, add := range Diff(a, b) {
		if add {
			d.put(v, announce)
		}
	}
	s, _ := a.apply(d.four, d.six) // what a lacks cannot be a duplicate
	return s
}
