package lab

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestAMonitoringStation: pmacct's BMP collector, which shares no code with us, reads
// the whole life of a session, and complains of nothing.
func TestAMonitoringStation(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "pmacct", "openssh-client")
	lab := testenv.NewLab(t)
	host, edge, noc, desk := lab.Host("trigger"), lab.Host("edge"), lab.Host("noc"), lab.Host("desk")
	lab.LAN(host.On("10.20.0.11/24", "fd00:20::11/64"), edge.On("10.20.0.1/24", "fd00:20::1/64"),
		noc.On("10.20.0.9/24"), desk.On("10.20.0.50/24"))
	four, six := netip.MustParseAddr("10.20.0.1"), netip.MustParseAddr("fd00:20::1")
	router := lab.FRRSpeaker(edge, testenv.RouterOptions{AS: frrEdgeAS, Originate: []netip.Prefix{}, Neighbors: []testenv.Neighbor{
		{Peer: host, Addr: host.Addr4(), AS: triggerAS, IPv4: true}, {Peer: host, Addr: host.Addr6(), AS: triggerAS, IPv6: true}}})
	station := lab.BMPStation(noc)
	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Extra: station.Lines(), Neighbors: []testenv.Neighbor{
		{Peer: edge, Addr: four, AS: frrEdgeAS, IPv4: true}, {Peer: edge, Addr: six, AS: frrEdgeAS, IPv6: true}}})
	station.Start()
	router.Start()
	cluster := lab.Cluster(trigger)
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	cluster.Define(alice)
	router.WaitEstablished(host.Addr4(), host.Addr6())

	for _, neighbor := range []netip.Addr{four, six} {
		up := station.Wait("that the session with "+neighbor.String()+" is up", func(m testenv.BMPMessage) bool {
			return m.Type == "peer_up" && m.About(neighbor)
		})
		local := host.Addr4()
		if neighbor.Is6() {
			local = host.Addr6()
		}
		if up.AS != frrEdgeAS || up.LocalIP != local.String() || up.RouterID != four.String() {
			t.Errorf("it read of the session: %s", up.Raw)
		}
	}
	router.Configure("router bgp 64501", "address-family ipv4 unicast", "network 203.0.113.1/32 route-map ORIGINATE-ipv4", "exit-address-family")
	trigger.WaitShows("show ip bgp neighbors 10.20.0.1 received-routes", "203.0.113.1/32")
	station.Wait("what FRR sends", func(m testenv.BMPMessage) bool {
		return m.Prefix == "203.0.113.1/32" && m.Log == "update" && m.Out == 0 && m.Post == 0 && m.About(four)
	})

	t.Log("a blackhole in each family, and its end")
	alice.At(trigger).Blackholes(victim4, victim6)
	for p, neighbor := range map[netip.Prefix]netip.Addr{victim4: four, victim6: six} {
		sent := station.Wait("of "+p.String(), func(m testenv.BMPMessage) bool {
			return samePrefix(m.Prefix, p) && m.Log == "update" && m.About(neighbor)
		})
		if sent.Out != 1 || sent.Post != 1 || sent.ASPath != "64500" || sent.Communities != "65535:666 no-export" {
			t.Errorf("it read of what was written: %s", sent.Raw)
		}
	}
	const adjRIBOut = 15 // RFC 8671 section 6.2
	station.Wait("how many routes were written", func(m testenv.BMPMessage) bool {
		return m.Type == "stats" && m.Counter == adjRIBOut && m.Value == 1 && m.About(four)
	})
	alice.At(trigger).Withdraws(victim4, victim6)
	for p, neighbor := range map[netip.Prefix]netip.Addr{victim4: four, victim6: six} {
		station.Wait("that "+p.String()+" is over", func(m testenv.BMPMessage) bool {
			return samePrefix(m.Prefix, p) && m.Log == "withdraw" && m.Out == 1 && m.About(neighbor)
		})
	}

	t.Log("the router goes, then the node")
	router.Stop()
	for _, neighbor := range []netip.Addr{four, six} {
		station.Wait("that the session with "+neighbor.String()+" is down", func(m testenv.BMPMessage) bool {
			return m.Type == "peer_down" && m.About(neighbor)
		})
	}
	trigger.Stop()
	station.Wait("that the node closes", func(m testenv.BMPMessage) bool { return m.Type == "term" })
	if wrong := station.Complaints(); len(wrong) > 0 {
		t.Errorf("the collector complains: %q", wrong)
	}
	if all := station.Messages(); !slices.ContainsFunc(all, func(m testenv.BMPMessage) bool { return m.Type == "init" }) {
		t.Error("it has read no initiation")
	}
}

// samePrefix compares with the collector's spelling.
func samePrefix(text string, p netip.Prefix) bool {
	q, err := netip.ParsePrefix(text)
	return err == nil && q == p
}
