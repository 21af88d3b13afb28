//go:build !race

// Without the race detector: GoBGP v4.8.0 reads a neighbor's graceful-restart
// state without its lock (propagateUpdateToNeighbors) while another neighbor's
// loss writes it (handleFSMMessage), which only neighbors that announce and are
// lost at the same moment bring out. `make unit` runs these tests by themselves.

package bgp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// messages are the malformed and odd messages of the test data.
func messages(t *testing.T) map[string][]byte {
	t.Helper()
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	files, err := filepath.Glob(filepath.Join(dir, "bgp-messages", "*.bin"))
	if err != nil || len(files) == 0 {
		why := "no bgp-messages in " + dir + " (set TRIGGERD_TESTDATA)"
		if os.Getenv("TESTENV_STRICT") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = b
	}
	return all
}

// throw opens a connection from an address, says first and then raw, and waits
// until the speaker has said all that it wants to say and closed it.
func throw(from netip.Addr, to netip.AddrPort, first, raw []byte) error {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	conn, err := d.Dial("tcp", to.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = conn.Write(append(bytes.Clone(first), raw...))
	_ = conn.(*net.TCPConn).CloseWrite()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("the connection was neither answered nor closed")
	}
	return nil
}

// Each message comes before OPEN, in OpenConfirm and when established, each
// time from a neighbor of its own: GoBGP waits 5 s after a failure.
func TestHostileNeighborsCostNobodyElseAnything(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs many loopback addresses")
	}
	hello := append(sink.Open(64502, adr("10.0.0.2"), 90*time.Second), sink.Message(4, nil)...)
	stages := map[string][]byte{"before OPEN": nil, "in OpenConfirm": hello[:len(hello)-19], "established": hello}
	type attack struct {
		name       string
		from       netip.Addr
		first, raw []byte
	}
	var attacks []attack
	conf := routerConf(passive("127.0.0.1", 64501))
	next := adr("127.1.0.1")
	for name, raw := range messages(t) {
		for stage, first := range stages {
			attacks = append(attacks, attack{name + " " + stage, next, first, raw})
			conf.Neighbors = append(conf.Neighbors, passive(next.String(), 64502))
			next = next.Next()
		}
	}
	speaker := open(t, want(hole("192.0.2.12/32"), hole("2001:db8::12/128")), conf)
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "routes", r.holds(2))

	var workers sync.WaitGroup
	todo := make(chan attack)
	for range 8 {
		workers.Go(func() {
			for a := range todo {
				if err := throw(a.from, speaker.address(), a.first, a.raw); err != nil {
					t.Errorf("%s: %v", a.name, err)
				}
			}
		})
	}
	for _, a := range attacks {
		todo <- a
	}
	close(todo)
	workers.Wait()
	if len(r.Routes()) != 2 || r.count(sink.Established) != 1 || r.count(sink.Withdraw) != 0 {
		t.Errorf("the other neighbor has %d routes after %d sessions and %d withdrawals",
			len(r.Routes()), r.count(sink.Established), r.count(sink.Withdraw))
	}
	speaker.set(hole("192.0.2.13/32"))
	eventually(t, "a route after all that", r.hasRoute("192.0.2.13/32"))
}
