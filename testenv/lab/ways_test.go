package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestWaysIn: one trigger, and a real router for each way in that the interop matrix
// does not have. All but the range are sent both families over one IPv4 session.
//
//	gtsm      ttl-security hops 1 on both sides
//	passive   dials a trigger that waits for it, and knows it by a local-as of four octets
//	rr, leaf  a route reflector of the trigger's own AS, and its client
//	changing  gets another password while the node runs
//	guest     comes from a range, with the range's password; stranger has another one
func TestWaysIn(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "openssh-client")
	lab := testenv.NewLab(t)
	host, desk := lab.Host("trigger"), lab.Host("desk")
	ports := []testenv.Port{host.On("10.20.0.11/24", "fd00:20::11/64"), desk.On("10.20.0.50/24", "fd00:20::50/64")}
	routers := map[string]*testenv.FRR{}
	hosts := map[string]*testenv.Host{}
	names := []string{"gtsm", "passive", "rr", "leaf", "changing", "guest", "stranger"}
	addr := func(name string) netip.Addr {
		n := 1 + slices.Index(names, name)
		if name == "guest" || name == "stranger" {
			n += 128
		}
		return netip.AddrFrom4([4]byte{10, 20, 0, byte(n)})
	}
	for _, name := range names {
		hosts[name] = lab.Host(name)
		ports = append(ports, hosts[name].On(addr(name).String()+"/24"))
	}
	lab.LAN(ports...)
	const localAS = 4200000077
	router := func(name string, as uint32, toTrigger testenv.Neighbor, more ...testenv.Neighbor) testenv.Neighbor {
		toTrigger.Peer, toTrigger.Addr, toTrigger.IPv4, toTrigger.IPv6 = host, host.Addr4(), true, true
		neighbors := append([]testenv.Neighbor{toTrigger}, more...)
		if name == "leaf" {
			neighbors = more
		}
		routers[name] = lab.FRRSpeaker(hosts[name], testenv.RouterOptions{AS: as, Hold: 60, Neighbors: neighbors})
		routers[name].Start()
		return testenv.Neighbor{Peer: hosts[name], Addr: addr(name), AS: as, IPv4: true, IPv6: true, Password: toTrigger.Password, GTSM: toTrigger.GTSM}
	}
	beside := func(name string) testenv.Neighbor {
		return testenv.Neighbor{Peer: hosts[name], Addr: addr(name), AS: triggerAS, IPv4: true, IPv6: true}
	}
	neighbors := []testenv.Neighbor{
		router("gtsm", 64501, testenv.Neighbor{AS: triggerAS, GTSM: true}),
		router("passive", 64502, testenv.Neighbor{AS: localAS}),
		router("rr", triggerAS, testenv.Neighbor{AS: triggerAS}, beside("leaf")),
		router("changing", 64503, testenv.Neighbor{AS: triggerAS, Password: "before-before"}),
	}
	router("leaf", triggerAS, testenv.Neighbor{}, beside("rr"))
	router("guest", 64504, testenv.Neighbor{AS: triggerAS, Password: "range-range"})
	router("stranger", 64504, testenv.Neighbor{AS: triggerAS, Password: "no-range"})
	routers["rr"].Reflects(beside("leaf"))

	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Hold: 60, Neighbors: neighbors, Extra: []string{
		" neighbor GUESTS peer-group", " neighbor GUESTS remote-as 64504", " neighbor GUESTS password range-range",
		" neighbor GUESTS ebgp-multihop 2", " bgp listen range 10.20.0.128/25 peer-group GUESTS",
	}})
	trigger.Neighbor(addr("passive"), "passive")
	trigger.Neighbor(addr("passive"), fmt.Sprintf("local-as %d", localAS))
	cluster := lab.Cluster(trigger)
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	cluster.Define(alice)
	alice.At(trigger).Blackholes(everyone...)

	paths := map[string][]uint32{"gtsm": {triggerAS}, "passive": {localAS}, "rr": nil, "leaf": nil, "changing": {triggerAS}}
	for name, path := range paths {
		from := host
		if name == "leaf" {
			from = hosts["rr"]
		}
		for _, p := range everyone {
			lab.WaitSources(routers[name], p, from)
		}
		for _, r := range routers[name].Routes() {
			if !slices.Equal(r.ASPath, path) || !slices.Contains(r.Communities, "65535:666") {
				t.Errorf("%s was sent %v, want path %v", name, r, path)
			}
		}
	}
	lab.WaitSources(routers["guest"], victim4, host)
	host.WaitRefusedMD5()
	routers["stranger"].WaitDown(host.Addr4())
	trigger.WaitShows("show ip bgp summary", addr("guest").String())

	trigger.SetPassword(addr("changing"), "after-after")
	trigger.Reload()
	routers["changing"].WaitDown(host.Addr4())
	lab.WaitSources(routers["changing"], victim4) // the old password is worth nothing any more
	routers["changing"].Configure("router bgp 64503", fmt.Sprintf("neighbor %s password after-after", host.Addr4()))
	for _, p := range everyone {
		lab.WaitSources(routers["changing"], p, host)
	}
	for _, name := range []string{"gtsm", "passive", "rr", "guest"} {
		if n := routers[name].AllWithdrawals(host.Addr4()); n != 0 {
			t.Errorf("%s saw %d withdrawals while another neighbor's password changed", name, n)
		}
	}
}
