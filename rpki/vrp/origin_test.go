package vrp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/rpki/rtr"
)

func vrp(s string) rtr.VRP {
	var v rtr.VRP
	var prefix string
	if _, err := fmt.Sscanf(strings.Replace(s, "-", " ", 1), "%s %d AS%d", &prefix, &v.MaxLen, &v.ASN); err != nil {
		panic(err)
	}
	v.Prefix = netip.MustParsePrefix(prefix)
	return v
}

func setOf(vrps ...string) *rtr.Set {
	var all []rtr.VRP
	for _, s := range vrps {
		all = append(all, vrp(s))
	}
	return rtr.NewSet(all)
}

// The cases of RFC 6907 section 7, and those that RFC 6811 leaves open to a
// reader.
func TestTheCasesOfRFC6907(t *testing.T) {
	none := Origin{None: true}
	as := func(n uint32) Origin { return Origin{ASN: n} }
	for _, c := range []struct {
		name   string
		vrps   []string
		prefix string
		origin Origin
		want   State
	}{
		{"covering, maxLength satisfied, AS match", []string{"10.1.0.0/16-16 AS64496"}, "10.1.0.0/16", as(64496), Valid},
		{"covering, maxLength satisfied by a more specific, AS match", []string{"10.1.0.0/16-20 AS64496"}, "10.1.1.0/20", as(64496), Valid},
		{"covering, maxLength exceeded, AS match", []string{"10.1.0.0/16-20 AS64496"}, "10.1.1.0/24", as(64496), InvalidLength},
		{"covering, maxLength satisfied, AS mismatch", []string{"10.1.0.0/16-24 AS64496"}, "10.1.1.0/24", as(64511), InvalidAS},
		{"covering, maxLength exceeded, AS mismatch", []string{"10.1.0.0/16-22 AS64496"}, "10.1.1.0/24", as(64511), InvalidAS},
		{"no covering prefix", []string{"10.1.0.0/16-24 AS64496"}, "10.2.0.0/16", as(64496), NotFound},
		{"only a more specific prefix has a ROA", []string{"10.1.1.0/24-24 AS64496"}, "10.1.0.0/16", as(64496), NotFound},
		{"two ROAs, the first exceeded, the second matches", []string{"10.1.0.0/16-16 AS64496", "10.1.1.0/24-24 AS64496"}, "10.1.1.0/24", as(64496), Valid},
		{"two ROAs of two ASes, one matches", []string{"10.1.0.0/16-24 AS64496", "10.1.0.0/16-24 AS64511"}, "10.1.1.0/24", as(64511), Valid},
		{"a less specific ROA matches, a more specific one does not", []string{"10.1.0.0/16-24 AS64496", "10.1.1.0/24-24 AS64511"}, "10.1.1.0/24", as(64496), Valid},
		{"neither of two ROAs matches", []string{"10.1.0.0/16-16 AS64496", "10.1.0.0/16-24 AS64497"}, "10.1.1.0/24", as(64511), InvalidAS},
		{"of two ROAs one has the AS but not the length", []string{"10.1.0.0/16-16 AS64496", "10.1.0.0/16-24 AS64497"}, "10.1.1.0/24", as(64496), InvalidLength},
		{"AS0 ROA", []string{"10.1.0.0/16-32 AS0"}, "10.1.0.0/24", as(64496), InvalidAS},
		{"AS0 ROA and a route with AS0", []string{"10.1.0.0/16-32 AS0"}, "10.1.0.0/16", as(0), InvalidAS},
		{"AS0 ROA beside a ROA that matches", []string{"10.1.0.0/16-32 AS0", "10.1.0.0/16-24 AS64496"}, "10.1.0.0/24", as(64496), Valid},
		{"AS_SET at the end, covered", []string{"10.1.0.0/16-24 AS64496"}, "10.1.0.0/24", none, InvalidAS},
		{"AS_SET at the end, covered, ROA with the single member", []string{"10.1.0.0/16-24 AS0"}, "10.1.0.0/24", none, InvalidAS},
		{"AS_SET at the end, not covered", []string{"10.1.0.0/16-24 AS64496"}, "10.2.0.0/24", none, NotFound},
		{"host route under a /24 ROA: what a blackhole is upstream", []string{"192.0.2.0/24-24 AS64496"}, "192.0.2.12/32", as(64496), InvalidLength},
		{"default route under a default ROA", []string{"0.0.0.0/0-0 AS64496"}, "0.0.0.0/0", as(64496), Valid},
		{"IPv6 covered and matched", []string{"2001:db8::/32-48 AS64496"}, "2001:db8:1::/48", as(64496), Valid},
		{"IPv6 too long", []string{"2001:db8::/32-48 AS64496"}, "2001:db8:1:1::/64", as(64496), InvalidLength},
		{"IPv6 host route", []string{"2001:db8::/32-128 AS64496"}, "2001:db8::1/128", as(64496), Valid},
		{"IPv4 VRPs say nothing of IPv6", []string{"0.0.0.0/0-32 AS64496"}, "::/0", as(64496), NotFound},
	} {
		table := New(setOf(c.vrps...))
		p := netip.MustParsePrefix(c.prefix)
		if got := table.Validate(p, c.origin); got != c.want {
			t.Errorf("%s: %s %s, want %s %s", c.name, got, got.Reason(), c.want, c.want.Reason())
		}
		if e := table.Explain(p, c.origin); e.State != c.want || e.String() == "" {
			t.Errorf("%s: explained as %s: %s", c.name, e.State, e)
		}
	}
}

// naive is RFC 6811 as it reads, over a list.
func naive(all []rtr.VRP, p netip.Prefix, o Origin) State {
	covered, sameAS := false, false
	for _, v := range all {
		if v.Prefix.Addr().Is4() != p.Addr().Is4() || v.Prefix.Bits() > p.Bits() || !v.Prefix.Contains(p.Addr()) {
			continue
		}
		covered = true
		if o.None || v.ASN == 0 || v.ASN != o.ASN {
			continue
		}
		if p.Bits() <= int(v.MaxLen) {
			return Valid
		}
		sameAS = true
	}
	switch {
	case sameAS:
		return InvalidLength
	case covered:
		return InvalidAS
	}
	return NotFound
}

func somePrefix() *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		b := func(name string) byte {
			return byte(rapid.SampledFrom([]int{0, 1, 2, 64, 128, 192, 255}).Draw(t, name))
		}
		addr := netip.AddrFrom4([4]byte{10, b("b"), b("c"), b("d")})
		if rapid.Bool().Draw(t, "v6") {
			addr = netip.AddrFrom16([16]byte{0x20, 1, b("b"), b("c"), 7: b("d"), 15: b("e")})
		}
		p, _ := addr.Prefix(rapid.IntRange(0, addr.BitLen()).Draw(t, "bits"))
		return p
	})
}

func someVRP() *rapid.Generator[rtr.VRP] {
	return rapid.Custom(func(t *rapid.T) rtr.VRP {
		p := somePrefix().Draw(t, "prefix")
		longest := rapid.IntRange(p.Bits(), p.Addr().BitLen()).Draw(t, "max")
		return rtr.VRP{Prefix: p, MaxLen: uint8(longest), ASN: uint32(rapid.IntRange(0, 3).Draw(t, "asn"))}
	})
}

type claim struct {
	p netip.Prefix
	o Origin
}

func someClaim() *rapid.Generator[claim] {
	return rapid.Custom(func(t *rapid.T) claim {
		asn := uint32(rapid.IntRange(0, 4).Draw(t, "origin"))
		return claim{somePrefix().Draw(t, "route"), Origin{asn % 4, asn == 4}}
	})
}

// verdicts are what must be the same, octet for octet.
func verdicts(claims []claim, judge func(claim) State) string {
	var b strings.Builder
	for _, c := range claims {
		s := judge(c)
		fmt.Fprintf(&b, "%s %v %s %s\n", c.p, c.o, s, s.Reason())
	}
	return b.String()
}

func TestTheTableJudgesAsTheNaiveValidator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rtr.NewSet(rapid.SliceOfN(someVRP(), 0, 60).Draw(t, "vrps"))
		claims := rapid.SliceOfN(someClaim(), 1, 60).Draw(t, "routes")
		table := New(before)
		same(t, table, before, claims)
		for range 3 {
			after := edited(t, before)
			next, d := table.Update(before, after)
			same(t, next, after, claims)
			same(t, table, before, claims) // the old one has not moved
			for _, c := range claims {
				if !d.Rebuilt && table.Validate(c.p, c.o) != next.Validate(c.p, c.o) && !slices.ContainsFunc(d.Prefixes, func(p netip.Prefix) bool {
					return p.Bits() <= c.p.Bits() && p.Contains(c.p.Addr())
				}) {
					t.Fatalf("%s changed its verdict, and %v does not cover it", c.p, d.Prefixes)
				}
			}
			before, table = after, next
		}
	})
}

// edited is a set after a few announcements and withdrawals.
func edited(t *rapid.T, set *rtr.Set) *rtr.Set {
	all := slices.Collect(set.All())
	gone := rapid.IntRange(0, min(len(all), 5)).Draw(t, "withdrawn")
	all = append(all[gone:], rapid.SliceOfN(someVRP(), 0, 5).Draw(t, "announced")...)
	return rtr.NewSet(all)
}

func same(t *rapid.T, table *Table, set *rtr.Set, claims []claim) {
	all := slices.Collect(set.All())
	want := verdicts(claims, func(c claim) State { return naive(all, c.p, c.o) })
	got := verdicts(claims, func(c claim) State { return table.Validate(c.p, c.o) })
	explained := verdicts(claims, func(c claim) State { return table.Explain(c.p, c.o).State })
	if got != want || explained != want || table.Len() != set.Len() {
		t.Fatalf("VRPs %v\ntable says\n%sexplains\n%sthe naive validator says\n%s", all, got, explained, want)
	}
}

func TestCoveringAndUnderNameTheVRPsInOrder(t *testing.T) {
	table := New(setOf("10.0.0.0/8-16 AS2", "10.0.0.0/8-8 AS2", "10.0.0.0/8-8 AS1", "10.1.0.0/16-24 AS3", "10.2.0.0/16-16 AS4"))
	p := netip.MustParsePrefix("10.1.0.0/16")
	if got := fmt.Sprint(table.Covering(p)); got != "[10.1.0.0/16-24 AS3 10.0.0.0/8-8 AS1 10.0.0.0/8-8 AS2 10.0.0.0/8-16 AS2]" {
		t.Error(got)
	}
	if got := fmt.Sprint(table.Under(netip.MustParsePrefix("10.0.0.0/15"))); got != "[10.1.0.0/16-24 AS3]" {
		t.Error(got)
	}
}

func TestTheRealDeltaChangesItsPrefixesOnly(t *testing.T) {
	after := realVRPs(t)
	var before []rtr.VRP
	for v := range after.All() {
		before = append(before, v)
	}
	delta := shared(t, "vrps_delta.csv")
	want := map[netip.Prefix]bool{}
	for line := range strings.Lines(delta) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if f[0] == "op" {
			continue
		}
		v := vrp(f[2] + "-" + f[3] + " " + f[1])
		want[v.Prefix] = true
		if f[0] == "+" {
			before = slices.DeleteFunc(before, func(x rtr.VRP) bool { return x == v })
		} else {
			before = append(before, v)
		}
	}
	old := rtr.NewSet(before)
	_, d := New(old).Update(old, after)
	if d.Rebuilt || d.Added != 9 || d.Removed != 6 || len(d.Prefixes) != len(want) || !slices.IsSortedFunc(d.Prefixes, netip.Prefix.Compare) {
		t.Errorf("%+v, want %v", d, want)
	}
}
