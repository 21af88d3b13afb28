package mrt

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/route"
)

// shared returns a file of the real data that tests may use, or skips.
func shared(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(dir, "mrt", name))
	if err != nil {
		if os.Getenv("TESTENV_STRICT") == "1" {
			t.Fatalf("no test data (TRIGGERD_TESTDATA says where they are): %v", err)
		}
		t.Skipf("no test data (TRIGGERD_TESTDATA says where they are): %v", err)
	}
	if strings.HasSuffix(name, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func read(in []byte) ([]Entry, Result, error) {
	var out []Entry
	r, err := Read(bytes.NewReader(in), func(e Entry) { out = append(out, e) })
	return out, r, err
}

// The numbers are those of bgpdump -m on the same files, and each route is compared
// with its line.
func TestRealFilesAreReadWhole(t *testing.T) {
	for _, c := range []struct {
		file            string
		routes, skipped int
	}{
		{"ripe-bgpdump__bview.20020722.2337.gz", 115521, 0},
		{"ripe-bgpdump__bview.ipv4_unicast_add_path.gz", 62, 0},
		{"ripe-bgpdump__bview.64k_stream_overflow.gz", 23, 0},
		{"mrtparse__quagga_rib", 9, 0},
		{"mrtparse__openbgpd_rib_table-v2", 31, 2},
		{"mrtparse__bird-mrtdump_rib", 18, 0},
		{"ripe-bgpdump__updates.20160811.1600.gz", 0, 17406},
	} {
		raw := shared(t, c.file)
		all, r, err := read(raw)
		if err != nil || len(all) != c.routes || r.Routes != c.routes || r.Skipped != c.skipped {
			t.Errorf("%s: %+v %v", c.file, r, err)
		}
		if c.routes > 0 {
			t.Run(c.file, func(t *testing.T) { compare(t, c.file, raw, all) })
		}
	}
}

// needs skips the test without a program; TESTENV_STRICT=1 makes that a failure.
func needs(t testing.TB, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		reason := fmt.Sprintf("needs the Debian package %s (no program %q)", pkg, program)
		if os.Getenv("TESTENV_STRICT") == "1" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return path
}

func compare(t *testing.T, name string, raw []byte, all []Entry) {
	program := needs(t, "bgpdump", "bgpdump")
	file := filepath.Join(t.TempDir(), "rib")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-m", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, line := range lines {
		f := strings.Split(line, "|")
		e := all[i]
		if f[0] == "TABLE_DUMP2_AP" { // the path id comes behind the prefix
			if f[6] != strconv.Itoa(int(e.PathID)) {
				t.Errorf("%s: %s has path id %d", name, line, e.PathID)
			}
			f = slices.Delete(f, 6, 7)
		}
		path := strings.Fields(f[6])
		want := ""
		if len(path) > 0 {
			want = path[len(path)-1]
		}
		got := ""
		switch {
		case e.Kind == route.OriginAS:
			got = strconv.Itoa(int(e.Origin))
		case e.Kind == route.OriginNone && strings.HasPrefix(want, "{"):
			got = want
		}
		if f[3] != e.Peer.String() || f[4] != strconv.Itoa(int(e.PeerAS)) || f[5] != e.Prefix.String() || got != want {
			t.Fatalf("%s: bgpdump says %s, read as %+v", name, line, e)
		}
	}
}

func TestAFileThatIsCutOffGivesWhatItHas(t *testing.T) {
	whole := shared(t, "ripe-bgpdump__bview.20020722.2337.gz")
	all, r, err := read(whole[:len(whole)/2])
	if !errors.Is(err, ErrTruncated) || len(all) < 50000 || r.Routes != len(all) || !strings.Contains(err.Error(), strconv.Itoa(len(all))) {
		t.Errorf("%+v %v", r, err)
	}
	if _, _, err := read(whole[:5]); !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
	if _, r, err := read(nil); err != nil || r.Records != 0 {
		t.Error(r, err)
	}
}

// record is one MRT record.
func record(typ, subtype uint16, body ...[]byte) []byte {
	b := slices.Concat(body...)
	out := binary.BigEndian.AppendUint16(make([]byte, 4), typ)
	out = binary.BigEndian.AppendUint16(out, subtype)
	return append(binary.BigEndian.AppendUint32(out, uint32(len(b))), b...)
}

// dumped is a TABLE_DUMP route with these path attributes.
func dumped(attrs ...byte) []byte {
	return record(12, 1, []byte{0, 0, 0, 1, 192, 0, 2, 0, 24, 1, 0, 0, 0, 0, 198, 51, 100, 1, 0xfb, 0xf0, 0, byte(len(attrs))}, attrs)
}

// RFC 6793 section 4.2.3.
func TestThePathOfFourOctetsCounts(t *testing.T) {
	seq2 := []byte{0x40, 2, 6, 2, 2, 0xfb, 0xf0, 0x5b, 0xa0} // 64496, AS_TRANS
	for _, c := range []struct {
		name  string
		attrs []byte
		kind  route.OriginKind
		as    uint32
	}{
		{"without", seq2, route.OriginAS, 23456},
		{"with", append(slices.Clone(seq2), 0xc0, 17, 6, 2, 1, 0xfa, 0x56, 0xea, 0), route.OriginAS, 4200000000},
		{"longer than the path", append(slices.Clone(seq2), 0xc0, 17, 14, 2, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3), route.OriginAS, 23456},
		{"set at the end", append(slices.Clone(seq2), 0xc0, 17, 6, 1, 1, 0, 0, 0, 9), route.OriginNone, 0},
		{"empty path", []byte{0x40, 2, 0}, route.OriginOwn, 0},
	} {
		all, _, err := read(dumped(c.attrs...))
		if err != nil || len(all) != 1 || all[0].Kind != c.kind || all[0].Origin != c.as {
			t.Errorf("%s: %+v %v", c.name, all, err)
		}
	}
}

func TestADamagedRecordSpoilsOnlyItself(t *testing.T) {
	good := dumped(0x40, 2, 4, 2, 1, 0, 9)
	in := slices.Concat(good, dumped(0x40, 2, 99, 2), good, record(13, 2, []byte{0, 0, 0, 1, 33}), good)
	all, r, err := read(in)
	if len(all) != 3 || r.Damaged != 2 || err == nil || !strings.Contains(err.Error(), "2 of 5 records") {
		t.Errorf("%d routes, %+v, %v", len(all), r, err)
	}
	_, _, err = read(record(13, 2, []byte{0, 0, 0, 1, 8, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}))
	if err == nil || !strings.Contains(err.Error(), "peer 0") {
		t.Error(err)
	}
	if _, _, err := read([]byte("prefix,origin_asn\n1.0.0.0/24,13335\n")); err == nil {
		t.Error("a CSV is an MRT file")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(dumped(0x40, 2, 4, 2, 1, 0, 9))
	f.Add(slices.Concat(
		record(13, 1, []byte{0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 5}),
		record(13, 8, []byte{0, 0, 0, 0, 8, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 9, 0x50, 2, 0, 6, 2, 1, 0, 0, 0, 9})))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		r, _ := Read(bytes.NewReader(b), func(e Entry) {
			if n++; !e.Prefix.IsValid() || e.Prefix != e.Prefix.Masked() {
				t.Fatalf("%+v", e)
			}
		})
		if r.Routes != n || n > len(b) {
			t.Fatalf("%+v, %d routes", r, n)
		}
	})
}
