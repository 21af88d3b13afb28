package lab

import (
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestCustomerIsRefused: what a customer must not do is refused through the real ssh
// client with the rule that was broken and exit status 1, and changes nothing.
func TestCustomerIsRefused(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "openssh-client")
	lab := testenv.NewLab(t)
	host, desk := lab.Host("trigger1"), lab.Host("desk")
	lab.Wire(host.On("10.20.0.11/24"), desk.On("10.20.0.50/24"))
	trigger := lab.Trigger(host, testenv.TriggerOptions{Role: testenv.Voter, AS: triggerAS, Neighbors: []testenv.Neighbor{
		{Addr: desk.Addr4(), AS: frrEdgeAS, Password: md5, IPv4: true}}})
	trigger.Check()
	cluster := lab.Cluster(trigger)
	alice := lab.Customer("alice", desk, 65534, "198.51.100.0/24", "2001:db8:a::/48")
	bob := lab.Customer("bob", desk, 64999, "203.0.113.0/24")
	cluster.Define(alice)
	cluster.Define(bob)
	bob.At(trigger).Blackholes(prefixes(t, "203.0.113.5/32")...)

	for _, c := range []struct{ line, names string }{
		{"network 0.0.0.0/0", "0.0.0.0/0"},
		{"network 198.51.100.7/24", "198.51.100"},
		{"network 198.51.100.7", "198.51.100.7/32"},
		{"network 203.0.113.9/32", "198.51.100.0/24"},
		{"network 203.0.113.5/32", "198.51.100.0/24"},
		{"no network 203.0.113.5/32", "%"},
		{"network 198.51.100.7/32 route-map NOSUCH", "NOSUCH"},
		{"address-family ipv6; network 198.51.100.7/32", "%"},
		{"no router bgp 65534", "%"},
	} {
		out, status := alice.At(trigger).Runs("configure terminal; router bgp 65534; " + c.line)
		if status != 1 || !strings.Contains(out, "%") || !strings.Contains(out, c.names) {
			t.Errorf("alice: %s: status %d (want 1), said (want %q in it):\n%s", c.line, status, c.names, out)
		}
	}
	if held := trigger.Routes(); len(held) != 1 || held[0].Prefix.String() != "203.0.113.5/32" {
		t.Errorf("bob's blackhole alone should be there: %v", held)
	}
}
