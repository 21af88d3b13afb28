package rtr

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// shared returns a file of the real data that tests may use. It is not part of
// the repository: without it the test is skipped, which TESTENV_STRICT=1 forbids.
func shared(t testing.TB, name string) []byte {
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
	return b
}

// Shared is for the tests that see the package from outside.
var Shared = shared

const recorded = "rtr/stayrtr051_v1_full_reset_response.bin.gz"

// receive is the way of a client from octets to complete data.
func receive(t testing.TB, in []byte, base *Data) (*Data, PDU) {
	t.Helper()
	s := newStream(strings.NewReader(string(in)), Version1)
	for {
		e := s.next()
		if e.bad != nil || e.err != nil {
			t.Fatal(e.bad, e.err)
		}
		if e.draft != nil {
			d, err := e.draft.finish(base)
			if err != nil {
				t.Fatal(err)
			}
			return d, e.pdu
		}
	}
}

func TestTheRecordedCacheIsReadWholeAndItsDeltaFits(t *testing.T) {
	whole, end := receive(t, shared(t, recorded), nil)
	if whole.VRPs.Len() != 723_521 || end.Serial != 0 {
		t.Errorf("%d VRPs at serial %d", whole.VRPs.Len(), end.Serial)
	}
	after, end := receive(t, shared(t, "rtr/stayrtr051_v1_notify_then_serial_diff.bin"), whole)
	added, removed := Changes(whole.VRPs, after.VRPs)
	if added != 9 || removed != 6 || after.VRPs.Len() != 723_524 || end.Serial != 1 {
		t.Errorf("after the delta: %d VRPs, %d added, %d removed, serial %d", after.VRPs.Len(), added, removed, end.Serial)
	}
	if whole.VRPs.Len() != 723_521 {
		t.Error("the delta changed the epoch before it")
	}
	want := csvSet(t, string(shared(t, "vrps.csv.gz")))
	if added, removed := Changes(want, after.VRPs); added+removed != 0 {
		t.Errorf("compared with the CSV of the same moment, %d VRPs more and %d less", added, removed)
	}
}

func TestTheRecordedVersionZeroIsRead(t *testing.T) {
	s := newStream(strings.NewReader(string(shared(t, "rtr/stayrtr051_v0_head64k_and_eod.bin"))), Version2)
	if e := s.next(); e.pdu.Type != CacheResponse || e.pdu.Version != Version0 {
		t.Fatalf("%+v", e)
	}
	e := s.next()
	d, bad := e.draft.finish(nil)
	if bad != nil || d.VRPs.Len() != 1250 {
		t.Fatalf("%v, %d VRPs", bad, d.VRPs.Len())
	}
	s = newStream(strings.NewReader(string(shared(t, "rtr/stayrtr051_resp_future_serial.bin"))), Version1)
	if e := s.next(); e.pdu.Type != CacheReset {
		t.Fatalf("%+v", e)
	}
}

// csvSet reads asn,prefix,maxlen,ta with a header.
func csvSet(t testing.TB, text string) *Set {
	t.Helper()
	var all []VRP
	for line := range strings.Lines(text) {
		var v VRP
		f := strings.Split(strings.TrimSpace(line), ",")
		if f[0] == "asn" {
			continue
		}
		p, err := netip.ParsePrefix(f[1])
		if _, scan := fmt.Sscanf(f[0]+" "+f[2], "AS%d %d", &v.ASN, &v.MaxLen); err != nil || scan != nil {
			t.Fatalf("%q: %v %v", line, err, scan)
		}
		v.Prefix = p
		all = append(all, v)
	}
	return NewSet(all)
}

func BenchmarkRecordedBytesToSet(b *testing.B) {
	in := shared(b, recorded)
	b.SetBytes(int64(len(in)))
	var d *Data
	for b.Loop() {
		d, _ = receive(b, in, nil)
	}
	in = nil
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
	runtime.KeepAlive(d)
}
