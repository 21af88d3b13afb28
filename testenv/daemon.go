package testenv

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// Daemon is what the lab can do with anything that speaks BGP. One file per kind
// holds its configuration template and how it is asked.
type Daemon interface {
	// Name is the host's name.
	Name() string
	// Start starts it and returns when it can be asked.
	Start()
	// WaitEstablished waits until the session with each of the peers is up.
	WaitEstablished(peers ...netip.Addr)
	// Routes is what it holds now, sorted by prefix, then by the address it came from.
	Routes() []Route
	// Kill9 ends it as a power cut would. Start starts it again.
	Kill9()
	// Stop ends it as an administrator would, and fails the test if that fails.
	Stop()
}

var _ = []Daemon{(*FRR)(nil), (*BIRD)(nil), (*Trigger)(nil)}

// Router is a Daemon that takes blackholes and drops what they name.
type Router interface {
	Daemon
	// WaitDown waits until there is no session with the peer.
	WaitDown(peer netip.Addr)
}

// Route is one path of one prefix as a daemon holds it.
type Route struct {
	Prefix      netip.Prefix
	From        netip.Addr // the neighbor it was received from
	NextHop     netip.Addr
	ASPath      []uint32
	MED         uint32   // 0 also where there is none
	Communities []string // sorted, as "65535:666"
	Best        bool
	Stale       bool // kept by a graceful restart
}

// String is for failures.
func (r Route) String() string {
	var marks string
	if r.Best {
		marks += " best"
	}
	if r.Stale {
		marks += " stale"
	}
	if r.MED != 0 {
		marks = fmt.Sprintf(" med %d", r.MED) + marks
	}
	return fmt.Sprintf("%s from %s via %s path %v communities %v%s", r.Prefix, r.From, r.NextHop, r.ASPath, r.Communities, marks)
}

func sortRoutes(routes []Route) {
	slices.SortFunc(routes, func(a, b Route) int {
		if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
			return c
		}
		if a.Prefix.Bits() != b.Prefix.Bits() {
			return a.Prefix.Bits() - b.Prefix.Bits()
		}
		return a.From.Compare(b.From)
	})
}

// Neighbor is one session of a router, for every kind of router.
type Neighbor struct {
	Peer     *Host
	Addr     netip.Addr // the peer's address that the session uses
	AS       uint32
	Password string // TCP MD5
	IPv4     bool   // families on this session
	IPv6     bool
	BFD      bool // RFC 5880, three times 300 ms; BIRD and triggerd
	GTSM     bool // RFC 5082, one hop; FRR and triggerd
}

// RouterOptions are common to the routers that take blackholes.
type RouterOptions struct {
	AS        uint32
	Neighbors []Neighbor
	Hold      int              // BGP hold time in seconds; 0 = 9
	Caches    []netip.AddrPort // RPKI caches, for FRR
	Text      string           // the whole configuration, for which the rest is not asked; FRR: of bgpd
	Static    string           // beside Text: FRR's static routes
	Originate []netip.Prefix   // announced to every neighbor with 65535:666, for labs without triggerd
}

// hold is the hold time in seconds.
func (o RouterOptions) hold() int { return cmp.Or(o.Hold, 9) }

// WaitSources waits until the router holds the prefix from exactly these hosts.
// No host means: the router does not hold it.
func (l *Lab) WaitSources(router Daemon, p netip.Prefix, hosts ...*Host) {
	l.t.Helper()
	want := make([]string, 0, len(hosts))
	for _, h := range hosts {
		want = append(want, h.Name)
	}
	slices.Sort(want)
	what := fmt.Sprintf("%s holds %s from %s", router.Name(), p, strings.Join(want, " and "))
	if len(want) == 0 {
		what = fmt.Sprintf("%s no longer holds %s", router.Name(), p)
	}
	Eventually(l.t, what, func() (bool, string) {
		have, saw := l.sources(router, p)
		return slices.Equal(have, want), saw
	})
}

// WaitFresh waits until the router holds nothing of the host that a graceful
// restart has left stale.
func (l *Lab) WaitFresh(router Daemon, from *Host) {
	l.t.Helper()
	Eventually(l.t, fmt.Sprintf("%s holds nothing stale of %s", router.Name(), from.Name), func() (bool, string) {
		for _, r := range router.Routes() {
			if r.Stale && l.nameOf(r.From) == from.Name {
				return false, r.String()
			}
		}
		return true, ""
	})
}

// WaitSome waits until the router holds at least one of the prefixes from the host.
func (l *Lab) WaitSome(router Daemon, from *Host, prefixes ...netip.Prefix) {
	l.t.Helper()
	Eventually(l.t, fmt.Sprintf("%s holds some of the routes of %s", router.Name(), from.Name), func() (bool, string) {
		for _, r := range router.Routes() {
			if l.nameOf(r.From) == from.Name && slices.Contains(prefixes, r.Prefix) {
				return true, r.String()
			}
		}
		return false, "none"
	})
}

// sources lists by name who announces the prefix, each once, and says all in words.
func (l *Lab) sources(router Daemon, p netip.Prefix) (names []string, saw string) {
	var lines []string
	for _, r := range router.Routes() {
		lines = append(lines, r.String())
		if r.Prefix == p {
			names = append(names, l.nameOf(r.From))
		}
	}
	slices.Sort(names)
	if lines == nil {
		lines = []string{"no routes at all"}
	}
	return slices.Compact(names), strings.Join(lines, "\n           ")
}

// MustHold fails the test unless the router holds exactly these prefixes from the
// host, no more and no less.
func (l *Lab) MustHold(router Daemon, from *Host, want ...netip.Prefix) {
	l.t.Helper()
	have := []netip.Prefix{}
	for _, r := range router.Routes() {
		if l.nameOf(r.From) == from.Name && !slices.Contains(have, r.Prefix) {
			have = append(have, r.Prefix)
		}
	}
	if !sameSet(have, want) {
		l.t.Errorf("%s holds from %s %v, but should hold %v", router.Name(), from.Name, have, want)
	}
}

func sameSet(a, b []netip.Prefix) bool {
	in := func(x []netip.Prefix) func(netip.Prefix) bool {
		return func(p netip.Prefix) bool { return !slices.Contains(x, p) }
	}
	return !slices.ContainsFunc(a, in(b)) && !slices.ContainsFunc(b, in(a))
}

// Prefixes parses "198.51.100.7/32" and the like.
func Prefixes(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
