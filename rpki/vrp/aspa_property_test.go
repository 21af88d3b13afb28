package vrp

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// The definitions of the draft's section 6, before any ramps: what a pair of ASes
// says, and which pairs make a path invalid or valid.
type oracle map[uint32][]uint32

func (o oracle) provider(customer, p uint32) bool {
	return p != 0 && slices.Contains(o[customer], p)
}

func (o oracle) notProvider(customer, p uint32) bool {
	_, attests := o[customer]
	return attests && !o.provider(customer, p)
}

// downstream: as[0] is the origin. It is invalid when somewhere the way up is
// denied, and at the same place or later (nearer to us) the way down is: between
// the two there would be a valley. It is valid when two ASes side by side, or one,
// are the top, and every hop below them is attested.
func (o oracle) downstream(as []uint32) PathState {
	n := len(as)
	for u := 1; u < n; u++ {
		for v := u; v < n-1; v++ {
			if o.notProvider(as[u-1], as[u]) && o.notProvider(as[v+1], as[v]) {
				return PathInvalid
			}
		}
	}
	for top := range n {
		for _, second := range []int{top, top + 1} {
			valid := second < n
			for i := 0; valid && i < top; i++ {
				valid = o.provider(as[i], as[i+1])
			}
			for i := n - 1; valid && i > second; i-- {
				valid = o.provider(as[i], as[i-1])
			}
			if valid {
				return PathValid
			}
		}
	}
	return PathUnknown
}

func (o oracle) upstream(as []uint32) PathState {
	state := PathValid
	for i := 1; i < len(as); i++ {
		switch {
		case o.notProvider(as[i-1], as[i]):
			return PathInvalid
		case !o.provider(as[i-1], as[i]):
			state = PathUnknown
		}
	}
	return state
}

func TestPathsAreJudgedAsTheDraftDefinesThem(t *testing.T) {
	someAS := rapid.Uint32Range(0, 6)
	rapid.Check(t, func(t *rapid.T) {
		o := oracle{}
		var all []rtr.ASPA
		for customer := uint32(1); customer <= 6; customer++ {
			if rapid.Bool().Draw(t, "attests") {
				o[customer] = slices.Sorted(slices.Values(rapid.SliceOfNDistinct(someAS, 1, 4, rapid.ID).Draw(t, "providers")))
				all = append(all, rtr.ASPA{Customer: customer, Providers: o[customer]})
			}
		}
		asns := rapid.SliceOfN(rapid.Uint32Range(1, 6), 1, 7).Draw(t, "path") // nearest first, prepended and all
		from := route.Peer{AS: asns[0], Role: rapid.SampledFrom([]route.Role{
			route.RoleProvider, route.RoleCustomer, route.RolePeer, route.RoleRouteServer, route.RoleRouteServerClient}).Draw(t, "role")}
		up := slices.Compact(slices.Clone(asns))
		slices.Reverse(up)
		want := o.upstream(up)
		if from.Role == route.RoleProvider {
			want = o.downstream(up)
		}
		if len(all) == 0 {
			want = PathUnverified
		}
		if got := NewASPAs(all).Verify(route.Path{ASNs: asns}, from); got != want {
			t.Fatalf("%v of a %s by %v: %s, want %s", asns, from.Role, o, got, want)
		}
	})
}
