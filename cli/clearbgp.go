package cli

import (
	"fmt"

	"github.com/triggerd/triggerd/cli/grammar"
)

// clearBGPRows reset sessions with routers, in all of Quagga's forms: the way
// alone (`clear ip bgp X in`) is as soft as with the word.
func clearBGPRows() []row {
	const which = " <A.B.C.D|X:X::X:X|*|external|(1-4294967295)>$peer"
	const how = " [<soft [<in|out>]|in [prefix-filter]|out>]"
	var rows []row
	for _, pattern := range []string{
		"clear ip bgp" + which + how, "clear ip bgp" + which + " ipv4 unicast" + how,
		"clear bgp" + which + how, "clear bgp ipv4 [unicast]" + which + how, "clear bgp ipv6 [unicast]" + which + how,
	} {
		rows = append(rows, row{Modes: []*grammar.Mode{enableMode}, Pattern: pattern, For: operators, Run: clearBGP})
	}
	return rows
}

// clearBGP resets sessions, or with `soft` sends and asks for all routes again
// while they stay.
func clearBGP(c *call, m *match) error {
	if c.ports.Speaker == nil {
		return errNoSpeaker
	}
	which := m.Text("peer")
	found := which == "*"
	for _, n := range c.ports.Speaker.Neighbors() {
		if !c.meant(m, n) {
			continue
		}
		found = true
		if err := c.reset(m, n); err != nil {
			return fmt.Errorf("neighbor %s: %w", n.Addr, err)
		}
	}
	switch {
	case found:
		return c.record(c.typed)
	case which == "external":
		return saying("%BGP: No external peer is configured")
	case m.Addr("peer").IsValid():
		return saying(fmt.Sprintf("%%BGP: Unknown neighbor - %q", m.Addr("peer")))
	}
	return saying("%BGP: No peer is configured with AS " + which)
}

// meant tells whether the line is about neighbor n.
func (c *call) meant(m *match, n NeighborStatus) bool {
	switch which := m.Text("peer"); {
	case which == "*":
		return true
	case which == "external":
		local := n.LocalAS
		if bgp := c.ports.Node.Current().BGP; local == 0 && bgp != nil {
			local = bgp.ASN
		}
		return n.RemoteAS != local
	case m.Addr("peer").IsValid():
		return n.Addr == m.Addr("peer")
	}
	return uint64(n.RemoteAS) == m.Number("peer")
}

func (c *call) reset(m *match, n NeighborStatus) error {
	in, out := m.Has("in"), m.Has("out")
	if !in && !out {
		if !m.Has("soft") {
			return c.ports.Speaker.Reset(n.Addr)
		}
		in, out = true, true
	}
	return c.ports.Speaker.Refresh(n.Addr, in, out)
}
