package bmp

import (
	"net/netip"
	"time"
)

// Direction is which table of a neighbor a route is in.
type Direction uint8

// The tables of a neighbor.
const (
	In  Direction = iota // what it sends, before any policy
	Out                  // what was written to it
)

// Session is an established session.
type Session struct {
	Neighbor   netip.Addr
	AS         uint32
	RouterID   netip.Addr
	Local      netip.AddrPort
	RemotePort uint16
	Sent       []byte // the OPEN messages, with their headers
	Received   []byte
	Up         time.Time
}

// same tells whether it is the same TCP connection.
func (s Session) same(o Session) bool {
	return s.Neighbor == o.Neighbor && s.Local == o.Local && s.RemotePort == o.RemotePort
}

// page is what is known of one neighbor's session.
type page struct {
	session *Session // nil: nothing can be said of it yet
	tables  [2]map[netip.Prefix]entry
}

type entry struct {
	attributes *Attributes
	at         time.Time
}

func newPage() *page {
	return &page{tables: [2]map[netip.Prefix]entry{{}, {}}}
}

// enter notes an UPDATE: withdrawals, then announcements (RFC 4271 section 4.3).
func (p *page) enter(d Direction, u Update, at time.Time) {
	for _, w := range u.Withdrawn {
		delete(p.tables[d], w)
	}
	for _, a := range u.Announced {
		p.tables[d][a] = entry{u.Attributes, at}
	}
}

// monitoring are the messages that tell of one UPDATE.
func (p *page) monitoring(d Direction, u Update, at time.Time) (out [][]byte) {
	two := u.Attributes != nil && u.Attributes.TwoOctets
	for _, w := range withdrawals(u.Withdrawn) {
		out = append(out, routeMonitoring(*p.session, d, two, at, w))
	}
	if u.Attributes != nil {
		for _, a := range u.Attributes.updates(u.Announced) {
			out = append(out, routeMonitoring(*p.session, d, two, at, a))
		}
	}
	return out
}

// whole are the messages that tell all there is: Peer Up, both tables, End-of-RIB.
func (p *page) whole() (out [][]byte) {
	out = append(out, peerUp(*p.session))
	for _, d := range []Direction{In, Out} {
		type group struct {
			prefixes []netip.Prefix
			at       time.Time
		}
		groups := map[*Attributes]*group{}
		for prefix, e := range p.tables[d] {
			g := groups[e.attributes]
			if g == nil {
				g = &group{at: e.at}
				groups[e.attributes] = g
			}
			g.prefixes = append(g.prefixes, prefix)
		}
		for a, g := range groups {
			for _, u := range a.updates(g.prefixes) {
				out = append(out, routeMonitoring(*p.session, d, a.TwoOctets, g.at, u))
			}
		}
		for _, e := range ends() {
			out = append(out, routeMonitoring(*p.session, d, false, p.session.Up, e))
		}
	}
	return out
}
