package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestInterop: one trigger, and beside it every kind of router in every way that it
// can be a neighbor: inside and outside of the AS, with and without TCP MD5, IPv4
// over IPv4 and IPv6 over IPv6. What each is sent is compared value by value.
func TestInterop(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openbgpd", "exabgp", "gobgpd", "openssh-client")
	lab := testenv.NewLab(t)
	kinds := []struct {
		name  string
		start func(*testenv.Host, testenv.RouterOptions) testenv.Daemon
	}{
		{"frr", func(h *testenv.Host, o testenv.RouterOptions) testenv.Daemon { return lab.FRRSpeaker(h, o) }},
		{"bird", func(h *testenv.Host, o testenv.RouterOptions) testenv.Daemon { return lab.BIRD(h, o) }},
		{"openbgpd", func(h *testenv.Host, o testenv.RouterOptions) testenv.Daemon { return lab.OpenBGPD(h, o) }},
		{"exabgp", func(h *testenv.Host, o testenv.RouterOptions) testenv.Daemon { return lab.ExaBGP(h, o) }},
		{"gobgpd", func(h *testenv.Host, o testenv.RouterOptions) testenv.Daemon { return lab.GoBGPd(h, o) }},
	}
	type one struct {
		testenv.Daemon
		host  *testenv.Host
		start func(*testenv.Host, testenv.RouterOptions) testenv.Daemon
		as    uint32
		md5   string
	}
	host := lab.Host("trigger")
	ports := []testenv.Port{host.On("10.20.0.11/24", "fd00:20::11/64")}
	var routers []one
	for _, kind := range kinds {
		for _, as := range []uint32{triggerAS, frrEdgeAS} {
			for _, password := range []string{"", md5} {
				n := 100 + len(routers)
				name := fmt.Sprintf("%s-%s%s", kind.name, map[bool]string{true: "i", false: "e"}[as == triggerAS], map[bool]string{true: "5"}[password != ""])
				r := one{host: lab.Host(name), start: kind.start, as: as, md5: password}
				ports = append(ports, r.host.On(fmt.Sprintf("10.20.0.%d/24", n), fmt.Sprintf("fd00:20::%d/64", n)))
				routers = append(routers, r)
			}
		}
	}
	desk := lab.Host("desk")
	lab.LAN(append(ports, desk.On("10.20.0.50/24", "fd00:20::50/64"))...)
	var neighbors []testenv.Neighbor
	for i, r := range routers {
		routers[i].Daemon = r.start(r.host, testenv.RouterOptions{AS: r.as, Neighbors: []testenv.Neighbor{
			{Peer: host, Addr: host.Addr4(), AS: triggerAS, Password: r.md5, IPv4: true},
			{Peer: host, Addr: host.Addr6(), AS: triggerAS, Password: r.md5, IPv6: true},
		}})
		neighbors = append(neighbors,
			testenv.Neighbor{Peer: r.host, Addr: r.host.Addr4(), AS: r.as, Password: r.md5, IPv4: true},
			testenv.Neighbor{Peer: r.host, Addr: r.host.Addr6(), AS: r.as, Password: r.md5, IPv6: true})
	}
	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: neighbors})
	for _, r := range routers {
		r.Start()
	}
	cluster := lab.Cluster(trigger)
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	cluster.Define(alice)
	alice.At(trigger).Blackholes(victims...)
	for _, r := range routers {
		r.WaitEstablished(netip.MustParseAddr("10.20.0.11"), netip.MustParseAddr("fd00:20::11"))
		for _, p := range victims {
			lab.WaitSources(r, p, host)
		}
		for _, route := range r.Routes() {
			sameAsDefault(t, r.Name(), route, r.as == triggerAS)
		}
	}
	alice.At(trigger).Withdraws(victims...)
	for _, r := range routers {
		for _, p := range victims {
			lab.WaitSources(r, p)
		}
	}
}

// sameAsDefault compares a route with what the default route-map makes.
func sameAsDefault(t *testing.T, router string, r testenv.Route, internal bool) {
	t.Helper()
	hop, from, path := "192.0.2.1", "10.20.0.11", []uint32{triggerAS}
	if r.Prefix.Addr().Is6() {
		hop, from = "100::1", "fd00:20::11"
	}
	if internal {
		path = nil
	}
	slices.Sort(r.Communities)
	if r.NextHop.String() != hop || r.From.String() != from || !slices.Equal(r.ASPath, path) ||
		strings.Join(r.Communities, " ") != "65535:65281 65535:666" {
		t.Errorf("%s was sent %v", router, r)
	}
}
