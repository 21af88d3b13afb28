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

func byCustomer(a, b ASPA) int { return cmp.Compare(a.Customer, b.Customer) }

func byKey(a, b RouterKey) int {
	if c := cmp.Compare(a.ASN, b.ASN); c != 0 {
		return c
	}
	if c := slices.Compare(a.SKI[:], b.SKI[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.SPKI, b.SPKI)
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
	providers := map[uint32][]uint32{}
	for _, one := range slices.Concat(a.ASPAs, b.ASPAs) {
		providers[one.Customer] = append(providers[one.Customer], one.Providers...)
	}
	d := &Data{VRPs: Union(a.VRPs, b.VRPs)}
	for _, customer := range slices.Sorted(maps.Keys(providers)) {
		all := slices.Clone(providers[customer])
		slices.Sort(all)
		d.ASPAs = append(d.ASPAs, ASPA{customer, slices.Compact(all)})
	}
	d.Keys = slices.Concat(a.Keys, b.Keys)
	slices.SortFunc(d.Keys, byKey)
	d.Keys = slices.Compact(d.Keys)
	return d
}
