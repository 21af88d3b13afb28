package rtr

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// someVRP draws from few prefixes and ASNs, so that they meet.
func someVRP() *rapid.Generator[VRP] {
	return rapid.Custom(func(t *rapid.T) VRP {
		addr, longest := netip.AddrFrom4([4]byte{10, byte(rapid.IntRange(0, 3).Draw(t, "b")), byte(rapid.IntRange(0, 9).Draw(t, "c")), 0}), 24
		if rapid.Bool().Draw(t, "v6") {
			addr, longest = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, byte(rapid.IntRange(0, 3).Draw(t, "b")), 7: 1}), 64
		}
		bits := rapid.IntRange(longest-12, longest).Draw(t, "bits")
		p, _ := addr.Prefix(bits)
		return VRP{p, uint8(rapid.IntRange(bits, longest).Draw(t, "max")), uint32(rapid.IntRange(0, 3).Draw(t, "asn"))}
	})
}

// The oracle of a set is a map.
func TestASetIsWhatAMapIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := map[VRP]bool{}
		set := NewSet(nil)
		for range rapid.IntRange(1, 6).Draw(t, "deltas") {
			d := &draft{}
			next := maps.Clone(model)
			for _, v := range rapid.SliceOfN(someVRP(), 0, 150).Draw(t, "vrps") {
				put(d, v, !next[v])
				if next[v] = !next[v]; !next[v] {
					delete(next, v)
				}
			}
			data, bad := d.finish(&Data{VRPs: set})
			if bad != nil {
				t.Fatal(bad)
			}
			checkSet(t, data.VRPs, next)
			checkSet(t, set, model) // the one before has not moved
			checkDiff(t, set, data.VRPs, model, next)
			set, model = data.VRPs, next
		}
	})
}

func put(d *draft, v VRP, add bool) {
	if add {
		d.put(v, announce)
	} else {
		d.put(v, withdraw)
	}
}

func checkSet(t *rapid.T, s *Set, model map[VRP]bool) {
	if s.Len() != len(model) {
		t.Fatalf("%d VRPs, want %d", s.Len(), len(model))
	}
	var last VRP
	for v := range s.All() {
		if !model[v] || !s.Has(v) {
			t.Fatalf("%s is not in it", v)
		}
		if last.Prefix.IsValid() && last.Prefix.Compare(v.Prefix) > 0 {
			t.Fatalf("%s after %s", v, last)
		}
		last = v
	}
}

func checkDiff(t *rapid.T, a, b *Set, before, after map[VRP]bool) {
	got := maps.Clone(before)
	for v, added := range Diff(a, b) {
		if got[v] == added {
			t.Fatalf("%s added %v, and it was there %v", v, added, got[v])
		}
		if got[v] = added; !added {
			delete(got, v)
		}
	}
	if !maps.Equal(got, after) {
		t.Fatal("before and the difference do not make after")
	}
	both := Union(a, b)
	want := maps.Clone(before)
	maps.Copy(want, after)
	checkSet(t, both, want)
}

func TestASetPagesAreSharedAndSplit(t *testing.T) {
	var all []VRP
	for i := range 5000 {
		p, _ := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}).Prefix(24)
		all = append(all, VRP{p, 24, 1})
	}
	a := NewSet(all)
	d := &draft{}
	put(d, VRP{all[2500].Prefix, 25, 1}, true)
	data, _ := d.finish(&Data{VRPs: a})
	copied := 0
	for i, page := range data.VRPs.v4.list {
		if &page[0] != &a.v4.list[i][0] {
			copied++
		}
	}
	if copied != 1 {
		t.Errorf("one VRP copied %d pages", copied)
	}
	d = &draft{}
	for i := range 2000 {
		put(d, VRP{all[i%100].Prefix, 25, uint32(i)}, true)
	}
	data, bad := d.finish(data)
	if bad != nil || data.VRPs.Len() != 7001 {
		t.Fatal(bad, data.VRPs.Len())
	}
	for _, page := range data.VRPs.v4.list {
		if len(page) > 2*pageLen || len(page) == 0 {
			t.Errorf("a page of %d", len(page))
		}
	}
}

func TestAnImpossibleOperationIsNamed(t *testing.T) {
	v4 := VRP{netip.MustParsePrefix("192.0.2.0/24"), 24, 64500}
	v6 := VRP{netip.MustParsePrefix("2001:db8::/32"), 48, 64500}
	both := &Data{VRPs: NewSet([]VRP{v4, v6})}
	for _, c := range []struct {
		name string
		base *Data
		ops  []VRP
		add  []bool
		want ErrorCode
	}{
		{"twice in an answer", nil, []VRP{v4, v4}, []bool{true, true}, DuplicateAnnouncement},
		{"there already", both, []VRP{v6}, []bool{true}, DuplicateAnnouncement},
		{"never there", nil, []VRP{v4}, []bool{false}, UnknownWithdrawal},
		{"withdrawn twice", both, []VRP{v4, v4}, []bool{false, false}, UnknownWithdrawal},
		{"another maxLength", both, []VRP{{v4.Prefix, 25, 64500}}, []bool{false}, UnknownWithdrawal},
		{"back within one answer", both, []VRP{v6, v6}, []bool{false, true}, 0xffff},
	} {
		d := &draft{version: Version1}
		for i, v := range c.ops {
			put(d, v, c.add[i])
		}
		_, err := d.finish(c.base)
		if c.want == 0xffff {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err == nil || err.Code != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
			continue
		}
		p, back := Decode(err.Inner)
		if back != nil || p.VRP != c.ops[0] || p.Version != Version1 {
			t.Errorf("%s: the error carries %+v %v", c.name, p, back)
		}
	}
}

func TestTwoCachesUniteTheirASPAs(t *testing.T) {
	a := &Data{VRPs: NewSet(nil), ASPAs: []ASPA{{1, []uint32{5, 9}}, {3, []uint32{4}}}}
	b := &Data{VRPs: NewSet(nil), ASPAs: []ASPA{{1, []uint32{7, 9}}, {2, []uint32{0}}}, Keys: []RouterKey{{ASN: 9, SPKI: "k"}}}
	d := MergeData(a, b)
	want := []ASPA{{1, []uint32{5, 7, 9}}, {2, []uint32{0}}, {3, []uint32{4}}}
	if !slices.EqualFunc(d.ASPAs, want, func(x, y ASPA) bool { return x.Customer == y.Customer && slices.Equal(x.Providers, y.Providers) }) {
		t.Errorf("%v", d.ASPAs)
	}
	if len(d.Keys) != 1 || MergeData(nil, b) != b || MergeData(a, nil) != a {
		t.Error("keys, or the union with nothing")
	}
}

func TestAProtocolErrorIsAnError(t *testing.T) {
	_, err := Decode([]byte{1, 4, 0, 0, 0, 0, 0, 8})
	var p *ProtocolError
	if !errors.As(err, &p) || p.Code != CorruptData {
		t.Fatal(err)
	}
	if _, err := Decode(PDU{Version: 1, Type: ResetQuery}.Append(nil)); err != nil {
		t.Fatal(err)
	}
}
