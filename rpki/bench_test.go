package rpki

import (
	"compress/gzip"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// shared returns a file of the real data that tests may use, or skips.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		if os.Getenv("TESTENV_STRICT") == "1" {
			t.Fatalf("no test data (TRIGGERD_TESTDATA says where they are): %v", err)
		}
		t.Skipf("no test data (TRIGGERD_TESTDATA says where they are): %v", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// realVRPs are the VRPs of vrps.csv.gz, and those half an hour before.
func realVRPs(t testing.TB) (before, after *rtr.Data) {
	t.Helper()
	set := rtr.NewSet(parseVRPs(t, shared(t, "vrps.csv.gz"), 0))
	delta := shared(t, "vrps_delta.csv")
	old, err := set.With(parseVRPs(t, onlyOp(delta, "-"), 1), parseVRPs(t, onlyOp(delta, "+"), 1))
	if err != nil {
		t.Fatal(err)
	}
	return &rtr.Data{VRPs: old}, &rtr.Data{VRPs: set}
}

func onlyOp(text, op string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, op) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func parseVRPs(t testing.TB, text string, column int) []rtr.VRP {
	var all []rtr.VRP
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ",")[column:]
		if f[0] == "asn" {
			continue
		}
		asn, err := strconv.ParseUint(f[0][2:], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		longest, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rtr.VRP{Prefix: netip.MustParsePrefix(f[1]), MaxLen: uint8(longest), ASN: uint32(asn)})
	}
	return all
}

// realRoutes are the 1,464,772 routes of rib4 and rib6, from one neighbor.
func realRoutes(t testing.TB) []route.Update {
	t.Helper()
	var all []route.Update
	paths := map[string]route.Path{}
	for _, name := range []string{"rib4.csv.gz", "rib6.csv.gz"} {
		for line := range strings.Lines(shared(t, name)) {
			prefix, as, _ := strings.Cut(strings.TrimSpace(line), ",")
			if prefix == "prefix" {
				continue
			}
			p, known := paths[as]
			if !known {
				asn, err := strconv.ParseUint(as, 10, 32)
				if err != nil {
					t.Fatal(err)
				}
				p = route.PathOf([]route.Segment{{Type: route.Sequence, ASNs: []uint32{64510, uint32(asn)}}})
				paths[as] = p
			}
			u := route.Update{Route: route.Route{Key: route.Key{Prefix: netip.MustParsePrefix(prefix), Peer: peerA}, PeerAS: 64510, Path: p}}
			u.PathID = uint32(len(all)) // several origins of a prefix are several paths
			all = append(all, u)
		}
	}
	return all
}

var loaded = sync.OnceValue(func() *real { return &real{} })

// real is a service with the whole real world in it, made once for all benchmarks.
type real struct {
	once          sync.Once
	s             *Service
	before, after *rtr.Data
	perRoute      float64
}

func (r *real) load(b *testing.B) *real {
	r.once.Do(func() {
		r.before, r.after = realVRPs(b)
		routes := realRoutes(b)
		r.s = New(Options{OwnAS: ourAS})
		r.s.SetData(r.after, Cause{})
		empty := heap()
		r.s.Apply(routes)
		r.perRoute = (heap() - empty) / float64(len(routes))
		runtime.KeepAlive(routes)
	})
	if r.s == nil {
		b.Skip("no test data")
	}
	return r
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func BenchmarkLoadTheWholeTable(b *testing.B) {
	r := loaded().load(b)
	routes := realRoutes(b)
	for b.Loop() {
		s := New(Options{OwnAS: ourAS})
		s.SetData(r.after, Cause{})
		s.Apply(routes)
	}
	b.ReportMetric(r.perRoute, "heap-B/route")
	c := r.s.Counts()
	b.Logf("%+v", c)
}

// flip sets one data, then the other, again and again, from the records of an
// epoch to the last changed state. In life minutes lie between two deltas: the
// garbage of the one before is collected off the clock, or its collection would
// be most of what is measured.
func flip(b *testing.B, s *Service, next func() *rtr.Data) {
	s.SetData(next(), Cause{})
	var took []time.Duration
	changed := 0
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		b.StartTimer()
		start := time.Now()
		s.SetData(next(), Cause{})
		took, changed = append(took, time.Since(start)), s.LastChange().Changed
	}
	slices.Sort(took)
	b.ReportMetric(float64(changed), "routes-changed")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-longest")
}

// delta goes from a set to the one with a delta, and back, as a client does when
// an End of Data has come.
func delta(b *testing.B, set *rtr.Set, come, gone []rtr.VRP) func() *rtr.Data {
	return func() *rtr.Data {
		next, err := set.With(come, gone)
		if err != nil {
			b.Fatal(err)
		}
		set, come, gone = next, gone, come
		return &rtr.Data{VRPs: next}
	}
}

func BenchmarkTheRealHalfHourDelta(b *testing.B) {
	r := loaded().load(b)
	var come, gone []rtr.VRP
	for v, added := range rtr.Diff(r.after.VRPs, r.before.VRPs) {
		if added {
			come = append(come, v)
		} else {
			gone = append(gone, v)
		}
	}
	flip(b, r.s, delta(b, r.after.VRPs, come, gone))
}

// All over the table, 500 VRPs go and 500 others come.
func BenchmarkADeltaOf1000VRPs(b *testing.B) {
	r := loaded().load(b)
	var gone, come []rtr.VRP
	i := 0
	for v := range r.after.VRPs.All() {
		if i++; i%1447 == 0 {
			gone = append(gone, v)
			v.ASN ^= 1 << 20
			come = append(come, v)
		}
	}
	flip(b, r.s, delta(b, r.after.VRPs, come, gone))
	b.ReportMetric(float64(len(gone)+len(come)), "VRPs")
}

// One attestation changes, of an AS that is in the paths of some hundred routes,
// while all routes come from a neighbor whose paths are verified.
func BenchmarkAnASPAChanges(b *testing.B) {
	r := loaded().load(b)
	r.s.SetPeer(route.Peer{Addr: peerA, AS: 64510, Role: route.RolePeer})
	one := &rtr.Data{VRPs: r.after.VRPs, ASPAs: []rtr.ASPA{{Customer: 13335, Providers: []uint32{1}}, {Customer: 64496, Providers: []uint32{1}}}}
	other := &rtr.Data{VRPs: r.after.VRPs, ASPAs: []rtr.ASPA{{Customer: 13335, Providers: []uint32{64510}}, one.ASPAs[1]}}
	turn := 0
	flip(b, r.s, func() *rtr.Data {
		if turn++; turn%2 == 0 {
			return other
		}
		return one
	})
	r.s.SetPeer(route.Peer{Addr: peerA, AS: 64510})
	r.s.SetData(r.after, Cause{})
}

func BenchmarkFullRevalidation(b *testing.B) {
	r := loaded().load(b)
	r.s.SetData(r.after, Cause{})
	x := r.s.index
	for b.Loop() {
		x.revalidate(x.views[x.current], touch{everything: true}, nil)
	}
}

// From nothing to everything and back: the first answer of a cache, and expiry.
func BenchmarkAllVRPsComeAndGo(b *testing.B) {
	r := loaded().load(b)
	there := false
	flip(b, r.s, func() *rtr.Data {
		if there = !there; there {
			return nil
		}
		return r.after
	})
	r.s.SetData(r.after, Cause{})
}

// How long a reader or a neighbor may have to wait while everything is judged
// again.
func BenchmarkWaitDuringFullRevalidation(b *testing.B) {
	r := loaded().load(b)
	x := r.s.index
	var longest time.Duration
	for b.Loop() {
		done := make(chan struct{})
		go func() {
			x.revalidate(x.views[x.current], touch{everything: true}, nil)
			close(done)
		}()
		for over := false; !over; {
			select {
			case <-done:
				over = true
			default:
				start := time.Now()
				x.mu.Lock()
				x.mu.Unlock() //nolint:staticcheck // only the wait counts
				longest = max(longest, time.Since(start))
				runtime.Gosched()
			}
		}
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-wait")
}
