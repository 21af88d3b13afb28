package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"
)

const patience = 10 * time.Second

// pair is a connection from a to b through b's proxy, and both of its ends.
type pair struct {
	t     *testing.T
	links *Links
	a, b  net.Conn
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p, accepted := newProxied(t, func(_, _ *net.TCPAddr) string { return "a" })
	return &pair{t: t, links: p.links, a: dial(t, p.Addr()), b: take(t, accepted)}
}

// newProxied is a node b that accepts, behind its proxy.
func newProxied(t *testing.T, who Who) (*Proxy, <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	p, err := Listen("b", l.Addr().String(), NewLinks(), who)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); _ = l.Close() })
	return p, accepted
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func take(t *testing.T, accepted <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case c := <-accepted:
		t.Cleanup(func() { _ = c.Close() })
		return c
	case <-time.After(patience):
		t.Fatal("no connection arrives")
		return nil
	}
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func hears(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		t.Fatalf("heard %q, %v, want %q", got, err, text)
	}
}

func hearsNothing(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	got := make([]byte, 10)
	if n, err := c.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %q, %v, want silence", got[:n], err)
	}
}

func TestACutHoldsOneWayAndHealingDelivers(t *testing.T) {
	p := newPair(t)
	send(t, p.a, "hello")
	hears(t, p.b, "hello")
	p.links.Cut("a", "b")
	send(t, p.a, "lost?")
	hearsNothing(t, p.b)
	send(t, p.b, "the other way goes on")
	hears(t, p.a, "the other way goes on")
	p.links.Heal("a", "b")
	hears(t, p.b, "lost?")
}

func TestACutHoldsTheNewsOfAnEnd(t *testing.T) {
	p := newPair(t)
	p.links.Cut("a", "b")
	_ = p.a.Close()
	hearsNothing(t, p.b)
	p.links.Heal("a", "b")
	_ = p.b.SetReadDeadline(time.Now().Add(patience))
	if _, err := p.b.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v, want the end", err)
	}
}

func TestNoConnectionThroughACutLink(t *testing.T) {
	p, accepted := newProxied(t, func(_, _ *net.TCPAddr) string { return "a" })
	p.links.Cut("b", "a") // the answer does not come through
	c := dial(t, p.Addr())
	send(t, c, "anybody?")
	select {
	case <-accepted:
		t.Fatal("a connection arrives")
	case <-time.After(50 * time.Millisecond):
	}
	p.links.Heal("b", "a")
	hears(t, take(t, accepted), "anybody?")
}

func TestADelayDelays(t *testing.T) {
	p := newPair(t)
	p.links.Delay("a", "b", 200*time.Millisecond)
	began := time.Now()
	send(t, p.a, "late")
	hears(t, p.b, "late")
	if d := time.Since(began); d < 200*time.Millisecond {
		t.Errorf("it took %v only", d)
	}
}

func TestAResetBreaksBothEnds(t *testing.T) {
	p := newPair(t)
	send(t, p.a, "hello")
	hears(t, p.b, "hello")
	p.links.Reset("a")
	for _, c := range []net.Conn{p.a, p.b} {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, want a broken connection", err)
		}
	}
}

func TestADeadNodeRefuses(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	p, err := Listen("b", l.Addr().String(), NewLinks(), func(_, _ *net.TCPAddr) string { return "a" })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := net.Dial("tcp4", p.Addr())
	if err != nil {
		return // the reset was faster
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want a broken connection", err)
	}
}

func TestWhoDialedIsKnown(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who dialed")
	}
	heard := make(chan string, 1)
	who := ByProcess(func() map[int]string { return map[int]string{1: "init", os.Getpid(): "this test"} })
	p, accepted := newProxied(t, func(from, to *net.TCPAddr) string {
		name := who(from, to)
		heard <- name
		return name
	})
	dial(t, p.Addr())
	take(t, accepted)
	if name := <-heard; name != "this test" {
		t.Errorf("%q dialed", name)
	}
}
