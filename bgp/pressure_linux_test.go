package bgp

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// The kernel's own answer about a connection of ours.
func TestPressureIsWhatTheOtherSideHasNotRead(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Skip(err)
		}
		defer func() { _ = l.Close() }()
		out, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _, _ = out.Close(), in.Close() }()
		local, remote := out.LocalAddr().(*net.TCPAddr).AddrPort(), l.Addr().(*net.TCPAddr).AddrPort()
		found := socket{remote: remote, local: netip.AddrPortFrom(netip.Addr{}, local.Port())}
		if p, ok := pressureOf([]socket{found})[found]; !ok || p.local != local.Addr() {
			t.Fatalf("%s: by a dump %+v %v", addr, p, ok)
		}
		s := socket{remote: remote, local: local}
		before, ok := pressureOf([]socket{s})[s]
		if !ok || before.unacked != 0 || before.local != local.Addr() {
			t.Fatalf("%s: %+v %v", addr, before, ok)
		}
		go func() { // more than all buffers take; it ends when the connection is closed
			for buf := make([]byte, 1<<20); err == nil; _, err = out.Write(buf) {
			}
		}()
		eventually(t, "bytes that wait", func() bool {
			p := pressureOf([]socket{s})[s]
			return p.unacked > 0 && p.acked > 0
		})
		eventually(t, "silence", func() bool { return pressureOf([]socket{s})[s].quiet > 20*time.Millisecond })
		quiet := pressureOf([]socket{s})[s].quiet
		if _, err := in.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "an end of the silence", func() bool { return pressureOf([]socket{s})[s].quiet < quiet })
	}
	if found := pressureOf([]socket{{}, {local: netip.MustParseAddrPort("127.0.0.1:1"), remote: netip.MustParseAddrPort("127.0.0.1:179")}}); len(found) != 0 {
		t.Errorf("found a connection that is not there: %v", found)
	}
}

func FuzzDiagAnswer(f *testing.F) {
	f.Add(diagRequest(0, 1, 2))
	f.Add(append([]byte{88, 0, 0, 0, 20, 0}, make([]byte, 82)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		eachAnswer(b, 0, func(m []byte) { readAnswer(m, func(socket, pressure) {}) })
	})
}
