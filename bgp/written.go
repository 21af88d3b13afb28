package bgp

import (
	"net/netip"
	"sync"
	"time"
)

// ledger knows, for each neighbor, which routes were really written to its
// socket and when. GoBGP's Adj-RIB-Out is no proof of that: it is computed from
// the table when somebody asks, also for a neighbor that is down or has stopped
// reading. The source is GoBGP's own record of an UPDATE that the kernel took,
// see engineLog. A page is void as soon as its session is.
type ledger struct {
	mu    sync.Mutex
	pages map[netip.Addr]*page
}

// page is one session's.
type page struct {
	written    map[netip.Prefix]int64 // unix nanoseconds
	ipv4, ipv6 int                    // of these
	updates    uint64                 // UPDATEs written: what a stalled session does not do
}

func newLedger() *ledger { return &ledger{pages: map[netip.Addr]*page{}} }

// begin voids what was written to a neighbor: a session comes up or has gone.
func (l *ledger) begin(to netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pages, to)
}

// enter notes one UPDATE: withdrawals, then announcements (RFC 4271 section 4.3).
func (l *ledger) enter(to netip.Addr, announced, withdrawn []netip.Prefix, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pages[to]
	if p == nil {
		p = &page{written: map[netip.Prefix]int64{}}
		l.pages[to] = p
	}
	p.updates++
	for _, w := range withdrawn {
		if _, was := p.written[w]; was {
			delete(p.written, w)
			p.count(w, -1)
		}
	}
	for _, a := range announced {
		if _, was := p.written[a]; !was {
			p.count(a, 1)
		}
		p.written[a] = at.UnixNano()
	}
}

func (p *page) count(prefix netip.Prefix, n int) {
	if prefix.Addr().Is4() {
		p.ipv4 += n
	} else {
		p.ipv6 += n
	}
}

// when tells when the announcement of a prefix was written to a neighbor.
func (l *ledger) when(to netip.Addr, p netip.Prefix) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	page := l.pages[to]
	if page == nil {
		return time.Time{}, false
	}
	at, ok := page.written[p]
	return time.Unix(0, at), ok
}

// totals returns how many routes of each family a neighbor was written, and
// in how many UPDATEs.
func (l *ledger) totals(to netip.Addr) (ipv4, ipv6 int, updates uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pages[to]; p != nil {
		return p.ipv4, p.ipv6, p.updates
	}
	return 0, 0, 0
}

// Written tells to which neighbors the announcement of a prefix was really
// written, and when: the session is up, the kernel has taken the UPDATE, and
// the neighbor reads. It is not proof that the neighbor has done anything with
// it, which BGP does not tell.
func (s *Speaker) Written(p netip.Prefix) map[netip.Addr]time.Time {
	out := map[netip.Addr]time.Time{}
	for _, n := range s.list() {
		s.mu.Lock()
		counts := n.state == Established && !n.flow.stuck && !n.conf.Monitor
		s.mu.Unlock()
		if at, ok := s.ledger.when(n.conf.Addr, p); ok && counts {
			out[n.conf.Addr] = at
		}
	}
	return out
}
