package route

import (
	"net/netip"
	"testing"
)

func received() Route {
	return Route{
		Key:    Key{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Peer: netip.MustParseAddr("198.51.100.1")},
		PeerAS: 64500, NextHop: netip.MustParseAddr("198.51.100.1"),
		Path: PathOf([]Segment{{Sequence, []uint32{64500, 64502}}}), Communities: []uint32{0xffff029a},
	}
}

func TestEqualSeesEveryField(t *testing.T) {
	if !received().Equal(received()) {
		t.Fatal("a route differs from itself")
	}
	for name, edit := range map[string]func(*Route){
		"prefix":      func(r *Route) { r.Prefix = netip.MustParsePrefix("192.0.2.0/25") },
		"peer":        func(r *Route) { r.Peer = netip.MustParseAddr("198.51.100.2") },
		"path id":     func(r *Route) { r.PathID = 1 },
		"peer AS":     func(r *Route) { r.PeerAS++ },
		"next-hop":    func(r *Route) { r.NextHop = r.NextHop.Next() },
		"kind":        func(r *Route) { r.Path.Kind = OriginNone },
		"origin":      func(r *Route) { r.Path.Origin++ },
		"path":        func(r *Route) { r.Path.ASNs = []uint32{64502} },
		"sets":        func(r *Route) { r.Path.Sets = true },
		"ORIGIN":      func(r *Route) { r.Origin = Incomplete },
		"MED":         func(r *Route) { r.MED = Optional{Set: true} },
		"local-pref":  func(r *Route) { r.LocalPref = Optional{Set: true, Value: 1} },
		"communities": func(r *Route) { r.Communities = nil },
	} {
		r := received()
		edit(&r)
		if r.Equal(received()) {
			t.Errorf("another %s is not seen", name)
		}
	}
}

func TestRolesHaveTwoSides(t *testing.T) {
	for r := RoleNone; r <= RolePeer; r++ {
		if r.Opposite().Opposite() != r {
			t.Errorf("%s is not on the other side of %s", r, r.Opposite())
		}
		if got, ok := ParseRole(r.String()); got != r || ok != (r != RoleNone) {
			t.Errorf("%q is read as %s, %v", r, got, ok)
		}
	}
	if RoleProvider.Opposite() != RoleCustomer || RoleRouteServer.Opposite() != RoleRouteServerClient || RolePeer.Opposite() != RolePeer {
		t.Error("the sides are mixed up")
	}
}

func TestRolesHaveNames(t *testing.T) {
	if RoleProvider.String() != "provider" || RoleRouteServerClient.String() != "rs-client" || Role(99).String() != "unknown" {
		t.Error(RoleProvider, RoleRouteServerClient, Role(99))
	}
}
