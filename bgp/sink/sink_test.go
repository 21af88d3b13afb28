package sink

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// log remembers events.
type log struct {
	mu     sync.Mutex
	events []Event
}

func (l *log) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *log) count(k Kind) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

func (l *log) lastDown() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range slices.Backward(l.events) {
		if e.Kind == Down {
			return e.Err
		}
	}
	return nil
}

// start is a listening sink of AS 64501 and its address.
func start(t *testing.T, c Config) (*Sink, *log, netip.AddrPort) {
	t.Helper()
	l := &log{}
	c.LocalAS, c.RouterID, c.OnEvent = 64501, netip.MustParseAddr("10.0.0.1"), l.add
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	at, err := s.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	return s, l, at
}

// talk opens a session by hand, as AS 64500.
func talk(t *testing.T, to netip.AddrPort, g *graceful) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	o := open{as: 64500, hold: 90e9, id: netip.MustParseAddr("10.0.0.2"), families: map[family]bool{ipv4: true, ipv6: true}, graceful: g}
	say(t, conn, msgOpen, o.encode())
	say(t, conn, msgKeepalive, nil)
	r := bufio.NewReader(conn)
	for _, want := range []uint8{msgOpen, msgKeepalive, msgUpdate, msgUpdate} {
		kind, _, err := readMessage(r)
		if err != nil || kind != want {
			t.Fatalf("message of type %d (%v), want %d", kind, err, want)
		}
	}
	return conn
}

func say(t *testing.T, conn net.Conn, kind uint8, body []byte) {
	t.Helper()
	if _, err := conn.Write(Message(kind, body)); err != nil {
		t.Fatal(err)
	}
}

var blackhole = append(attrs(origin, path, hop, comms), 32, 192, 0, 2, 12)

func TestRouteAsTheTablePrintsIt(t *testing.T) {
	s, l, at := start(t, Config{})
	conn := talk(t, at, nil)
	before := time.Now()
	say(t, conn, msgUpdate, blackhole)
	eventually(t, "route", func() bool { return len(s.Routes()) == 1 })
	if got := s.Routes()[0].At; got.Before(before) || got.After(time.Now()) {
		t.Errorf("read at %s", got)
	}
	got, err := json.Marshal(s.Routes())
	want := `[{"prefix":"192.0.2.12/32","from":"127.0.0.1","next_hop":"192.0.2.1","communities":["65535:65281","65535:666"],"as_path":[64500,4200000000]}]`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	say(t, conn, msgUpdate, []byte{0, 5, 32, 192, 0, 2, 12, 0, 0})
	eventually(t, "withdrawal", func() bool { return len(s.Routes()) == 0 && l.count(Withdraw) == 1 })
	if got, _ := json.Marshal(Route{}.Attributes.Communities); string(got) != "null" {
		t.Fatal("the next line proves nothing")
	}
	if got := CommunityStrings(nil); got == nil {
		t.Error("no communities print as null instead of []")
	}
}

func TestLostSessionDropsItsRoutes(t *testing.T) {
	s, l, at := start(t, Config{})
	conn := talk(t, at, nil)
	say(t, conn, msgUpdate, blackhole)
	eventually(t, "route", func() bool { return len(s.Routes()) == 1 })
	_ = conn.Close()
	eventually(t, "drop", func() bool { return len(s.Routes()) == 0 && l.count(Down) == 1 && l.count(Withdraw) == 1 })
}

func TestMalformedMessageEndsTheSession(t *testing.T) {
	for name, raw := range map[string][]byte{
		"update":   Message(msgUpdate, []byte{0, 6, 33, 1, 2, 3, 4, 5, 0, 0}),
		"length":   append(slices.Repeat([]byte{0xff}, 16), 0, 3, msgUpdate),
		"marker":   make([]byte, 19),
		"type":     Message(77, nil),
		"new open": Message(msgOpen, make([]byte, 10)),
	} {
		_, l, at := start(t, Config{})
		conn := talk(t, at, nil)
		if _, err := conn.Write(raw); err != nil {
			t.Fatal(err)
		}
		eventually(t, name, func() bool { return l.count(Down) == 1 })
		var n *Notification
		if err := l.lastDown(); !errors.As(err, &n) || !n.Sent {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWrongASIsRefused(t *testing.T) {
	_, l, at := start(t, Config{RemoteAS: 64999})
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	say(t, conn, msgOpen, open{as: 64500, hold: 90e9, id: netip.MustParseAddr("10.0.0.2")}.encode())
	eventually(t, "refusal", func() bool { return l.count(Down) == 1 })
	if l.count(Established) != 0 {
		t.Error("established with the wrong AS")
	}
}

func TestHelperKeepsRoutesOverARestart(t *testing.T) {
	s, l, at := start(t, Config{Graceful: time.Minute})
	preserved := &graceful{time: 20e9, forwarding: map[family]bool{ipv4: true, ipv6: true}}
	conn := talk(t, at, preserved)
	say(t, conn, msgUpdate, append(attrs(origin, path, hop), 32, 192, 0, 2, 12, 32, 192, 0, 2, 13))
	eventually(t, "routes", func() bool { return len(s.Routes()) == 2 })
	_ = conn.Close()
	eventually(t, "stale", func() bool { return l.count(Down) == 1 && s.Routes()[0].Stale })

	preserved.restarting = true
	conn = talk(t, at, preserved)
	say(t, conn, msgUpdate, blackhole)
	eventually(t, "fresh", func() bool { return len(s.Routes()) == 2 && !s.Routes()[0].Stale && s.Routes()[1].Stale })
	say(t, conn, msgUpdate, make([]byte, 4)) // End-of-RIB
	eventually(t, "the rest dropped", func() bool { return len(s.Routes()) == 1 && l.count(Withdraw) == 1 })

	say(t, conn, msgNotification, []byte{codeCease, ceaseShutdown})
	eventually(t, "no grace after a CEASE", func() bool { return len(s.Routes()) == 0 })
}

func TestHelperDropsWhatWasNotPreserved(t *testing.T) {
	s, l, at := start(t, Config{Graceful: time.Minute})
	g := &graceful{time: 20e9, forwarding: map[family]bool{ipv4: false}}
	conn := talk(t, at, g)
	say(t, conn, msgUpdate, blackhole)
	eventually(t, "route", func() bool { return len(s.Routes()) == 1 })
	_ = conn.Close()
	eventually(t, "down", func() bool { return l.count(Down) == 1 })
	talk(t, at, g)
	eventually(t, "dropped", func() bool { return len(s.Routes()) == 0 })
}

func TestNewConnectionReplacesADeadOne(t *testing.T) {
	s, l, at := start(t, Config{})
	talk(t, at, nil) // and never a word again
	conn := talk(t, at, nil)
	say(t, conn, msgUpdate, blackhole)
	eventually(t, "route over the new session", func() bool { return len(s.Routes()) == 1 && l.count(Established) == 2 })
	if l.count(Down) != 1 || !slices.Equal(s.Up(), []string{"127.0.0.1"}) {
		t.Errorf("%d sessions went down, up: %v", l.count(Down), s.Up())
	}
}

func TestTwoSinksTalk(t *testing.T) {
	s, _, at := start(t, Config{})
	other, err := New(Config{LocalAS: 4200000001, RouterID: netip.MustParseAddr("10.0.0.3"), Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	if err := other.Dial("it", at, netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "session", func() bool { return len(s.Up()) == 1 && len(other.Up()) == 1 })
	if err := other.Send("it", Message(msgUpdate, blackhole)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "route", func() bool {
		r := s.Routes()
		return len(r) == 1 && slices.Contains(r[0].Communities, rtbh.BlackholeWellKnown)
	})
	if err := other.Send("nobody", nil); err == nil {
		t.Error("sent to nobody")
	}
	other.Close()
	if err := other.Dial("it", at, netip.Addr{}); !errors.Is(err, ErrClosed) {
		t.Errorf("dial after close: %v", err)
	}
}
