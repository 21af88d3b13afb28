package bgp

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
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
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The figures of this file are printed, never asserted: run them with
// `go test ./bgp -run '^$' -bench . -benchtime 1x`. They need the real tables,
// see testData.

// testData opens a file of real data: $TRIGGERD_TESTDATA, or ../shared/data
// beside the repository.
func testData(b *testing.B, name string) io.Reader {
	b.Helper()
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		if os.Getenv("TESTENV_STRICT") == "1" {
			b.Fatal(err)
		}
		b.Skipf("no real data (TRIGGERD_TESTDATA names its directory): %v", err)
	}
	b.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		b.Fatal(err)
	}
	return z
}

// table is a whole table as raw UPDATEs.
type rawTable struct {
	messages []byte
	prefixes int
}

// fullFeed is what a real peer sent once, byte for byte.
func fullFeed(b *testing.B) rawTable {
	b.Helper()
	raw, err := io.ReadAll(testData(b, "mrt/fullfeed_20151023_bgp_updates.bin.gz"))
	if err != nil {
		b.Fatal(err)
	}
	return rawTable{raw, 577_737}
}

// globalTable is the IPv4 and IPv6 table of today, with the origin of each prefix.
func globalTable(b *testing.B) rawTable {
	b.Helper()
	var t rawTable
	for _, name := range []string{"rib4.csv.gz", "rib6.csv.gz"} {
		rows := csv.NewReader(testData(b, name))
		byOrigin := map[uint32][]netip.Prefix{}
		for {
			row, err := rows.Read()
			if err == io.EOF {
				break
			}
			p, perr := netip.ParsePrefix(row[0])
			as, aerr := strconv.ParseUint(row[1], 10, 32)
			if perr != nil || aerr != nil {
				continue // the header
			}
			byOrigin[uint32(as)] = append(byOrigin[uint32(as)], p.Masked())
			t.prefixes++
		}
		for as, prefixes := range byOrigin {
			for some := range slices.Chunk(prefixes, 200) {
				t.messages = append(t.messages, update(as, some)...)
			}
		}
	}
	return t
}

// update announces prefixes of one family with the path "64502 origin".
func update(origin uint32, prefixes []netip.Prefix) []byte {
	var nlri []byte
	for _, p := range prefixes {
		nlri = append(nlri, byte(p.Bits()))
		nlri = append(nlri, p.Addr().AsSlice()[:(p.Bits()+7)/8]...)
	}
	attrs := []byte{0x40, 1, 1, 0, 0x40, 2, 10, 2, 2, 0, 0, 0xfb, 0xf6}
	attrs = binary.BigEndian.AppendUint32(attrs, origin)
	body := []byte{0, 0}
	if prefixes[0].Addr().Is4() {
		attrs = append(attrs, 0x40, 3, 4, 127, 0, 0, 2)
		body = binary.BigEndian.AppendUint16(body, uint16(len(attrs)))
		return sink.Message(2, append(append(body, attrs...), nlri...))
	}
	reach := append([]byte{0, 2, 1, 16}, netip.MustParseAddr("2001:db8::2").AsSlice()...)
	reach = append(append(reach, 0), nlri...)
	attrs = append(attrs, 0x90, 14)
	attrs = append(binary.BigEndian.AppendUint16(attrs, uint16(len(reach))), reach...)
	body = binary.BigEndian.AppendUint16(body, uint16(len(attrs)))
	return sink.Message(2, append(body, attrs...))
}

// stopwatch measures from the wake-up to the router's socket.
type stopwatch struct {
	mu      sync.Mutex
	started map[netip.Prefix]time.Time
	took    []time.Duration
}

func (s *stopwatch) start(p netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started[p] = time.Now().Round(0) // the router is another process
}

func (s *stopwatch) seen(what string, at time.Time) {
	p, err := netip.ParsePrefix(what)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if from, ok := s.started[p]; ok {
		s.took = append(s.took, at.Sub(from))
		delete(s.started, p)
	}
}

// lap returns what was measured since the last lap.
func (s *stopwatch) lap() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.took
	s.took = nil
	slices.Sort(took)
	return took
}

func (s *stopwatch) missing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.started)
}

// tally is a receiver that knows how many routes there are, and costs little: nothing
// in it is for the collector to look at, as in the real index.
type tally struct {
	mu  sync.Mutex
	all map[[17]byte]struct{}
}

func (t *tally) Apply(updates []route.Update) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range updates {
		a := updates[i].Prefix.Addr().As16()
		key := [17]byte(append(a[:], byte(updates[i].Prefix.Bits())))
		if t.all[key] = struct{}{}; updates[i].Withdrawn {
			delete(t.all, key)
		}
	}
}

func (t *tally) PeerDown(netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = map[[17]byte]struct{}{}
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

func (t *tally) empty() bool { return t.count() == 0 }

// BenchmarkBlackholeBesideAFullTable: a monitor neighbor loads a whole table,
// loses it, loads it again and is deleted, while a blackhole is made every 5 ms.
func BenchmarkBlackholeBesideAFullTable(b *testing.B) {
	for name, load := range map[string]func(*testing.B) rawTable{"feed2015": fullFeed, "global2026": globalTable} {
		b.Run(name, func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))) // as cmd does
			table := load(b)
			for range b.N {
				besideATable(b, table)
			}
		})
	}
}

func besideATable(b *testing.B, table rawTable) {
	w := want()
	x := &tally{all: map[[17]byte]struct{}{}}
	s := New(Options{Config: withMonitor(passive("127.0.0.1", 64501), monitored("127.0.0.2", 64502)), Source: w, Receiver: x})
	if err := s.Open(context.Background()); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background(), false) }()
	watch := &stopwatch{started: map[netip.Prefix]time.Time{}}
	router := spawn(b, "router", 64501, "127.0.0.1", s.Listening()[0])
	var listening sync.WaitGroup
	listening.Go(func() { router.arrivals(watch.seen) })
	waitFor(b, "router", func() bool { return s.Neighbors()[0].Up() })

	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			r := hole(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}).String() + "/32")
			r.MED = rtbh.Some(i)
			w.now(r)
			watch.start(r.Prefix)
			s.Wake([]netip.Prefix{r.Prefix}, false)
		}
	}()
	var all []time.Duration
	phase := func(what string, f func()) {
		begin := time.Now()
		f()
		took := watch.lap()
		all = append(all, took...)
		b.Logf("%-28s %6.1f s  %5d blackholes  p50 %8s  p99 %8s  max %8s", what, time.Since(begin).Seconds(), len(took), at(took, 50), at(took, 99), at(took, 100))
	}
	file := filepath.Join(b.TempDir(), "table")
	if err := os.WriteFile(file, table.messages, 0o600); err != nil {
		b.Fatal(err)
	}
	feed := func() *process {
		p := spawn(b, "feeder", 64502, "127.0.0.2", s.MonitorListening()[0], file)
		x.loaded(b, table)
		return p
	}
	var feeder *process
	phase("nothing else", func() { time.Sleep(2 * time.Second) })
	phase(fmt.Sprintf("%d routes load", table.prefixes), func() { feeder = feed() })
	phase("the table stands", func() { time.Sleep(2 * time.Second) })
	phase("its session is lost", func() {
		feeder.end()
		waitFor(b, "loss", x.empty)
		time.Sleep(3 * time.Second) // GoBGP goes on
	})
	phase("it loads again", func() { feeder = feed() })
	phase("its neighbor is deleted", func() {
		c := withMonitor(passive("127.0.0.1", 64501))
		c.Listen, c.MonitorListen = s.Listening(), s.MonitorListening()
		if _, err := s.Reconfigure(c); err != nil {
			b.Fatal(err)
		}
		waitFor(b, "deletion", x.empty)
		time.Sleep(time.Second)
	})
	close(stop)
	<-done
	waitFor(b, "last blackhole", func() bool { return watch.missing() == 0 })
	slices.Sort(all)
	b.ReportMetric(float64(at(all, 50).Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(at(all, 99).Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(at(all, 100).Microseconds())/1000, "max-ms")
	feeder.end()
	router.end()
	listening.Wait()
}

func at(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(10 * time.Microsecond)
}

// loaded waits for a table. The last withdrawals and duplicates are not known beforehand.
func (t *tally) loaded(b *testing.B, table rawTable) {
	before := -1
	waitFor(b, "table", func() bool {
		n := t.count()
		quiet := n == before && n > table.prefixes*9/10
		before = n
		return quiet
	})
}

func mustSink(b *testing.B, c sink.Config) *sink.Sink {
	b.Helper()
	s, err := sink.New(c)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func waitFor(b *testing.B, what string, cond func() bool) {
	b.Helper()
	end := time.Now().Add(5 * time.Minute)
	for !cond() {
		if time.Now().After(end) {
			b.Fatalf("did not happen: %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// BenchmarkFreshRouter: a router connects to a trigger with 100,000 blackholes;
// the time from the session to the last route.
func BenchmarkFreshRouter(b *testing.B) {
	for _, routeMap := range []string{"", "EDGE"} {
		b.Run("route-map="+routeMap, func(b *testing.B) {
			w := want(manyHoles(100_000)...)
			w.routeMap("EDGE", everything)
			s := New(Options{Config: routerConf(through(passive("127.0.0.1", 64501), routeMap)), Source: w})
			begin := time.Now()
			if err := s.Open(context.Background()); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close(context.Background(), false) }()
			b.ReportMetric(time.Since(begin).Seconds(), "s-to-load")
			var total time.Duration
			for range b.N {
				c := arrivals(b, s, "127.0.0.1", 64501, 100_000)
				total += (<-c.last).Sub(c.up)
				c.sink.Close()
			}
			b.ReportMetric(total.Seconds()/float64(b.N), "s-from-session")
		})
	}
}

// arrival waits for a number of announcements at one router.
type arrival struct {
	sink *sink.Sink
	up   time.Time
	last chan time.Time
}

func arrivals(b *testing.B, s *Speaker, from string, as uint32, n int) *arrival {
	b.Helper()
	a := &arrival{last: make(chan time.Time, 1)}
	up, got := make(chan time.Time, 1), 0
	a.sink = mustSink(b, sink.Config{LocalAS: as, RouterID: adr("10.255.0.9"), OnEvent: func(e sink.Event) {
		switch e.Kind {
		case sink.Established:
			up <- e.At
		case sink.Announce:
			if got++; got == n {
				a.last <- e.At
			}
		}
	}})
	if err := a.sink.Dial("trigger", s.Listening()[0], adr(from)); err != nil {
		b.Fatal(err)
	}
	a.up = <-up
	return a
}

// BenchmarkBulk: 10,000 blackholes become desired at once, as by one entry; the
// time until both routers have the last.
func BenchmarkBulk(b *testing.B) {
	holes := manyHoles(10_000)
	for range b.N {
		w := want()
		s := New(Options{Config: routerConf(passive("127.0.0.1", 64501), passive("127.0.0.2", 64502)), Source: w})
		if err := s.Open(context.Background()); err != nil {
			b.Fatal(err)
		}
		one := arrivals(b, s, "127.0.0.1", 64501, len(holes))
		two := arrivals(b, s, "127.0.0.2", 64502, len(holes))
		waitFor(b, "sessions", func() bool {
			return !slices.ContainsFunc(s.Neighbors(), func(n NeighborStatus) bool { return !n.Up() })
		})
		changed := make([]netip.Prefix, 0, len(holes))
		for _, h := range holes {
			w.now(h)
			changed = append(changed, h.Prefix)
		}
		begin := time.Now()
		s.Wake(changed, false)
		b.ReportMetric(max((<-one.last).Sub(begin), (<-two.last).Sub(begin)).Seconds(), "s-to-both")
		one.sink.Close()
		two.sink.Close()
		_ = s.Close(context.Background(), false)
	}
}
