package lab

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// Autonomous systems and addresses of every scenario. The victim's network lies
// behind each edge alike; the edges never hear of one another.
const (
	triggerAS  = 64500
	frrEdgeAS  = 64501
	birdEdgeAS = 64502
	md5        = "lab-secret"
)

var (
	victim4    = netip.MustParsePrefix("198.51.100.7/32")
	victim6    = netip.MustParsePrefix("2001:db8:a::7/128")
	kept4      = netip.MustParsePrefix("198.51.100.9/32") // blackholed throughout
	bystander4 = netip.MustParseAddr("198.51.100.8")
	bystander6 = netip.MustParseAddr("2001:db8:a::8")
)

// site is an edge router with an attacker on one side and the victim's network on
// the other:
//
//	attacker ---- edge ---- victim (198.51.100.7, .8; 2001:db8:a::7, ::8)
//	               |
//	           peering LAN
type site struct {
	lab                    *testenv.Lab
	edge, attacker, victim *testenv.Host
}

// newSite makes the three hosts of a site and their wires. The name and the number
// keep sites of one lab apart.
func newSite(lab *testenv.Lab, name string, number int) *site {
	s := &site{lab: lab, edge: lab.Host(name), attacker: lab.Host(name + "-atk"), victim: lab.Host(name + "-vic")}
	four := fmt.Sprintf("10.66.%d.", number)
	six := fmt.Sprintf("fd00:66:%d::", number)
	lab.Wire(s.edge.On(four+"1/24", six+"1/64"), s.attacker.On(four+"2/24", six+"2/64"))
	lab.Wire(s.edge.On("198.51.100.1/24", "2001:db8:a::1/64"),
		s.victim.On("198.51.100.7/24", "198.51.100.8/24", "2001:db8:a::7/64", "2001:db8:a::8/64"))
	s.edge.Forwards()
	s.attacker.DefaultVia(netip.MustParseAddr(four+"1"), netip.MustParseAddr(six+"1"))
	s.victim.DefaultVia(netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:a::1"))
	return s
}

// attack floods the victim over IPv4 and over IPv6.
func (s *site) attack() (four, six *testenv.Flow) {
	return s.lab.Attack(s.attacker, s.victim, victim4.Addr(), bystander4),
		s.lab.Attack(s.attacker, s.victim, victim6.Addr(), bystander6)
}

// prefixes is shorthand.
func prefixes(t *testing.T, texts ...string) []netip.Prefix {
	t.Helper()
	return testenv.Prefixes(t, texts...)
}
