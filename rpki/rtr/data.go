package rtr

import (
	"cmp"
	"maps"
	"slices"
)

// Data is everything that a cache says at one serial. It never changes. A nil
// *Data is empty.
type Data struct {
	VRPs  *Set
	ASPAs []ASPA      // ascending by customer, one each
	Keys  []RouterKey // by ASN, then SKI, then SPKI

	parts map[part][]uint32 // what ASPAs are made of; nil: of themselves
}

// part is the key of an ASPA on the wire. The older form of version 2 has one for
// each address family, which come and go by themselves.
type part struct {
	customer uint32
	family   uint8 // 0: both
}

// Empty tells whether there is nothing in it.
func (d *Data) Empty() bool {
	return d == nil || d.VRPs.Len() == 0 && len(d.ASPAs) == 0 && len(d.Keys) == 0
}

// Set returns the VRPs; nil, which is empty, for nil.
func (d *Data) Set() *Set {
	if d == nil {
		return nil
	}
	return d.VRPs
}

// Attestations returns the ASPAs; none for nil.
func (d *Data) Attestations() []ASPA {
	if d == nil {
		return nil
	}
	return d.ASPAs
}

// RouterKeys returns the router keys; none for nil.
func (d *Data) RouterKeys() []RouterKey {
	if d == nil {
		return nil
	}
	return d.Keys
}

func byKey(a, b RouterKey) int {
	if c := cmp.Compare(a.ASN, b.ASN); c != 0 {
		return c
	}
	if c := slices.Compare(a.SKI[:], b.SKI[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.SPKI, b.SPKI)
}

// partsOf returns a copy of the parts of d.
func (d *Data) partsOf() map[part][]uint32 {
	out := map[part][]uint32{}
	if d != nil && d.parts != nil {
		maps.Copy(out, d.parts)
		return out
	}
	for _, a := range d.Attestations() {
		out[part{a.Customer, 0}] = a.Providers
	}
	return out
}

// joined makes one ASPA for each customer: a provider for one address family is
// taken for both, as the newest draft does.
func joined(parts map[part][]uint32) []ASPA {
	all := map[uint32][]uint32{}
	for p, providers := range parts {
		all[p.customer] = append(all[p.customer], providers...)
	}
	out := make([]ASPA, 0, len(all))
	for _, customer := range slices.Sorted(maps.Keys(all)) {
		providers := slices.Clone(all[customer])
		slices.Sort(providers)
		out = append(out, ASPA{customer, slices.Compact(providers)})
	}
	return out
}

// MergeData is the union of two: the VRPs and router keys of both, and for each
// customer the providers that either knows.
func MergeData(a, b *Data) *Data {
	if a.Empty() {
		return b
	}
	if b.Empty() {
		return a
	}
	parts := a.partsOf()
	for p, providers := range b.partsOf() {
		parts[p] = slices.Concat(parts[p], providers)
	}
	d := &Data{VRPs: Union(a.VRPs, b.VRPs), ASPAs: joined(parts)}
	d.Keys = slices.Concat(a.Keys, b.Keys)
	slices.SortFunc(d.Keys, byKey)
	d.Keys = slices.Compact(d.Keys)
	return d
}
