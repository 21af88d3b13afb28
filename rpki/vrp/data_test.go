package vrp

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// shared returns a file of the real data that tests may use, or skips.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
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

func realVRPs(t testing.TB) *rtr.Set {
	t.Helper()
	var all []rtr.VRP
	for line := range strings.Lines(shared(t, "vrps.csv.gz")) {
		f := strings.Split(line, ",")
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
	return rtr.NewSet(all)
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

func BenchmarkTableOfTheRealVRPs(b *testing.B) {
	set := realVRPs(b)
	empty := heap()
	var t *Table
	for b.Loop() {
		t = New(set)
	}
	b.ReportMetric(heap()-empty, "MB-heap")
	fmt.Fprintln(io.Discard, t.Len())
}
