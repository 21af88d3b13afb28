package rpki

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

func TestARouteCarriesItsStateFromItsFirstMoment(t *testing.T) {
	h := listen(t)
	h.SetData(data("192.0.2.0/24-24 AS64500", "2001:db8::/32-48 AS64501"), Cause{Cache: "c"})
	h.Apply([]route.Update{
		announced(peerA, "192.0.2.0/24", 64510, 64500),
		announced(peerA, "192.0.2.128/25", 64510, 64500),
		announced(peerB, "2001:db8:1::/48", 64510, 64666),
		announced(peerB, "203.0.113.0/24"), // an empty path: ours
	})
	h.says("update: 192.0.2.0/24 appears valid", "update: 192.0.2.128/25 appears invalid(length)",
		"update: 2001:db8:1::/48 appears invalid(as)", "update: 203.0.113.0/24 appears not-found")
	h.shows("192.0.2.0/24 valid", "192.0.2.128/25 invalid(length)", "203.0.113.0/24 not-found", "2001:db8:1::/48 invalid(as)")
	h.Apply([]route.Update{announced(peerA, "192.0.2.0/24", 64510, 64666)})
	h.says("update: 192.0.2.0/24 valid -> invalid(as)")
	h.Apply([]route.Update{withdrawn(peerA, "192.0.2.0/24"), withdrawn(peerB, "192.0.2.0/24")})
	h.says("update: 192.0.2.0/24 ends invalid")
	h.PeerDown(peerB)
	h.says("update: 203.0.113.0/24 ends not-found", "update: 2001:db8:1::/48 ends invalid")
	if c := h.Counts(); c != (Counts{Routes: 1, InvalidLength: 1}) {
		t.Errorf("%+v", c)
	}
}

func TestADeltaTellsOnlyWhatChanged(t *testing.T) {
	h := listen(t)
	h.Apply([]route.Update{
		announced(peerA, "10.0.0.0/8", 64510, 1), announced(peerA, "10.1.0.0/16", 64510, 1),
		announced(peerA, "10.1.1.0/24", 64510, 2), announced(peerB, "10.1.1.0/24", 64510, 1), announced(peerA, "11.0.0.0/8", 64510, 1),
	})
	h.forget()
	h.SetData(data("10.1.0.0/16-24 AS1"), Cause{Cache: "c"})
	h.says("c: 10.1.0.0/16 not-found -> valid", "c: 10.1.1.0/24 not-found -> invalid(as)", "c: 10.1.1.0/24 not-found -> valid")
	h.SetData(data("10.1.0.0/16-16 AS1"), Cause{Cache: "c"})
	h.says("c: 10.1.1.0/24 valid -> invalid(length)")
	h.SetData(data("10.1.0.0/16-16 AS1", "10.0.0.0/8-24 AS2"), Cause{Cache: "c"})
	h.says("c: 10.0.0.0/8 not-found -> invalid(as)", "c: 10.1.1.0/24 invalid -> valid")
	h.SetData(nil, Cause{Cache: "c"})
	h.shows("10.0.0.0/8 not-found", "10.1.0.0/16 not-found", "10.1.1.0/24 not-found", "10.1.1.0/24 not-found", "11.0.0.0/8 not-found")
}

func TestOurOwnASIsTheOriginOfAnEmptyPath(t *testing.T) {
	h := listen(t)
	h.SetData(data("192.0.2.0/24-24 AS65001"), Cause{})
	h.Apply([]route.Update{announced(peerA, "192.0.2.0/24")})
	h.says("update: 192.0.2.0/24 appears invalid(as)")
	h.SetOwnAS(65001)
	h.says("expiry: 192.0.2.0/24 invalid -> valid") // nobody's doing but ours
}

func TestPathsOfNeighborsWithARoleAreVerified(t *testing.T) {
	h := listen(t)
	h.SetPeer(route.Peer{Addr: peerA, AS: 64510, Role: route.RoleCustomer})
	h.Apply([]route.Update{announced(peerA, "192.0.2.0/24", 64510, 64500), announced(peerB, "192.0.2.0/24", 64510, 64500)})
	path := func(want vrp.PathState) {
		t.Helper()
		_, got, ok := h.State(route.Key{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Peer: peerA})
		if !ok || got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	path(vrp.PathUnverified)
	d := data()
	d.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{64510}}}
	h.SetData(d, Cause{})
	path(vrp.PathValid)
	d = data()
	d.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{64511}}}
	h.SetData(d, Cause{})
	path(vrp.PathInvalid)
	if _, other, _ := h.State(route.Key{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Peer: peerB}); other != vrp.PathUnverified {
		t.Errorf("a neighbor without a role: %s", other)
	}
	if c := h.Counts(); c.PathInvalid != 1 || c.PathValid != 0 {
		t.Errorf("%+v", c)
	}
	h.PeerDown(peerA)
	h.PeerDown(peerB)
	if n := len(h.index.sets.byKey); n != 0 {
		t.Errorf("%d sets of attributes are kept for nobody", n)
	}
}

// A role that changes while routes are there judges them again, and those of no
// other neighbor.
func TestARoleChangesWhileRoutesAreThere(t *testing.T) {
	role := route.RoleNone
	h := &heard{t: t}
	h.Service = New(Options{OwnAS: ourAS, OnChange: h.hears, Role: func(a netip.Addr) route.Role {
		if a == peerA {
			return role
		}
		return route.RoleCustomer
	}})
	d := data()
	d.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{64511}}, {Customer: 64510, Providers: []uint32{0}}}
	h.SetData(d, Cause{})
	h.Apply([]route.Update{announced(peerA, "192.0.2.0/24", 64510, 64500), announced(peerB, "192.0.2.0/24", 64510, 64500)})
	h.forget()
	for _, c := range []struct {
		role route.Role
		want vrp.PathState
		told []string
	}{
		{route.RoleNone, vrp.PathUnverified, nil},
		{route.RoleProvider, vrp.PathValid, []string{"expiry: 192.0.2.0/24 not-found -> not-found"}}, // two ASes are always a way down
		{route.RolePeer, vrp.PathInvalid, []string{"expiry: 192.0.2.0/24 not-found -> not-found"}},
		{route.RolePeer, vrp.PathInvalid, nil},
		{route.RoleNone, vrp.PathUnverified, []string{"expiry: 192.0.2.0/24 not-found -> not-found"}},
	} {
		role = c.role
		h.RolesChanged()
		key := route.Key{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Peer: peerA}
		_, gotA, _ := h.State(key)
		key.Peer = peerB
		_, gotB, _ := h.State(key)
		if gotA != c.want || gotB != vrp.PathInvalid {
			t.Errorf("%s: %s, want %s; the other neighbor's: %s", role, gotA, c.want, gotB)
		}
		h.says(c.told...)
	}
}

func TestAQueryChooses(t *testing.T) {
	h := listen(t)
	h.SetData(data("10.0.0.0/8-16 AS1"), Cause{})
	set := announced(peerA, "10.3.0.0/16")
	set.Path = route.PathOf([]route.Segment{{Type: route.Set, ASNs: []uint32{1}}})
	h.Apply([]route.Update{
		announced(peerA, "10.0.0.0/8", 64510, 1), announced(peerB, "10.1.0.0/16", 64510, 2), announced(peerA, "10.2.0.0/24", 64510, 1), set,
		announced(peerA, "192.0.2.0/24", 64510, 1),
	})
	one := uint32(1)
	for _, c := range []struct {
		name string
		q    Query
		want string
	}{
		{"all", Query{}, "10.0.0.0/8 10.1.0.0/16 10.2.0.0/24 10.3.0.0/16 192.0.2.0/24"},
		{"invalid", Query{Invalid: true}, "10.1.0.0/16 10.2.0.0/24 10.3.0.0/16"},
		{"by length", Query{States: []vrp.State{vrp.InvalidLength}}, "10.2.0.0/24"},
		{"origin", Query{Origin: &one}, "10.0.0.0/8 10.2.0.0/24 192.0.2.0/24"},
		{"neighbor", Query{Peer: peerB}, "10.1.0.0/16"},
		{"within", Query{Prefix: netip.MustParsePrefix("10.2.0.0/15")}, "10.2.0.0/24 10.3.0.0/16"},
		{"exactly", Query{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Exact: true}, "10.0.0.0/8"},
		{"no such", Query{Prefix: netip.MustParsePrefix("10.0.0.0/9"), Exact: true}, ""},
		{"two of them", Query{Limit: 2}, "10.0.0.0/8 10.1.0.0/16 ..."},
	} {
		a := h.Routes(c.q)
		var got []string
		for _, r := range a.Routes {
			got = append(got, r.Prefix.String())
		}
		if a.More {
			got = append(got, "...")
		}
		if s := strings.Join(got, " "); s != c.want || a.AsOf.Routes != 5 {
			t.Errorf("%s: %s", c.name, s)
		}
	}
}

func TestABlackholeIsJudgedBeforeTheEmergency(t *testing.T) {
	h := listen(t)
	p := netip.MustParsePrefix("192.0.2.12/32")
	if a := h.Blackhole(p, 64500); a.Refused() || !strings.Contains(a.String(), "not known") {
		t.Error(a)
	}
	e := data("192.0.2.0/24-24 AS64500", "198.51.100.0/24-32 AS64500")
	h.take(rtr.Effective{Data: e})
	a := h.Blackhole(p, 64500)
	if !a.Refused() || !strings.Contains(a.String(), "maxLength 32") {
		t.Error(a)
	}
	if a := h.Blackhole(p, 64501); !a.Refused() || !strings.Contains(a.String(), "AS64501") {
		t.Error(a)
	}
	if a := h.Blackhole(netip.MustParsePrefix("198.51.100.7/32"), 64500); a.Refused() {
		t.Error(a)
	}
	if ok, fresh := h.Authorized(p, 64500); !ok || !fresh {
		t.Error("a ROA that names the AS does not authorize it")
	}
	if ok, _ := h.Authorized(p, 64501); ok {
		t.Error("no ROA names this AS")
	}
	if got := h.Origins(p); len(got) != 1 || got[0] != 64500 {
		t.Error(got)
	}
	if got := h.VRPsOf(64500); len(got) != 2 {
		t.Error(got)
	}
	covering, under := h.Covering(netip.MustParsePrefix("192.0.0.0/16"))
	if len(covering) != 0 || len(under) != 1 {
		t.Error(covering, under)
	}
}

func TestAPrefixThatIsNoneChangesNothing(t *testing.T) {
	h := listen(t)
	bad := announced(peerA, "192.0.2.0/24", 1)
	bad.Prefix = netip.PrefixFrom(netip.MustParseAddr("192.0.2.1"), 24)
	h.Apply([]route.Update{bad, {}, withdrawn(peerA, "192.0.2.0/24")})
	h.says()
	h.PeerDown(peerB)
	if c := h.Counts(); c != (Counts{}) {
		t.Errorf("%+v", c)
	}
}
