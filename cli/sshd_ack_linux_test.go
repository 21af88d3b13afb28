package cli

import (
	"net"
	"syscall"
	"testing"
)

// tcpPair is a connection with both its ends.
func tcpPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

// atOnce tells whether the kernel acknowledges at once what comes.
func atOnce(t *testing.T, conn net.Conn) bool {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var quick int
	var got error
	if err := raw.Control(func(fd uintptr) {
		quick, got = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK)
	}); err != nil || got != nil {
		t.Fatal(err, got)
	}
	return quick != 0
}

// The kernel waits with acknowledgements on a connection where an answer followed a
// question. A client that is logging in is not to wait for them; one that has
// logged in sends without.
func TestALoginIsAcknowledgedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name     string
		loggedIn bool
	}{{"logging in", false}, {"logged in", true}} {
		t.Run(c.name, func(t *testing.T) {
			client, server := tcpPair(t)
			g := &guard{Conn: server, loggedIn: c.loggedIn}
			buf := make([]byte, 1)
			for range 5 { // question and answer
				if _, err := client.Write([]byte("q")); err != nil {
					t.Fatal(err)
				}
				if _, err := g.Read(buf); err != nil {
					t.Fatal(err)
				}
				if quick := atOnce(t, server); !c.loggedIn && !quick {
					t.Fatal("a question was not acknowledged at once")
				}
				if _, err := g.Write([]byte("a")); err != nil {
					t.Fatal(err)
				}
				if _, err := client.Read(buf); err != nil {
					t.Fatal(err)
				}
			}
			if atOnce(t, server) {
				t.Error("the kernel acknowledges at once without being told to: this test can not fail")
			}
		})
	}
}
