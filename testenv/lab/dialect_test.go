package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// upstreams is one trigger with three routers, each of which expects a blackhole in
// its own words, and two customers who share a part of their grants:
//
//	frr       iBGP, takes the default route-map's no-export
//	bird      eBGP, does not want no-export, and has its own mark for loud blackholes
//	openbgpd  eBGP, has its own community and next-hop, and takes no IPv6
type upstreams struct {
	t          *testing.T
	lab        *testenv.Lab
	host       *testenv.Host
	trigger    *testenv.Trigger
	frr        *testenv.FRR
	bird       *testenv.BIRD
	obgp       *testenv.OpenBGPD
	alice, bob *testenv.Customer
}

func newUpstreams(t *testing.T) *upstreams {
	t.Helper()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openbgpd", "openssh-client")
	lab := testenv.NewLab(t)
	u := &upstreams{t: t, lab: lab, host: lab.Host("trigger")}
	desk := lab.Host("desk")
	hosts := []*testenv.Host{lab.Host("frr"), lab.Host("bird"), lab.Host("openbgpd")}
	ports := []testenv.Port{u.host.On("10.20.0.11/24", "fd00:20::11/64"), desk.On("10.20.0.50/24", "fd00:20::50/64")}
	for i, h := range hosts {
		ports = append(ports, h.On(fmt.Sprintf("10.20.0.%d/24", i+1), fmt.Sprintf("fd00:20::%d/64", i+1)))
	}
	lab.LAN(ports...)
	as := []uint32{triggerAS, birdEdgeAS, 64503}
	toTrigger := testenv.Neighbor{Peer: u.host, Addr: u.host.Addr4(), AS: triggerAS, IPv4: true, IPv6: true}
	opts := func(i int) testenv.RouterOptions {
		return testenv.RouterOptions{AS: as[i], Neighbors: []testenv.Neighbor{toTrigger}}
	}
	var neighbors []testenv.Neighbor
	for i, h := range hosts {
		neighbors = append(neighbors, testenv.Neighbor{Peer: h, Addr: h.Addr4(), AS: as[i], IPv4: true, IPv6: true})
	}
	u.frr, u.bird, u.obgp = lab.FRRSpeaker(hosts[0], opts(0)), lab.BIRD(hosts[1], opts(1)), lab.OpenBGPD(hosts[2], opts(2))
	u.trigger = lab.Trigger(u.host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: neighbors})
	u.trigger.Neighbor(hosts[1].Addr4(), "route-map BIRD out")
	u.trigger.Neighbor(hosts[2].Addr4(), "route-map OBGP out")
	u.frr.Start()
	u.frr.TakesAllAsSent(toTrigger)
	u.bird.Start()
	u.obgp.Start()
	cluster := lab.Cluster(u.trigger)
	u.alice = lab.Customer("alice", desk, 65534, "198.51.100.0/24", "10.50.0.0/16", "2001:db8:a::/48")
	u.bob = lab.Customer("bob", desk, 65533, "198.51.100.128/25", "203.0.113.0/24")
	cluster.Define(u.alice)
	cluster.Define(u.bob)
	u.trigger.Operator("configure terminal",
		"route-map LOUD permit 10", "set community 65535:666 64500:77", "set metric 7", "exit",
		"customer bob", "route-map LOUD", "exit",
		"ip community-list standard LOUD permit 64500:77",
		"ipv6 prefix-list ANY6 permit ::/0 le 128",
		"route-map BIRD permit 10", "match community LOUD", "set community 65535:666 64502:77", "exit",
		"route-map BIRD permit 20", "set community 65535:666", "exit",
		"route-map OBGP deny 5", "match ipv6 address prefix-list ANY6", "exit",
		"route-map OBGP permit 10", "set community 64503:666", "set ip next-hop 10.20.0.66", "set as-path prepend 64503 7", "end")
	for _, r := range []interface{ WaitEstablished(...netip.Addr) }{u.frr, u.bird, u.obgp} {
		r.WaitEstablished(u.host.Addr4())
	}
	return u
}

// tables prints what each router was sent, one line a route.
func (u *upstreams) tables() map[string]string {
	return map[string]string{"frr": table(u.frr.Routes()), "bird": table(u.bird.Received(u.host)), "openbgpd": table(u.obgp.Routes())}
}

func table(routes []testenv.Route) string {
	lines := make([]string, 0, len(routes))
	for _, r := range routes {
		slices.Sort(r.Communities)
		lines = append(lines, fmt.Sprintf("%s via %s path %v med %d communities %s", r.Prefix, r.NextHop, r.ASPath, r.MED, strings.Join(r.Communities, " ")))
	}
	return strings.Join(lines, "\n")
}

// hold waits until each router's table is, line by line, what is written here.
func (u *upstreams) hold(what string, want map[string][]string) {
	u.t.Helper()
	testenv.Eventually(u.t, "each router has its own table "+what, func() (bool, string) {
		got, wrong := u.tables(), ""
		for name, lines := range want {
			if wanted := strings.Join(lines, "\n"); got[name] != wanted {
				wrong += fmt.Sprintf("%s has\n%s\nand should have\n%s\n", name, got[name], wanted)
			}
		}
		return wrong == "", wrong
	})
}

// TestDialects: two customers blackhole, partly the same address, and three routers
// get it each in its own dialect. Each router's whole table is compared, line by
// line, after each step.
func TestDialects(t *testing.T) {
	t.Parallel()
	u := newUpstreams(t)
	at := netip.MustParsePrefix
	u.bob.At(u.trigger).Types("configure terminal", "router bgp 65533", "network 198.51.100.200/32 route-map LOUD", "network 203.0.113.9/32", "end")
	u.alice.At(u.trigger).Blackholes(at("198.51.100.7/32"), at("198.51.100.200/32"), at("2001:db8:a::1/128"))
	quiet := map[string][]string{
		"frr": {
			"198.51.100.7/32 via 192.0.2.1 path [] med 0 communities 65535:65281 65535:666",
			"",
			"203.0.113.9/32 via 192.0.2.1 path [] med 0 communities 65535:65281 65535:666",
			"2001:db8:a::1/128 via 100::1 path [] med 0 communities 65535:65281 65535:666"},
		"bird": {
			"198.51.100.7/32 via 192.0.2.1 path [64500] med 0 communities 65535:666",
			"",
			"203.0.113.9/32 via 192.0.2.1 path [64500] med 0 communities 65535:666",
			"2001:db8:a::1/128 via 100::1 path [64500] med 0 communities 65535:666"},
		"openbgpd": {
			"198.51.100.7/32 via 10.20.0.66 path [64500 64503 7] med 0 communities 64503:666",
			"",
			"203.0.113.9/32 via 10.20.0.66 path [64500 64503 7] med 0 communities 64503:666"},
	}
	with := func(frr, bird, obgp string) map[string][]string {
		out := map[string][]string{}
		for name, shared := range map[string]string{"frr": frr, "bird": bird, "openbgpd": obgp} {
			out[name] = slices.Clone(quiet[name])
			out[name][1] = shared
		}
		return out
	}
	u.hold("with bob's attributes for what both have", with(
		"198.51.100.200/32 via 192.0.2.1 path [] med 7 communities 64500:77 65535:666",
		"198.51.100.200/32 via 192.0.2.1 path [64500] med 7 communities 64502:77 65535:666",
		"198.51.100.200/32 via 10.20.0.66 path [64500 64503 7] med 7 communities 64503:666"))

	u.bob.At(u.trigger).Withdraws(at("198.51.100.200/32"))
	u.hold("with alice's, now that bob has withdrawn", with(
		"198.51.100.200/32 via 192.0.2.1 path [] med 0 communities 65535:65281 65535:666",
		"198.51.100.200/32 via 192.0.2.1 path [64500] med 0 communities 65535:666",
		"198.51.100.200/32 via 10.20.0.66 path [64500 64503 7] med 0 communities 64503:666"))
	u.neverWithdrawn()

	u.trigger.Operator("configure terminal", "no route-map OBGP deny 5", "end")
	testenv.Eventually(t, "OpenBGPD takes IPv6 as well", func() (bool, string) {
		got := u.tables()["openbgpd"]
		return strings.Contains(got, "2001:db8:a::1/128 via ") && strings.Count(got, "\n") == 3, got
	})
	u.neverWithdrawn()

	u.alice.At(u.trigger).Withdraws(at("198.51.100.7/32"))
	testenv.Eventually(t, "each router has counted one withdrawal", func() (bool, string) {
		_, obgp := u.obgp.Received(u.host.Addr4())
		counts := [3]int{u.frr.AllWithdrawals(u.host.Addr4()), u.bird.AllRemovals(u.host), obgp}
		return counts == [3]int{1, 1, 1}, fmt.Sprint(counts)
	})
}

// neverWithdrawn checks that no router was sent a single withdrawal since its
// session came up.
func (u *upstreams) neverWithdrawn() {
	u.t.Helper()
	if n := u.frr.AllWithdrawals(u.host.Addr4()); n != 0 {
		u.t.Errorf("FRR was sent %d withdrawals", n)
	}
	if n := u.bird.AllRemovals(u.host); n != 0 {
		u.t.Errorf("BIRD has removed %d routes", n)
	}
	if _, n := u.obgp.Received(u.host.Addr4()); n != 0 {
		u.t.Errorf("OpenBGPD was sent %d withdrawals", n)
	}
}

// TestRouteMapChangesUnderAThousandBlackholes: an operator edits the default
// route-map, then one neighbor's export route-map, while 1,000 blackholes are out.
// Every router sees updates in place, and not one withdrawal.
func TestRouteMapChangesUnderAThousandBlackholes(t *testing.T) {
	t.Parallel()
	const many = 1000
	u := newUpstreams(t)
	lines := []string{"configure terminal", "customer alice", "maximum-blackholes 2000"}
	for i := range many {
		lines = append(lines, fmt.Sprintf("network 10.50.%d.%d/32", i/250, i%250))
	}
	u.trigger.Operator(append(lines, "end")...)
	allSay := func(what, frr, bird, obgp string) {
		t.Helper()
		testenv.Eventually(t, fmt.Sprintf("all %d routes say %s", many, what), func() (bool, string) {
			got, saw := u.tables(), ""
			for name, ending := range map[string]string{"frr": frr, "bird": bird, "openbgpd": obgp} {
				n := 0
				for line := range strings.Lines(got[name] + "\n") {
					if strings.HasPrefix(line, "10.50.") && strings.HasSuffix(line, ending+"\n") {
						n++
					}
				}
				if n != many || strings.Count(got[name], "\n") != many-1 {
					saw += fmt.Sprintf("%s: %d of %d lines end in %q; ", name, n, strings.Count(got[name], "\n")+1, ending)
				}
			}
			return saw == "", saw
		})
	}
	allSay("what they said first", " 65535:65281 65535:666", "communities 65535:666", "communities 64503:666")
	updates, _ := u.obgp.Received(u.host.Addr4())

	u.trigger.Operator("configure terminal", "route-map BLACKHOLE permit 10", "set community 65535:666 no-export 64500:9", "set metric 3", "end")
	allSay("a changed blackhole", "med 3 communities 64500:9 65535:65281 65535:666", "med 3 communities 65535:666", "med 3 communities 64503:666")
	u.neverWithdrawn()
	if again, _ := u.obgp.Received(u.host.Addr4()); again-updates < many {
		t.Errorf("OpenBGPD was sent %d updates for %d routes that changed", again-updates, many)
	}

	u.trigger.Operator("configure terminal", "route-map OBGP permit 10", "set community 64503:667", "end")
	allSay("a changed dialect", "med 3 communities 64500:9 65535:65281 65535:666", "med 3 communities 65535:666", "med 3 communities 64503:667")
	u.neverWithdrawn()

	u.trigger.Operator("configure terminal", "route-map BLACKHOLE permit 10", "no set metric", "exit", "no route-map BIRD permit 10", "end")
	allSay("no metric", "med 0 communities 64500:9 65535:65281 65535:666", "med 0 communities 65535:666", "med 0 communities 64503:667")
	u.neverWithdrawn()
}
