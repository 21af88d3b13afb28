package bgp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	gobmp "github.com/osrg/gobgp/v4/pkg/packet/bmp"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
)

// station is a BMP station with a parser that is not ours.
type station struct {
	t *testing.T
	net.Listener

	mu     sync.Mutex
	names  []string                     // of the nodes that connected
	up     map[netip.Addr]string        // sessions: both ends and both OPEN messages
	downs  []string                     // sessions that ended, and why
	routes map[string]map[string]string // "peer in" and "peer out": prefix to attributes
	ends   map[string]int               // End-of-RIB
	gauges map[netip.Addr][2]uint64     // reported numbers of routes: in, out
	last   string                       // what the node said when it left
}

func newStation(t *testing.T) *station {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, Listener: l}
	s.forget()
	t.Cleanup(func() { _ = l.Close() })
	return s
}

func (s *station) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.downs, s.last = nil, nil, ""
	s.up, s.routes = map[netip.Addr]string{}, map[string]map[string]string{}
	s.ends, s.gauges = map[string]int{}, map[netip.Addr][2]uint64{}
}

// listen takes connections in one after the other.
func (s *station) listen() *station {
	go func() {
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			s.read(conn)
			_ = conn.Close()
		}
	}()
	return s
}

func (s *station) read(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		head, err := r.Peek(6)
		if err != nil {
			return
		}
		raw := make([]byte, binary.BigEndian.Uint32(head[1:]))
		if _, err := io.ReadFull(r, raw); err != nil {
			return
		}
		m, err := gobmp.ParseBMPMessage(raw)
		if err != nil {
			s.t.Errorf("%v: % x", err, raw)
			return
		}
		s.take(m)
	}
}

func (s *station) take(m *gobmp.BMPMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	peer := m.PeerHeader.PeerAddress
	switch b := m.Body.(type) {
	case *gobmp.BMPInitiation:
		s.names = append(s.names, b.Info[1].(*gobmp.BMPInfoTLVString).Value)
	case *gobmp.BMPPeerUpNotification:
		sent, received := b.SentOpenMsg.Body.(*gobgp.BGPOpen), b.ReceivedOpenMsg.Body.(*gobgp.BGPOpen)
		s.up[peer] = fmt.Sprintf("AS%d id %s at %s: sent AS%d %s, received AS%d %s", m.PeerHeader.PeerAS, m.PeerHeader.PeerBGPID, b.LocalAddress, sent.MyAS, sent.ID, received.MyAS, received.ID)
	case *gobmp.BMPPeerDownNotification:
		delete(s.up, peer)
		delete(s.routes, peer.String()+" in")
		delete(s.routes, peer.String()+" out")
		s.downs = append(s.downs, fmt.Sprintf("%s %d", peer, b.Reason))
	case *gobmp.BMPStatisticsReport:
		var g [2]uint64
		for i, v := range b.Stats {
			g[i] = v.(*gobmp.BMPStatsTLV64).Value
		}
		s.gauges[peer] = g
	case *gobmp.BMPTermination:
		s.last = "bye"
	case *gobmp.BMPRouteMonitoring:
		table := peer.String() + " in"
		if m.PeerHeader.IsAdjRIBOut() && m.PeerHeader.IsPostPolicy() {
			table = peer.String() + " out"
		}
		s.update(table, b.BGPUpdate.Body.(*gobgp.BGPUpdate))
	}
}

func (s *station) update(table string, u *gobgp.BGPUpdate) {
	if s.routes[table] == nil {
		s.routes[table] = map[string]string{}
	}
	if end, _ := u.IsEndOfRib(); end {
		s.ends[table]++
	}
	var attributes []string
	announced, withdrawn := u.NLRI, u.WithdrawnRoutes
	for _, a := range u.PathAttributes {
		switch x := a.(type) {
		case *gobgp.PathAttributeMpReachNLRI:
			announced = append(announced, x.Value...)
			attributes = append(attributes, "next-hop "+x.Nexthop.String())
		case *gobgp.PathAttributeMpUnreachNLRI:
			withdrawn = append(withdrawn, x.Value...)
		default:
			attributes = append(attributes, a.String())
		}
	}
	for _, w := range withdrawn {
		delete(s.routes[table], w.NLRI.String())
	}
	for _, a := range announced {
		s.routes[table][a.NLRI.String()] = strings.Join(attributes, " ")
	}
}

// holds tells whether a table has exactly these prefixes.
func (s *station) holds(table string, prefixes ...string) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Equal(slices.Sorted(maps.Keys(s.routes[table])), slices.Sorted(slices.Values(prefixes)))
	}
}

func (s *station) is(what func() bool) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return what()
	}
}

// told is a configuration with stations that are tried often.
func told(c config.BGP, stations ...net.Addr) config.BGP {
	for _, s := range stations {
		at := netip.MustParseAddrPort(s.String())
		c.BMP = append(c.BMP, config.BMPStation{
			Targets: "NOC", Host: at.Addr().String(), Port: at.Port(), MinRetry: 20 * time.Millisecond, MaxRetry: 20 * time.Millisecond, Statistics: 20 * time.Millisecond,
		})
	}
	return c
}

func exporting(t *testing.T, w *wanted, c config.BGP) *rig {
	t.Helper()
	r := &rig{t: t, want: w, alarms: alarm.New(discard)}
	r.Speaker = New(Options{
		Config: c, Source: w, Alarms: r.alarms, Name: "trigger1", Version: "1.0",
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// A station sees each session come and go, what was written to each router and what
// each sends, attribute for attribute, whenever it connects.
func TestBMPStationsAreToldWhatIsOnTheWire(t *testing.T) {
	t.Parallel()
	early, late := newStation(t).listen(), newStation(t)
	inside := passive("127.0.0.2", 64500)
	speaker := exporting(t, want(hole("192.0.2.12/32"), hole("2001:db8::12/128")), told(routerConf(passive("127.0.0.1", 64501), inside), early.Addr(), late.Addr()))
	edge := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	rr := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64500, RouterID: adr("10.255.0.8")})
	eventually(t, "routes", func() bool { return edge.holds(2)() && rr.holds(2)() })
	if err := edge.Send("trigger", feed("203.0.113.0/24")); err != nil {
		t.Fatal(err)
	}
	speaker.set(hole("192.0.2.13/32"), gone("192.0.2.12/32"))

	check := func(who string, s *station) {
		t.Helper()
		eventually(t, who+" out", s.holds("127.0.0.1 out", "192.0.2.13/32", "2001:db8::12/128"))
		eventually(t, who+" out of the other", s.holds("127.0.0.2 out", "192.0.2.13/32", "2001:db8::12/128"))
		eventually(t, who+" in", s.holds("127.0.0.1 in", "203.0.113.0/24"))
		eventually(t, who+" statistics", s.is(func() bool { return s.gauges[adr("127.0.0.1")] == [2]uint64{1, 2} }))
		s.mu.Lock()
		defer s.mu.Unlock()
		if got := s.up[adr("127.0.0.1")]; got != "AS64501 id 10.255.0.9 at 127.0.0.1: sent AS64500 10.255.0.1, received AS64501 10.255.0.9" {
			t.Errorf("%s: %s", who, got)
		}
		for table, want := range map[string]string{
			"127.0.0.1 out": "{Origin: i} {AsPath: 64500} {Communities: no-export, blackhole} {Nexthop: 192.0.2.1}",
			"127.0.0.2 out": "{Origin: i} {AsPath: } {Nexthop: 192.0.2.1} {LocalPref: 100} {Communities: no-export, blackhole}",
		} {
			if got := s.routes[table]["192.0.2.13/32"]; got != want {
				t.Errorf("%s: %s has %q, want %q", who, table, got, want)
			}
		}
		if got := s.routes["127.0.0.1 out"]["2001:db8::12/128"]; !strings.Contains(got, "next-hop 100::1") {
			t.Errorf("%s: IPv6 has %q", who, got)
		}
		if len(s.names) != 1 || s.names[0] != "trigger1" {
			t.Errorf("%s: %q connected", who, s.names)
		}
	}
	check("the early station", early)
	late.listen()
	check("the late station", late)

	edge.Close() // says CEASE
	eventually(t, "the loss", late.is(func() bool { return slices.Equal(late.downs, []string{"127.0.0.1 3"}) && len(late.up) == 1 }))
	speaker.shut(false)
	eventually(t, "the end", early.is(func() bool { return early.last == "bye" }))
}

// A station that is not there, and one that never reads, are alarms and nothing else.
func TestBMPStationsCostNobodyAnything(t *testing.T) {
	t.Parallel()
	absent := newStation(t)
	_ = absent.Close()
	deaf := newStation(t) // the kernel accepts, nobody reads
	speaker := exporting(t, want(), told(routerConf(passive("127.0.0.1", 64501)), absent.Addr(), deaf.Addr()))
	defer speaker.shut(false)
	edge := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "session", func() bool { return speaker.neighbor("127.0.0.1").Up() })
	eventually(t, "an alarm about the one that is absent", func() bool { return speaker.alarmed(alarm.BMPStation, absent.Addr().String()) })
	speaker.set(manyHoles(5000)...)
	eventually(t, "routes", edge.holds(5000))
}
