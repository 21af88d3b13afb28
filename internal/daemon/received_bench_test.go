package daemon

import (
	"compress/gzip"
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/bgp"
	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki"
)

// nothing is wanted.
type nothing struct{}

func (nothing) Routes() []rtbh.Route                                     { return nil }
func (nothing) RoutesAt([]netip.Prefix) []rtbh.Route                     { return nil }
func (nothing) Export(string, []rtbh.Route) (out []rtbh.Route, def bool) { return nil, false }

// tape keeps what a neighbor sent.
type tape struct {
	mu      sync.Mutex
	updates []route.Update
	last    time.Time
}

func (t *tape) Apply(u []route.Update) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.updates, t.last = append(t.updates, u...), time.Now()
}

func (t *tape) PeerDown(netip.Addr) {}

// BenchmarkIndexOfARealFeed: what the index takes on the heap for each route of a table
// that a real neighbor sent once, with all its attributes.
func BenchmarkIndexOfARealFeed(b *testing.B) {
	updates := realFeed(b)
	for b.Loop() {
		s := rpki.New(rpki.Options{OwnAS: 64500})
		before := heapNow()
		s.Apply(updates)
		routes := s.Counts().Routes
		b.ReportMetric((heapNow()-before)/float64(routes), "heap-B/route")
		b.ReportMetric(float64(routes), "routes")
		runtime.KeepAlive(s)
		runtime.KeepAlive(updates)
	}
}

func heapNow() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// realFeed plays the feed to a monitor session and returns what came out.
func realFeed(b *testing.B) []route.Update {
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	f, err := os.Open(filepath.Join(dir, "mrt/fullfeed_20151023_bgp_updates.bin.gz"))
	if err != nil {
		b.Skipf("no real data (TRIGGERD_TESTDATA names its directory): %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	peer := netip.MustParseAddr("127.0.0.1")
	t := &tape{}
	s := bgp.New(bgp.Options{Source: nothing{}, Receiver: t, Config: config.BGP{
		ASN: 64500, RouterID: netip.MustParseAddr("10.0.0.1"), NoListen: true,
		MonitorListen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
		Neighbors:     []config.Neighbor{{Addr: peer, RemoteAS: 64502, Passive: true, Monitor: true, IPv4: true, IPv6: true}},
	}})
	if err := s.Open(context.Background()); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background(), false) }()
	feeder, err := sink.New(sink.Config{LocalAS: 64502, RouterID: netip.MustParseAddr("10.0.0.2"), Hold: 240 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer feeder.Close()
	if err := feeder.Dial("node", s.MonitorListening()[0], peer); err != nil {
		b.Fatal(err)
	}
	for len(feeder.Up()) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	for some := range slices.Chunk(raw, 1<<16) {
		if err := feeder.Send("node", some); err != nil {
			b.Fatal(err)
		}
	}
	for {
		time.Sleep(100 * time.Millisecond)
		t.mu.Lock()
		quiet := time.Since(t.last) > 3*time.Second
		t.mu.Unlock()
		if quiet {
			return t.updates
		}
	}
}
