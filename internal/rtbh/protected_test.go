package rtbh

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The question that every announcement asks is answered without the list that a
// refusal is worded from; both must agree.
func TestOverlapWithTheProtectedAgreesWithTheList(t *testing.T) {
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := [16]byte{0x20, 0x01, 0x0d, 0xb8, 15: rapid.Byte().Draw(t, "last")}
		if rapid.Bool().Draw(t, "IPv4") {
			return netip.AddrFrom4([4]byte{203, 0, 113, b[15]})
		}
		return netip.AddrFrom16(b)
	})
	prefix := rapid.Custom(func(t *rapid.T) netip.Prefix {
		a := addr.Draw(t, "address")
		return netip.PrefixFrom(a, a.BitLen()-rapid.IntRange(0, 6).Draw(t, "host bits")).Masked()
	})
	rapid.Check(t, func(t *rapid.T) {
		s := NewState()
		for i := range rapid.IntRange(0, 3).Draw(t, "members") {
			text := rapid.SampledFrom([]string{netip.AddrPortFrom(addr.Draw(t, "member"), 7600).String(), "trigger.example.net:7600", ""}).Draw(t, "dialled")
			s.members[string(rune('a'+i))] = Member{Addr: text}
		}
		var clauses []Clause
		for range rapid.IntRange(0, 2).Draw(t, "clauses") {
			c := Clause{}
			if a := addr.Draw(t, "next-hop"); a.Is4() {
				c.NextHop4 = a
			} else {
				c.NextHop6 = a
			}
			clauses = append(clauses, c)
		}
		s.routeMaps["m"] = RouteMap{Name: "m", Clauses: clauses}
		s.settings.Protected = rapid.SliceOfN(prefix, 0, 2).Draw(t, "by the operator")
		for _, p := range append(rapid.SliceOfN(prefix, 1, 8).Draw(t, "asked"), s.Protected()...) {
			if want := slices.ContainsFunc(s.Protected(), p.Overlaps); s.overlapsProtected(p) != want {
				t.Fatalf("%s overlaps %v: %v, the list says %v", p, s.Protected(), !want, want)
			}
		}
	})
}
