//go:build !race

// Without the race detector: GoBGP v4.8.0 reads a neighbor's graceful-restart
// state without its lock (propagateUpdateToNeighbors) while another neighbor's
// loss writes it (handleFSMMessage), which only neighbors that announce and are
// lost at the same moment bring out. `make unit` runs these tests by themselves.

package bgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
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

// attack is what one hostile neighbor says.
type attack struct {
	name       string
	monitor    bool // it is a neighbor of the monitor
	first, raw []byte
}

// stages are what comes before the hostile message.
func stages() map[string][]byte {
	hello := append(sink.Open(64502, adr("10.0.0.2"), 90*time.Second), sink.Message(4, nil)...)
	return map[string][]byte{"before OPEN": nil, "in OpenConfirm": hello[:len(hello)-19], "established": hello}
}

// withstand throws all attacks at a speaker, each from a neighbor of its own: GoBGP waits
// 5 s after a failure. A router and a BMP station beside them must notice nothing.
func withstand(t *testing.T, attacks []attack) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs many loopback addresses")
	}
	conf := withMonitor(passive("127.0.0.1", 64501))
	from := map[string]netip.Addr{}
	next := adr("127.1.0.1")
	for _, a := range attacks {
		n := passive(next.String(), 64502)
		n.Monitor = a.monitor
		conf.Neighbors = append(conf.Neighbors, n)
		from[a.name] = next
		next = next.Next()
	}
	noc := newStation(t).listen()
	speaker := open(t, want(hole("192.0.2.12/32"), hole("2001:db8::12/128")), told(conf, noc.Addr()))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "routes", r.holds(2))

	var workers sync.WaitGroup
	todo := make(chan attack)
	for range 8 {
		workers.Go(func() {
			for a := range todo {
				to := speaker.address()
				if a.monitor {
					to = speaker.MonitorListening()[0]
				}
				if err := throw(from[a.name], to, a.first, a.raw); err != nil {
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
	eventually(t, "the station hears of it", noc.holds("127.0.0.1 out", "192.0.2.12/32", "192.0.2.13/32", "2001:db8::12/128"))
}

// Each message comes before OPEN, in OpenConfirm and when established, to a neighbor that
// takes blackholes and to one that sends tables.
func TestHostileNeighborsCostNobodyElseAnything(t *testing.T) {
	t.Parallel()
	var attacks []attack
	for name, raw := range messages(t) {
		for stage, first := range stages() {
			attacks = append(attacks, attack{name + " " + stage, len(attacks)%2 == 1, first, raw})
		}
	}
	withstand(t, attacks)
}

// The mutating sender: real and hostile messages, changed in ways that no list has. The
// seed is printed; HOSTILE_SEED repeats a run, HOSTILE_ROUNDS makes it longer.
func TestHostileMutationsCostNobodyElseAnything(t *testing.T) {
	t.Parallel()
	number := func(name string, otherwise uint64) uint64 {
		if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	seed := number("HOSTILE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("HOSTILE_SEED=%d", seed)
	m := mutator{rand.New(rand.NewPCG(seed, 0)), [][]byte{
		sink.Open(64502, adr("10.0.0.2"), 90*time.Second), sink.Message(4, nil), feed("203.0.113.0/24", "198.51.100.0/24"),
		update(64999, []netip.Prefix{pfx("2001:db8:1::/48"), pfx("2001:db8:2::/48")}), sink.Message(2, []byte{0, 4, 24, 203, 0, 113, 0, 0}),
		sink.Message(5, []byte{0, 1, 0, 1}), sink.Message(3, []byte{6, 2, 3, 'b', 'y', 'e'}),
	}}
	all := messages(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m.seeds = append(m.seeds, all[name])
	}
	before := stages()
	names := slices.Sorted(maps.Keys(before))
	for range number("HOSTILE_ROUNDS", 1) {
		var attacks []attack
		for i := range 300 {
			stage := names[m.IntN(len(names))]
			attacks = append(attacks, attack{fmt.Sprintf("%d %s", i, stage), m.IntN(2) == 1, before[stage], m.message()})
		}
		withstand(t, attacks)
	}
}

// mutator makes messages out of others.
type mutator struct {
	*rand.Rand
	seeds [][]byte
}

// message is one to three messages, most of them changed, mostly with a header that
// holds, so that what is inside is looked at.
func (m mutator) message() (out []byte) {
	for range 1 + m.IntN(3) {
		b := bytes.Clone(m.seeds[m.IntN(len(m.seeds))])
		for range m.IntN(6) {
			b = m.change(b)
		}
		if len(b) >= 19 && m.IntN(4) > 0 {
			for i := range 16 {
				b[i] = 0xff
			}
			binary.BigEndian.PutUint16(b[16:], uint16(len(b)))
		}
		out = append(out, b...)
	}
	return out
}

func (m mutator) change(b []byte) []byte {
	if len(b) < 2 {
		return append(b, byte(m.Uint32()))
	}
	i := m.IntN(len(b))
	switch m.IntN(7) {
	case 0:
		b[i] ^= 1 << m.IntN(8)
	case 1:
		b[i] = []byte{0, 1, 4, 16, 32, 33, 127, 128, 129, 254, 255}[m.IntN(11)]
	case 2:
		return b[:i] // cut off
	case 3:
		return slices.Delete(b, i, min(len(b), i+1+m.IntN(8)))
	case 4:
		return slices.Insert(b, i, bytes.Clone(b[i:min(len(b), i+1+m.IntN(40))])...) // said twice
	case 5:
		other := m.seeds[m.IntN(len(m.seeds))]
		return append(b[:i], other[min(len(other), m.IntN(60)):]...)
	default:
		binary.BigEndian.PutUint16(b[min(i, len(b)-2):], uint16(m.Uint32()))
	}
	return b[:min(len(b), 4096)]
}
