package vrp

import (
	"testing"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// world: AS1 and AS2 are tier 1, AS10 buys from 1, AS20 from 2, AS100 from 10,
// AS200 from 20. AS30 and AS300 attest nothing; AS40 attests that it has no
// provider.
var world = NewASPAs([]rtr.ASPA{
	{Customer: 1, Providers: []uint32{0}}, {Customer: 2, Providers: []uint32{0}},
	{Customer: 10, Providers: []uint32{1}}, {Customer: 20, Providers: []uint32{2}},
	{Customer: 100, Providers: []uint32{10}}, {Customer: 200, Providers: []uint32{20}},
	{Customer: 40, Providers: []uint32{0}},
})

// Paths are written as on the wire: the neighbor first, the origin last.
func TestPathsAreVerifiedByTheRoleOfTheNeighbor(t *testing.T) {
	for _, c := range []struct {
		name string
		role route.Role
		as   uint32
		path []uint32
		want PathState
	}{
		{"no role", route.RoleNone, 10, []uint32{10, 100}, PathUnverified},

		{"customer announces itself", route.RoleCustomer, 100, []uint32{100}, PathValid},
		{"customer announces itself, prepended", route.RoleCustomer, 100, []uint32{100, 100, 100}, PathValid},
		{"customer announces its customer", route.RoleCustomer, 10, []uint32{10, 100}, PathValid},
		{"customer leaks another provider's route", route.RoleCustomer, 100, []uint32{100, 10, 1}, PathInvalid},
		{"customer announces somebody who attests nothing", route.RoleCustomer, 10, []uint32{10, 300}, PathUnknown},
		{"customer claims an AS that has no provider", route.RoleCustomer, 10, []uint32{10, 40}, PathInvalid},
		{"one hop denied beats one unknown", route.RoleCustomer, 10, []uint32{10, 40, 300}, PathInvalid},
		{"peer announces its customer's customer", route.RolePeer, 1, []uint32{1, 10, 100}, PathValid},
		{"peer leaks a peer's route", route.RolePeer, 1, []uint32{1, 2, 20}, PathInvalid},
		{"route server hides itself", route.RoleRouteServer, 9999, []uint32{10, 100}, PathValid},
		{"route server client", route.RoleRouteServerClient, 10, []uint32{10, 100}, PathValid},
		{"a peer that does not put itself first", route.RolePeer, 1, []uint32{10, 100}, PathInvalid},

		{"provider's own route", route.RoleProvider, 1, []uint32{1}, PathValid},
		{"provider's customer", route.RoleProvider, 1, []uint32{1, 10}, PathValid},
		{"up, across and down", route.RoleProvider, 20, []uint32{20, 2, 1, 10, 100}, PathValid},
		{"up and down through one", route.RoleProvider, 10, []uint32{10, 1, 10, 100}, PathValid},
		{"down only", route.RoleProvider, 200, []uint32{200, 20, 2}, PathValid},
		{"a valley: up, down, up", route.RoleProvider, 20, []uint32{20, 2, 200, 1, 10}, PathInvalid},
		{"below the top two attest nothing", route.RoleProvider, 20, []uint32{20, 2, 30, 300}, PathUnknown},
		{"both ramps end too early", route.RoleProvider, 20, []uint32{20, 2, 30, 300, 10, 100}, PathInvalid},

		{"empty path", route.RoleProvider, 1, nil, PathInvalid},
	} {
		got := world.Verify(route.PathOf([]route.Segment{{Type: route.Sequence, ASNs: c.path}}), route.Peer{AS: c.as, Role: c.role})
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	set := route.PathOf([]route.Segment{{Type: route.Sequence, ASNs: []uint32{10}}, {Type: route.Set, ASNs: []uint32{100}}})
	if got := world.Verify(set, route.Peer{AS: 10, Role: route.RoleCustomer}); got != PathInvalid {
		t.Errorf("AS_SET: %s", got)
	}
	if got := (*ASPAs)(nil).Verify(set, route.Peer{AS: 10, Role: route.RoleCustomer}); got != PathUnverified {
		t.Errorf("without ASPAs: %s", got)
	}
}

func TestChangedAttestationsAreNamed(t *testing.T) {
	before := []rtr.ASPA{{Customer: 1, Providers: []uint32{2}}, {Customer: 3, Providers: []uint32{4}}, {Customer: 5, Providers: []uint32{6}}}
	after := []rtr.ASPA{{Customer: 1, Providers: []uint32{2}}, {Customer: 3, Providers: []uint32{4, 5}}, {Customer: 7, Providers: []uint32{6}}}
	got := Changed(before, after)
	if len(got) != 3 || got[0] != 3 || got[1] != 5 || got[2] != 7 {
		t.Error(got)
	}
}
