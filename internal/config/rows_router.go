package config

import (
	"cmp"
	"net/netip"
	"time"
)

func routerRows() []row {
	return []row{
		{Modes: inRouter, Pattern: "bgp router-id A.B.C.D", Run: routerID},
		{Modes: inRouter, Pattern: "bgp listen address <A.B.C.D|X:X::X:X>$address [port (1-65535)$port]", Run: bgpListen},
		{Modes: inRouter, Pattern: "bgp listen port (1-65535)$port", Run: func(r *reader, m *match) error {
			r.draft.bgp.port = uint16(m.Number("port"))
			return r.once("bgp listen port")
		}},
		{Modes: inRouter, Pattern: "bgp monitor listen address <A.B.C.D|X:X::X:X>$address [port (1-65535)$port]", Run: monitorListen},
		{Modes: inRouter, Pattern: "bgp listen range <A.B.C.D/M|X:X::X:X/M>$range peer-group NAME$group", Run: listenRange},
		{Modes: inRouter, Pattern: "no bgp listen", Run: func(r *reader, _ *match) error {
			r.draft.bgp.noListen = true
			return r.once("no bgp listen")
		}},
		{Modes: inRouter, Pattern: "[no] bgp default ipv4-unicast", Run: func(r *reader, m *match) error {
			r.draft.bgp.noIPv4 = m.Has("no")
			return nil
		}},
		{Modes: inRouter, Pattern: "timers bgp (0-65535)$keepalive (0-65535)$hold", Run: func(r *reader, m *match) error {
			return r.timers(&r.draft.bgp.defaults, m)
		}},
		{Modes: inRouter, Pattern: "address-family ipv4 [unicast]", Enters: ipv4Mode, Run: nothing},
		{Modes: inRouter, Pattern: "address-family ipv6 [unicast]", Enters: ipv6Mode, Run: nothing},
		{Modes: inBGP[1:], Pattern: "exit-address-family", Enters: routerMode, Run: nothing},
		leave("exit-address-family", routerMode, routerMode),
		leave("exit", routerMode, topMode),
		leave("quit", routerMode, topMode),
		leave("exit", ipv4Mode, routerMode),
		leave("exit", ipv6Mode, routerMode),
		leave("quit", ipv4Mode, routerMode),
		leave("quit", ipv6Mode, routerMode),
	}
}

func routerBGP(r *reader, m *match) error {
	as := uint32(m.Number("as"))
	if as == asTrans {
		return at("as", "23456 is AS_TRANS, which nobody may be (RFC 6793 section 9)")
	}
	if err := r.once("router bgp"); err != nil {
		return err
	}
	r.draft.bgp = &draftBGP{as: as, line: r.line, peers: map[string]*peer{}, statistics: map[string]time.Duration{}}
	return nil
}

func routerID(r *reader, m *match) error {
	id := m.Addr("A.B.C.D")
	if id.IsUnspecified() {
		return at("A.B.C.D", "a router-id of 0.0.0.0 is not valid (RFC 6286): take an address of this node")
	}
	r.draft.bgp.routerID = id
	return r.once("bgp router-id")
}

func bgpListen(r *reader, m *match) error {
	l := listen{addr: m.Addr("address"), port: uint16(m.Number("port")), line: r.line}
	if l.addr.Is4In6() || l.addr.IsMulticast() {
		return at("address", "%s is not an address to listen on", l.addr)
	}
	for _, other := range r.draft.bgp.listen {
		if other.addr == l.addr {
			return at("address", "there is a second `bgp listen address %s`: the first is in line %d", l.addr, other.line)
		}
	}
	r.draft.bgp.listen = append(r.draft.bgp.listen, l)
	return nil
}

// listenRange takes in whoever connects from a prefix, with a group's settings.
func listenRange(r *reader, m *match) error {
	p := m.Prefix("range")
	if p != p.Masked() || p.Addr().Is4In6() {
		return at("range", "%s has bits set behind its length: %s is meant", p, p.Masked())
	}
	for _, other := range r.draft.bgp.ranges {
		if other.prefix == p {
			return at("range", "there is a second `bgp listen range %s`: the first is in line %d", p, other.line)
		}
	}
	r.draft.bgp.ranges = append(r.draft.bgp.ranges, listenedRange{p, m.Text("group"), r.line})
	return nil
}

// monitorListen is for monitor sessions what bgpListen is for routers.
func monitorListen(r *reader, m *match) error {
	l := netip.AddrPortFrom(m.Addr("address"), cmp.Or(uint16(m.Number("port")), DefaultBGPPort))
	if l.Addr().Is4In6() || l.Addr().IsMulticast() {
		return at("address", "%s is not an address to listen on", l.Addr())
	}
	all := &r.draft.bgp.monitor
	for _, other := range *all {
		switch {
		case other.Addr() == l.Addr():
			return at("address", "there is a second `bgp monitor listen address %s`", l.Addr())
		case other.Port() != l.Port():
			return at("port", "all `bgp monitor listen` lines must have the same port: this one has %d, the first one %d", l.Port(), other.Port())
		}
	}
	*all = append(*all, l)
	return nil
}

// timers reads keepalive and hold time, of one neighbor or of all.
func (r *reader) timers(s *settings, m *match) error {
	keepalive, hold := uint16(m.Number("keepalive")), uint16(m.Number("hold"))
	switch {
	case hold < 3:
		return at("hold", "found a hold time of %d s, expected at least 3 (RFC 4271 section 4.2): without one a dead neighbor is never noticed", hold)
	case keepalive == 0 || keepalive >= hold:
		return at("keepalive", "found a keepalive of %d s, expected 1 to %d: less than the hold time", keepalive, hold-1)
	}
	s.set(r.line, "timers", func(n *Neighbor) { n.Keepalive, n.Hold = keepalive, hold })
	return nil
}

// wildcards are the addresses of a speaker that is told none.
func wildcards(port uint16) []netip.AddrPort {
	return []netip.AddrPort{
		netip.AddrPortFrom(netip.IPv4Unspecified(), port),
		netip.AddrPortFrom(netip.IPv6Unspecified(), port),
	}
}
