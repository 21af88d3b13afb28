package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/testenv"
)

func TestTheScriptReplaysWhatDiffers(t *testing.T) {
	first := networksOf("router bgp 1\n  network 10.0.0.2/32 route-map RTBH\n  network 10.0.0.1/32 route-map RTBH\n neighbor 192.0.2.1 remote-as 2\n")
	second := networksOf("  network 10.0.0.3/32 route-map RTBH\n  network 10.0.0.2/32 route-map RTBH\n")
	want := []string{"network 10.0.0.1/32 route-map RTBH", "no network 10.0.0.3/32"}
	if got := differences(first, second); !slices.Equal(got, want) {
		t.Errorf("replayed: %q, want %q", got, want)
	}
	if got := differences(first, first); len(got) != 0 {
		t.Errorf("equal configurations differ: %q", got)
	}
}

// A feed of a made-up table, sent as it is sent to a daemon, arrives whole: every
// message is well formed, or the strict receiver would end the session.
func TestAFeedArrivesWhole(t *testing.T) {
	f := &feed{rows: synthetic(5000)}
	f.messages = messages(f.rows)
	left := map[netip.Prefix]bool{}
	for _, r := range f.rows {
		left[r.prefix] = true
	}
	if len(left) != 5000 {
		t.Fatalf("%d different prefixes", len(left))
	}
	done := make(chan struct{})
	s, err := sink.New(sink.Config{LocalAS: triggerAS, RouterID: netip.MustParseAddr("192.0.2.1"), OnEvent: func(e sink.Event) {
		if e.Kind == sink.Announce && left[e.Route.Prefix] {
			if delete(left, e.Route.Prefix); len(left) == 0 {
				close(done)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at, err := s.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	var closing atomic.Bool
	closeIt, err := sendTable(ctx, f, at, func(err error) {
		if !closing.Load() {
			t.Errorf("lost: %v", err)
		}
	})
	defer func() {
		closing.Store(true)
		closeIt()
	}()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-ctx.Done():
		t.Errorf("%d routes have not arrived", len(left))
	}
}

// A keepalive that comes between two runs of a feed is between two messages.
func TestAFeedIsSentInWholeMessages(t *testing.T) {
	stream := messages(synthetic(5000))
	for _, most := range []int{1, 1000, 64 << 10, 1 << 30} {
		var again []byte
		for run := range wholeMessages(stream, most) {
			count := 0
			for rest := run; len(rest) > 0; count++ {
				if !bytes.Equal(rest[:16], bytes.Repeat([]byte{0xff}, 16)) {
					t.Fatalf("runs of %d: a run does not begin with a message", most)
				}
				rest = rest[binary.BigEndian.Uint16(rest[16:]):]
			}
			if count > 1 && len(run) > most {
				t.Fatalf("a run of %d octets, at most %d were asked for", len(run), most)
			}
			again = append(again, run...)
		}
		if !bytes.Equal(again, stream) {
			t.Errorf("runs of %d: %d of %d octets were sent", most, len(again), len(stream))
		}
	}
}

// The made-up table is like the real one: mostly /24 and /48, and one origin in a
// hundred has about the half.
func TestTheMadeUpTableHasTheRealMix(t *testing.T) {
	rows := synthetic(20_000)
	lengths, origins := map[int]int{}, map[uint32]int{}
	for _, r := range rows {
		lengths[r.prefix.Bits()]++
		origins[r.origin]++
	}
	if n := lengths[24]; n < 9_000 || n > 11_500 {
		t.Errorf("%d of 20000 are /24, want 635 in a thousand of 16000", n)
	}
	if n := lengths[48]; n < 1_600 || n > 2_200 {
		t.Errorf("%d of 20000 are /48, want 461 in a thousand of 4000", n)
	}
	counts := make([]int, 0, len(origins))
	for _, n := range origins {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	top := 0
	for _, n := range counts[:800] { // of 80,000
		top += n
	}
	if top < 8_000 || top > 13_000 {
		t.Errorf("the largest 800 origins have %d of 20000", top)
	}
}

func event(kind sink.Kind, node, p string, at time.Duration) sink.Event {
	e := sink.Event{Kind: kind, Peer: node, At: time.Unix(0, 0).Add(at)}
	if p != "" {
		e.Route.Prefix = netip.MustParsePrefix(p)
	}
	return e
}

func TestTimeWithoutARouteCountsBothNodes(t *testing.T) {
	r := &receivers{routers: make([]*sink.Sink, 1)}
	w := r.follow(hosts(standBlock, 0, 2), []string{"a", "b"})
	for _, n := range []string{"a", "b"} {
		w.route(0, event(sink.Announce, n, "10.0.0.0/32", 0))
		w.route(0, event(sink.Announce, n, "10.0.0.1/32", 0))
	}
	w.down(0, event(sink.Down, "a", "", time.Second))
	w.route(0, event(sink.Announce, "a", "10.0.0.0/32", 2*time.Second))
	w.route(0, event(sink.Announce, "a", "10.0.0.1/32", 2*time.Second))
	if got := w.without(); got != 0 {
		t.Errorf("b had them all the time, yet the router was without for %v", got)
	}
	w.route(0, event(sink.Withdraw, "b", "10.0.0.1/32", 3*time.Second))
	w.down(0, event(sink.Down, "a", "", 4*time.Second))
	w.route(0, event(sink.Announce, "b", "10.0.0.1/32", 7*time.Second))
	if got := w.without(); got != 3*time.Second {
		t.Errorf("without for %v, want 3 s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w.complete(ctx, "b") != nil || w.complete(ctx, "a") == nil {
		t.Error("b has all, a has none")
	}
}

func TestAWatchTellsFirstAndLast(t *testing.T) {
	r := &receivers{routers: make([]*sink.Sink, 2)}
	w := r.expect(sink.Announce, hosts(tryBlock, 0, 2), "a", "b")
	at := time.Duration(0)
	for _, n := range []string{"a", "b"} {
		for router := range 2 {
			for _, p := range []string{"198.18.0.0/32", "198.18.0.1/32"} {
				if at += time.Second; n == "b" && router == 1 && p == "198.18.0.1/32" {
					if w.wait(canceled(t)) == nil {
						t.Fatal("it did not wait for the last")
					}
				}
				w.event(router, event(sink.Announce, n, p, at))
				w.event(router, event(sink.Announce, n, p, 99*time.Second)) // again: not counted
				w.event(router, event(sink.Withdraw, n, p, 99*time.Second)) // another kind
			}
		}
	}
	if err := w.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	zero := time.Unix(0, 0)
	for _, c := range []struct {
		got  time.Time
		want int
	}{{w.firstFrom("a"), 3}, {w.lastFrom("a"), 4}, {w.firstFrom(""), 7}, {w.lastFrom(""), 8}} {
		if got := c.got.Sub(zero); got != time.Duration(c.want)*time.Second {
			t.Errorf("%v, want %d s", got, c.want)
		}
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A killed process has ended before its routers have heard of it: what counts
// routes then must wait, or finds all of them still there.
func TestGoneWaitsForBothRouters(t *testing.T) {
	r := &receivers{routers: make([]*sink.Sink, 2), up: map[string]int{}, moved: make(chan struct{})}
	for router := range 2 {
		r.session(router, event(sink.Established, "a", "", 0))
	}
	for router := range 2 {
		if r.gone(canceled(t), "a") == nil {
			t.Fatalf("gone, with %d of 2 sessions", 2-router)
		}
		r.session(router, event(sink.Down, "a", "", time.Second))
	}
	if err := r.gone(canceled(t), "a"); err != nil {
		t.Error(err)
	}
}

// writer is a door that counts, until it is told to stop.
type writer struct {
	changes [][]netip.Prefix
	most    int
}

func (w *writer) close() {}

func (w *writer) prepare(c change) (func(context.Context) error, error) {
	return func(context.Context) error {
		if len(w.changes) == w.most {
			return errCellOver
		}
		w.changes = append(w.changes, c.prefixes)
		return nil
	}, nil
}

func TestManyAreOneChangeOrOneForEach(t *testing.T) {
	all := hosts(standBlock, 0, 3)
	for _, c := range []struct {
		each       bool
		most, want int
		cut        bool
	}{{false, 3, 1, false}, {true, 3, 3, false}, {true, 2, 2, true}} {
		w := &writer{most: c.most}
		do, err := prepareMany(w, contestant{each: c.each}, all)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(t.Context()); (err != nil) != c.cut || len(w.changes) != c.want {
			t.Errorf("%+v: %d changes, %v", c, len(w.changes), err)
		}
		if got := slices.Concat(w.changes...); !slices.Equal(got, all[:len(got)]) {
			t.Errorf("%+v: %v were made", c, got)
		}
	}
}

// A table that is gone with its session is not waited for.
func TestALostSessionOfTheTableIsToldOf(t *testing.T) {
	f := &feed{rows: synthetic(10)}
	f.messages = append(messages(f.rows), append(make([]byte, 16), 0, 19, 4)...) // without its marker
	s, err := sink.New(sink.Config{LocalAS: triggerAS, RouterID: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at, err := s.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	ctx, lost := context.WithCancelCause(ctx)
	closeIt, _ := sendTable(ctx, f, at, lost)
	defer func() { closeIt() }()
	err = until(ctx, func() error { return errOther })
	if err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("the wait ended with: %v", err)
	}
}
