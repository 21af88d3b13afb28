package bgp

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/config"
)

func TestCheckNamesTheRule(t *testing.T) {
	good := config.Neighbor{Addr: adr("192.0.2.1"), RemoteAS: 64501, IPv4: true}
	conf := routerConf()
	for _, c := range []struct {
		why  string // part of the message; "" for allowed
		edit func(*config.Neighbor)
	}{
		{"", func(*config.Neighbor) {}},
		{"", func(n *config.Neighbor) { n.RemoteAS = 64500; n.LocalAS = 64500 }},
		{"", func(n *config.Neighbor) { n.Multihop = 255 }},
		{"", func(n *config.Neighbor) { n.Passive = true }},
		{"remote-as is missing", func(n *config.Neighbor) { n.RemoteAS = 0 }},
		{"not the address", func(n *config.Neighbor) { n.Addr = adr("0.0.0.0") }},
		{"no address family", func(n *config.Neighbor) { n.IPv4 = false }},
		{"exclude each other", func(n *config.Neighbor) { n.Multihop, n.TTLSecurity = 2, 1 }},
		{"is for eBGP", func(n *config.Neighbor) { n.RemoteAS, n.Multihop = 64500, 2 }},
		{"at most 254", func(n *config.Neighbor) { n.TTLSecurity = 255 }},
		{"other address family", func(n *config.Neighbor) { n.UpdateSource = adr("::1") }},
		{"local-as", func(n *config.Neighbor) { n.RemoteAS, n.LocalAS = 64500, 64999 }},
		{"hold time is at least 3", func(n *config.Neighbor) { n.Hold = 2 }},
		{"less than the hold time", func(n *config.Neighbor) { n.Hold, n.Keepalive = 30, 30 }},
		{"at most 4095", func(n *config.Neighbor) { n.RestartTime = 4096 }},
		{"passive needs a BGP listener", func(n *config.Neighbor) { n.Addr, n.Passive = adr("2001:db8::1"), true }},
		{"at most 80", func(n *config.Neighbor) { n.Password = strings.Repeat("x", 81) }},
		{"", func(n *config.Neighbor) { n.Monitor = true }},
		{"bgp monitor listen", func(n *config.Neighbor) { n.Monitor, n.Passive = true, true }},
		{"no `route-map", func(n *config.Neighbor) { n.Monitor, n.RouteMapOut = true, "X" }},
		{"no `maximum-announced`", func(n *config.Neighbor) { n.Monitor, n.MaxAnnounced = true, 5 }},
		{"would keep nothing", func(n *config.Neighbor) { n.Monitor, n.RestartTime = true, 5 }},
		{"one hop", func(n *config.Neighbor) { n.BFD.Enabled, n.Multihop = true, 2 }},
		{"", func(n *config.Neighbor) { n.BFD.Enabled, n.Multihop = true, 1 }},
		{"watches nothing", func(n *config.Neighbor) { n.BFD.Enabled, n.Monitor = true, true }},
	} {
		n := good
		c.edit(&n)
		err := CheckNeighbor(conf, n)
		if c.why == "" && err != nil {
			t.Errorf("%+v: %v", n, err)
		}
		if c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%+v: %v, want %q", n, err, c.why)
		}
	}
}

func TestPasswordsByPlatform(t *testing.T) {
	active := config.Neighbor{Password: "secret"}
	passive := config.Neighbor{Password: "secret", Passive: true}
	for _, c := range []struct {
		goos string
		n    config.Neighbor
		ok   bool
	}{
		{"linux", active, true},
		{"linux", passive, true},
		{"freebsd", active, false},
		{"freebsd", passive, true},
		{"darwin", active, false},
		{"darwin", passive, false},
		{"darwin", config.Neighbor{}, true},
	} {
		if err := checkPassword(c.n, c.goos); (err == nil) != c.ok {
			t.Errorf("%s, passive %v: %v", c.goos, c.n.Passive, err)
		}
	}
}

func TestCheckOfTheRouter(t *testing.T) {
	for _, c := range []struct {
		why  string
		edit func(*config.BGP)
	}{
		{"", func(*config.BGP) {}},
		{"", func(b *config.BGP) { b.Listen = nil }},
		{"AS number", func(b *config.BGP) { b.ASN = 0 }},
		{"router-id", func(b *config.BGP) { b.RouterID = netip.Addr{} }},
		{"router-id", func(b *config.BGP) { b.RouterID = adr("::1") }},
		{"same port", func(b *config.BGP) {
			b.Listen = append(b.Listen, netip.MustParseAddrPort("[::1]:1790"))
		}},
	} {
		b := routerConf()
		c.edit(&b)
		err := CheckRouter(b)
		if (c.why == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%+v: %v, want %q", b, err, c.why)
		}
	}
	twice := routerConf(passive("127.0.0.1", 1), passive("127.0.0.1", 2))
	if errs := Check(twice); len(errs) != 1 || !strings.Contains(errs[0].Error(), "twice") {
		t.Errorf("the same neighbor twice: %v", errs)
	}
}
