package rov

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n%s\nwant\n%s", name, got, want)
	}
}

func sample() Options {
	return Options{RIBs: []string{"testdata/rib.csv"}, VRPs: "testdata/vrps.csv", Format: Text}
}

func run(t *testing.T, o Options) (string, Summary, error) {
	t.Helper()
	var out bytes.Buffer
	s, err := Run(t.Context(), o, &out)
	return out.String(), s, err
}

func TestEveryFormatIsPrintedAsAgreed(t *testing.T) {
	for _, f := range []Format{Text, JSON, CSV} {
		o := sample()
		o.Format = f
		out, s, err := run(t, o)
		if err != nil || s != (Summary{7, 2, 3, 2, 1, 2}) {
			t.Errorf("%+v %v", s, err)
		}
		golden(t, "all."+string(f), out)
		o.Invalid = true
		out, _, _ = run(t, o)
		golden(t, "invalid."+string(f), out)
		if f == JSON && !json.Valid([]byte(out)) {
			t.Error("this is not JSON")
		}
		o.Invalid, o.ASNs = false, []uint32{64500, 65535}
		o.Prefixes = []netip.Prefix{netip.MustParsePrefix("203.0.112.0/23"), netip.MustParsePrefix("10.0.0.0/8")}
		out, _, _ = run(t, o)
		golden(t, "chosen."+string(f), out)
	}
}

func TestTheSummaryIsOneLineOfJSON(t *testing.T) {
	o := sample()
	o.Summary = true
	out, _, err := run(t, o)
	if want := `{"routes":7,"valid":2,"invalid":3,"invalid_as":2,"invalid_length":1,"not_found":2}` + "\n"; out != want || err != nil {
		t.Errorf("%s %v", out, err)
	}
}

func TestNothingInvalidIsAnEmptyList(t *testing.T) {
	o := sample()
	o.Format, o.Invalid, o.ASNs = JSON, true, []uint32{64501}
	out, s, err := run(t, o)
	if strings.Join(strings.Fields(out), "") != "[]" || s.Routes != 1 || err != nil {
		t.Errorf("%q %+v %v", out, s, err)
	}
}

func TestTheResultCanBeGivenBackAsATable(t *testing.T) {
	o := sample()
	o.Format = CSV
	out, first, _ := run(t, o)
	o.RIBs, o.Stdin, o.Summary = []string{Stdin}, strings.NewReader(out), true
	if _, second, err := run(t, o); err != nil || second != first {
		t.Errorf("%+v %v, was %+v", second, err, first)
	}
}

// write makes a file in a directory of the test.
func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

func TestVRPsAreReadInEveryShape(t *testing.T) {
	want := "192.0.2.0/24-24 AS64500 2001:db8::/32-48 AS64501"
	for name, text := range map[string]string{
		"rpki-client": `{"metadata":{"buildmachine":"x"},"roas":[{"asn":64500,"prefix":"192.0.2.0/24","maxLength":24,"ta":"ripe","expires":1},` +
			`{"asn":64501,"prefix":"2001:db8::/32","maxLength":48}],"bgpsec_keys":[],"aspas":[{"customer_asid":1,"providers":[2]}]}`,
		"routinator":  `{"roas":[{"asn":"AS64500","prefix":"192.0.2.0/24","maxLength":24,"ta":"ripe"},{"asn":"AS64501","prefix":"2001:db8::/32","maxLength":48}]}`,
		"bare list":   ` [{"asn":64500,"prefix":"192.0.2.0/24"},{"asn":64501,"prefix":"2001:db8::/32","maxLength":48}]`,
		"gzip":        zipped(`[{"asn":64500,"prefix":"192.0.2.0/24"},{"asn":64501,"prefix":"2001:db8::/32","maxLength":48}]`),
		"csv":         "AS64500,192.0.2.0/24,24\nAS64501,2001:db8::/32,48\n",
		"routinator2": "ASN,IP Prefix,Max Length,Trust Anchor\nAS64500,192.0.2.0/24,24,ripe\nAS64501,2001:db8::/32,48,ripe\n",
		"ripe":        `"URI","ASN","IP Prefix","Max Length"` + "\nrsync://x,AS64500,192.0.2.0/24,\nrsync://y,AS64501,2001:db8::/32,48\n",
		"no newline":  "# comment\n\n64500, 192.0.2.0/24 ,24\n64501,2001:db8::/32,48",
	} {
		set, err := loadVRPs(t.Context(), write(t, "vrps", text), nil, nil)
		var got []string
		for v := range set.All() {
			got = append(got, v.String())
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestVRPsThatAreNotWholeAreRefused(t *testing.T) {
	whole := `{"roas":[{"asn":64500,"prefix":"192.0.2.0/24","maxLength":24}]}`
	for name, text := range map[string]string{
		"empty": "", "blank": " \n", "cut off": whole[:len(whole)-2], "no roas": `{"vrps":[]}`, "roas is no list": `{"roas":{}}`,
		"no VRP": `{"roas":[]}`, "bad prefix": `[{"asn":1,"prefix":"192.0.2.0/33"}]`, "bad maxLength": `[{"asn":1,"prefix":"192.0.2.0/24","maxLength":33}]`,
		"short maxLength": "AS1,192.0.2.0/24,23\n", "bad ASN": "ASX,192.0.2.0/24,24\n", "too few": "AS1\n", "a table": "prefix,origin_asn\n192.0.2.0/24,1\n", "no number": "AS1,192.0.2.0/24,x\n",
		"gzip cut off": zipped("AS1,192.0.2.0/24,24\nAS2,192.0.2.0/24,24\n")[:30],
	} {
		if set, err := loadVRPs(t.Context(), write(t, "vrps", text), nil, nil); err == nil {
			t.Errorf("%s: %d VRPs", name, set.Len())
		}
	}
}

func TestATableThatIsCutOffGivesWhatItHas(t *testing.T) {
	text := "prefix,origin\n"
	for i := range 2000 {
		text += netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}).String() + "/24,64500\n"
	}
	z := zipped(text)
	o := sample()
	o.Summary = true
	o.RIBs = append(o.RIBs, write(t, "cut.csv.gz", z[:len(z)/2]))
	out, s, err := run(t, o)
	if !errors.Is(err, ErrPartial) || s.Routes <= 7 || s.Routes >= 2007 || !strings.HasPrefix(out, `{"routes":`) {
		t.Errorf("%s %+v %v", out, s, err)
	}
	if s.NotFound != s.Routes-5 {
		t.Errorf("half a line was read as a line: %+v", s)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	for name, text := range map[string]string{
		"line 2":      "192.0.2.0/24,1\nnonsense\n",
		"is empty":    "",
		"not an AS":   "192.0.2.0/24,4294967296\n",
		"IPv4-mapped": "::ffff:192.0.2.0/120,1\n",
		"no route":    "prefix,origin\n",
		"is JSON":     `{"roas":[{"prefix":"192.0.2.0/24"}]}`,
		"of MRT":      strings.Repeat("\xff", 16) + "\x00\x17\x02\x00\x00\x00\x00",
		"xzcat":       "\xfd7zXZ\x00\x00",
		"zstdcat":     "\x28\xb5\x2f\xfd\x00",
	} {
		o := sample()
		o.RIBs = []string{write(t, "rib", text)}
		if _, _, err := run(t, o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := sample()
	o.RIBs = []string{"testdata"}
	if _, _, err := run(t, o); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
	o.RIBs = []string{"testdata/none"}
	if _, _, err := run(t, o); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestTablesAreReadInEveryShape(t *testing.T) {
	for name, text := range map[string]string{
		"plain":          "192.0.2.0/24,64500\n2001:db8::/32,AS64501\n",
		"with a heading": "prefix,origin_asn\n192.0.2.0/24,64500\n2001:db8::/32,64501\n",
		"other order":    "time,origin,Prefix\n1,64500,192.0.2.0/24\n2,64501,2001:db8::/32\n",
		"quoted":         "\"prefix\";\"asn\"\r\n\"192.0.2.0/24\";\"64500\"\r\n\"2001:db8::/32\";\"64501\"",
		"tabs":           "192.0.2.0/24\t64500\n2001:db8::/32\t64501\n",
		"blanks":         "192.0.2.0/24   64500\n2001:db8::/32 64501\n",
		"spreadsheet":    "\xef\xbb\xbfprefix,origin\n192.0.2.0/24,64500\n2001:db8::/32,64501\n",
		"more columns":   "192.0.2.0/24,64500,valid,,x\n2001:db8::/32,64501,valid,,x\n",
	} {
		o := sample()
		o.RIBs, o.Format = []string{write(t, "rib", text)}, CSV
		out, _, err := run(t, o)
		if err != nil || strings.Count(out, "\n") != 3 || !strings.Contains(out, "\n192.0.2.0/24,64500,") || !strings.Contains(out, "\n2001:db8::/32,64501,") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestTheStandardInputIsOneFile(t *testing.T) {
	o := sample()
	o.RIBs, o.VRPs = []string{Stdin}, Stdin
	if _, _, err := run(t, o); err == nil || !strings.Contains(err.Error(), "only one") {
		t.Error(err)
	}
}

// live is a cache on a port of this machine.
func live(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cache := rtrtest.New(7)
	d := &rtr.Data{VRPs: rtr.NewSet([]rtr.VRP{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), MaxLen: 24, ASN: 64500}})}
	d.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{1, 2}}}
	d.Keys = []rtr.RouterKey{{ASN: 64500, SPKI: "key"}}
	cache.Set(d)
	go cache.Listen(l)
	t.Cleanup(func() { l.Close(); cache.Drop() })
	return l.Addr().String()
}

func TestVRPsComeFromALiveCache(t *testing.T) {
	o := sample()
	o.VRPs = scheme + live(t)
	if _, s, err := run(t, o); err != nil || s != (Summary{7, 1, 2, 1, 1, 4}) {
		t.Errorf("%+v %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, o, &bytes.Buffer{}); err == nil {
		t.Error("a cancelled fetch gave VRPs")
	}
}

func TestADumpIsPrintedAndCanBeReadAgain(t *testing.T) {
	addr := live(t)
	e, err := rtr.Fetch(t.Context(), rtr.Cache{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	e.Cache = "cache"
	for _, f := range []Format{Text, JSON, CSV} {
		var out bytes.Buffer
		if err := Dump(&out, e, f); err != nil {
			t.Fatal(err)
		}
		golden(t, "dump."+string(f), out.String())
		if f == Text {
			continue
		}
		if set, err := loadVRPs(t.Context(), write(t, "vrps", out.String()), nil, nil); err != nil || set.Len() != 1 {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestTheBarIsDrawnAndTakenAway(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, []string{"testdata/rib.csv"})
	p.read.Add(p.total / 2)
	if got := p.line(); !strings.Contains(got, "###") || !strings.Contains(got, "%") {
		t.Error(got)
	}
	p.end()
	p.end()
	if got := out.String(); strings.Trim(got, "\r ") != "" {
		t.Errorf("%q is left on the terminal", got)
	}
	var none *progress
	none.say("x")
	none.end()
}

// Octets of any kind are read or refused, never a panic.
func FuzzTables(f *testing.F) {
	f.Add([]byte("192.0.2.0/24,64500\n"))
	f.Add([]byte(`{"roas":[{"asn":64500,"prefix":"192.0.2.0/24","maxLength":24}]}`))
	f.Add([]byte(zipped("AS1,192.0.2.0/24,24\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, as := range []string{"rib", "vrps"} {
			in, err := open(Stdin, bytes.NewReader(b), nil)
			if err != nil {
				return
			}
			if as == "rib" {
				all, _ := readTable(in)
				for _, r := range tidy(all) {
					if p := r.prefix(); !p.IsValid() || p != p.Masked() {
						t.Fatal(p)
					}
				}
				continue
			}
			all, err := readVRPs(in.Reader)
			for _, v := range all {
				if err == nil && v.Check() != nil {
					t.Fatal(v)
				}
			}
		}
	})
}
