package config

import (
	"net/netip"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/internal/route"
)

// peerToken is how every line about a neighbor or a peer-group begins.
const peerToken = "neighbor <A.B.C.D|X:X::X:X|NAME>$peer "

// about makes a row of one setting of a neighbor; make turns the line into the
// change of the neighbor.
func about(modes []*grammar.Mode, prefix, what, pattern string, make func(m *match) (func(*Neighbor), error)) row {
	return row{Modes: modes, Pattern: prefix + peerToken + pattern, Run: func(r *reader, m *match) error {
		p, err := r.peer(m)
		if err != nil {
			return err
		}
		put, err := make(m)
		if err == nil {
			p.set(r.line, what, put)
		}
		return err
	}}
}

// toggle makes a row of a setting that takes no value.
func toggle(what string, put func(*Neighbor)) row {
	return about(inRouter, "", what, what, func(*match) (func(*Neighbor), error) { return put, nil })
}

func neighborRows() []row {
	return []row{
		{Modes: inRouter, Pattern: peerToken + "remote-as (1-4294967295)$as", Run: remoteAS},
		{Modes: inRouter, Pattern: peerToken + "local-as (1-4294967295)$as [no-prepend [replace-as]]", Run: localAS},
		about(inRouter, "", "description", "description LINE", func(m *match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.Description = m.Text("LINE") }, nil
		}),
		about(inRouter, "", "password", "password LINE", password),
		about(inRouter, "", "port", "port (1-65535)$port", func(m *match) (func(*Neighbor), error) {
			port := uint16(m.Number("port"))
			if port == DefaultBGPPort {
				port = 0
			}
			return func(n *Neighbor) { n.Port = port }, nil
		}),
		about(inRouter, "", "update-source", "update-source <A.B.C.D|X:X::X:X|INTERFACE>$source", updateSource),
		toggle("passive", func(n *Neighbor) { n.Passive = true }),
		about(inRouter, "", "shutdown", "shutdown [message LINE]", shutdown),
		about(inRouter, "no ", "shutdown", "shutdown", func(*match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.Shutdown, n.Reason = false, "" }, nil
		}),
		about(inRouter, "", "bfd", "bfd [(2-255)$multiplier (50-60000)$rx (50-60000)$tx]", func(m *match) (func(*Neighbor), error) {
			b := BFD{Enabled: true, Multiplier: uint8(m.Number("multiplier")), Rx: uint16(m.Number("rx")), Tx: uint16(m.Number("tx"))}
			return func(n *Neighbor) { n.BFD = b }, nil
		}),
		{Modes: inRouter, Pattern: peerToken + "local-role <provider|rs-server|rs-client|customer|peer>$role [strict-mode]", Run: localRole},
		toggle("monitor", func(n *Neighbor) { n.Monitor = true }),
		about(inBGP, "", "maximum-announced", "maximum-announced (1-4294967295)$routes", func(m *match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.MaxAnnounced = uint32(m.Number("routes")) }, nil
		}),
		about(inBGP, "", "route-map", "route-map WORD$map out", func(m *match) (func(*Neighbor), error) {
			return func(n *Neighbor) { n.RouteMapOut = m.Text("map") }, nil
		}),
		activate(routerMode, func(n *Neighbor, on bool) { n.IPv4 = on }),
		activate(ipv4Mode, func(n *Neighbor, on bool) { n.IPv4 = on }),
		activate(ipv6Mode, func(n *Neighbor, on bool) { n.IPv6 = on }),
	}
}

func activate(mode *grammar.Mode, put func(*Neighbor, bool)) row {
	return about([]*grammar.Mode{mode}, "[no] ", "activate", "activate", func(m *match) (func(*Neighbor), error) {
		on := !m.Has("no")
		return func(n *Neighbor) { put(n, on) }, nil
	})
}

func asNumber(m *match) (uint32, error) {
	as := uint32(m.Number("as"))
	if as == asTrans {
		return 0, at("as", "23456 is AS_TRANS, which nobody may be (RFC 6793 section 9)")
	}
	return as, nil
}

func remoteAS(r *reader, m *match) error {
	p, err := r.peer(m)
	if err != nil {
		return err
	}
	as, err := asNumber(m)
	if err != nil {
		return err
	}
	if line := p.lineOf("remote-as"); line != 0 {
		return at("peer", "neighbor %s is there twice: its first `remote-as` is in line %d", p.name, line)
	}
	p.set(r.line, "remote-as", func(n *Neighbor) { n.RemoteAS = as })
	return nil
}

// localAS announces under another AS number. Quagga would put its own behind it.
func localAS(r *reader, m *match) error {
	p, err := r.peer(m)
	if err != nil {
		return err
	}
	as, err := asNumber(m)
	if err != nil {
		return err
	}
	if !m.Has("replace-as") {
		r.note("local-as", "`local-as` here always means `no-prepend replace-as`: the AS path has that AS alone, where Quagga would put its own behind it")
	}
	p.set(r.line, "local-as", func(n *Neighbor) { n.LocalAS = as })
	return nil
}

// localRole says what we are to the neighbor. GoBGP does not negotiate roles, so
// with FRR's strict-mode there would be no session.
func localRole(r *reader, m *match) error {
	p, err := r.peer(m)
	if err != nil {
		return err
	}
	if m.Has("strict-mode") {
		r.note("strict-mode", "`strict-mode` is skipped: the role is not negotiated with the neighbor (RFC 9234 section 4), it decides how AS paths are verified")
	}
	ours, _ := route.ParseRole(m.Text("role")) // the pattern has no other words
	p.set(r.line, "local-role", func(n *Neighbor) { n.Role = ours.Opposite() })
	return nil
}

func shutdown(m *match) (func(*Neighbor), error) {
	reason := m.Text("LINE")
	if len(reason) > MaxReason {
		return nil, at("LINE", "the message has %d bytes, and a neighbor takes at most %d (RFC 8203)", len(reason), MaxReason)
	}
	return func(n *Neighbor) { n.Shutdown, n.Reason = true, reason }, nil
}

func password(m *match) (func(*Neighbor), error) {
	secret := m.Text("LINE")
	if len(secret) > MaxPassword {
		return nil, at("LINE", "the password has %d bytes, and TCP MD5 takes at most %d", len(secret), MaxPassword)
	}
	return func(n *Neighbor) { n.Password = secret }, nil
}

func updateSource(m *match) (func(*Neighbor), error) {
	source := m.Addr("source")
	if !source.IsValid() {
		return nil, at("source", "found %q, expected an address of this node: interface names are not taken", m.Text("source"))
	}
	if source.IsUnspecified() || source.IsMulticast() || source.Is4In6() {
		return nil, at("source", "%s is not an address to connect from", source)
	}
	peer := m.Addr("peer")
	if peer != (netip.Addr{}) && peer.Is4() != source.Is4() {
		return nil, at("source", "%s is of the other address family than %s", source, peer)
	}
	return func(n *Neighbor) { n.UpdateSource = source }, nil
}
