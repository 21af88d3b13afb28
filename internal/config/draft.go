package config

import (
	"net/netip"
	"slices"
	"time"
)

// asTrans is the AS number that stands for larger ones (RFC 6793).
const asTrans = 23456

// draft is the node while its file is being read.
type draft struct {
	node   Node
	banner []string
	bgp    *draftBGP
}

// draftBGP is the `router bgp` block while it is being read.
type draftBGP struct {
	as         uint32
	line       int
	routerID   netip.Addr
	listen     []listen
	port       uint16 // `bgp listen port`, 0 = not given
	noListen   bool
	monitor    []netip.AddrPort
	ranges     []listenedRange
	targets    string // of the `bmp targets` block at hand
	stations   []BMPStation
	statistics map[string]time.Duration // by targets
	noIPv4     bool                     // `no bgp default ipv4-unicast`
	defaults   settings
	peers      map[string]*peer // neighbors and peer-groups by name
	order      []*peer          // as first named
}

type listenedRange struct {
	prefix netip.Prefix
	group  string
	line   int
}

type listen struct {
	addr netip.Addr
	port uint16 // 0 = not given
	line int
}

// peer is a neighbor, or a peer-group: what is said of a group holds for its
// members wherever it stands, so lines are kept and applied at the end.
type peer struct {
	name    string
	addr    netip.Addr // invalid: a group
	line    int        // where it is first named
	isGroup bool       // `neighbor NAME peer-group` was seen
	group   string     // of which it is a member
	settings
}

// settings are lines about a neighbor, in order.
type settings struct{ list []setting }

type setting struct {
	line int
	what string
	put  func(*Neighbor)
}

func (s *settings) set(line int, what string, put func(*Neighbor)) {
	s.list = append(s.list, setting{line, what, put})
}

// lineOf returns where something was last said, 0 when it was not.
func (s *settings) lineOf(what string) int {
	for _, x := range slices.Backward(s.list) {
		if x.what == what {
			return x.line
		}
	}
	return 0
}

func (s *settings) apply(n *Neighbor) {
	for _, x := range s.list {
		x.put(n)
	}
}

// peer returns the neighbor or group of a line, new when it is first named.
func (r *reader) peer(m *match) (*peer, error) {
	name, addr := m.Text("peer"), m.Addr("peer")
	if addr.IsValid() {
		name = addr.String() // 2001:DB8::1 and 2001:db8:0::1 are one
		if addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			return nil, at("peer", "%s is not the address of a neighbor", addr)
		}
		if addr.Is4In6() {
			return nil, at("peer", "found %s, expected it as the IPv4 address that it is: %s", addr, addr.Unmap())
		}
	}
	b := r.draft.bgp
	p, ok := b.peers[name]
	if !ok {
		p = &peer{name: name, addr: addr, line: r.line}
		b.peers[name] = p
		b.order = append(b.order, p)
	}
	return p, nil
}
