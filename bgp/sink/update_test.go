package sink

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// attrs is a list of path attributes with its length in front, after an empty
// list of withdrawn routes.
func attrs(list ...[]byte) []byte {
	all := slices.Concat(list...)
	return append([]byte{0, 0, byte(len(all) >> 8), byte(len(all))}, all...)
}

var (
	origin  = []byte{0x40, 1, 1, 2}
	path    = []byte{0x40, 2, 10, 2, 2, 0, 0, 0xfb, 0xf4, 0xfa, 0x56, 0xea, 0}
	hop     = []byte{0x40, 3, 4, 192, 0, 2, 1}
	comms   = []byte{0xc0, 8, 8, 0xff, 0xff, 0x02, 0x9a, 0xff, 0xff, 0xff, 0x01}
	mpReach = []byte{0x90, 14, 0, 38, 0, 2, 1, 16, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		128, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12}
	med   = []byte{0x80, 4, 4, 0, 0, 0, 7}
	pref  = []byte{0x40, 5, 4, 0, 0, 1, 44}
	large = []byte{0xc0, 32, 12, 0, 0, 0xfb, 0xf4, 0, 0, 2, 0x9a, 0, 0, 0, 1}
	ext   = []byte{0xc0, 16, 8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 1}
)

func TestParseUpdateWithEverything(t *testing.T) {
	body := append(attrs(origin, path, hop, med, pref, comms, ext, large, mpReach), 32, 192, 0, 2, 12, 0)
	u, err := parseUpdate(body, true)
	if err != nil {
		t.Fatal(err)
	}
	wantAttrs := Attributes{
		Origin: rtbh.OriginIncomplete, ASPath: []uint32{64500, 4200000000}, MED: rtbh.Some(7), LocalPref: rtbh.Some(300),
		Communities: []rtbh.Community{rtbh.BlackholeWellKnown, rtbh.NoExport},
		Large:       []rtbh.LargeCommunity{{Global: 64500, Local1: 666, Local2: 1}},
		Ext:         []rtbh.ExtCommunity{0x0002fde800000001},
	}
	if !reflect.DeepEqual(u.attrs, wantAttrs) {
		t.Errorf("attributes %+v", u.attrs)
	}
	if !slices.Equal(u.announced, []netip.Prefix{pfx("2001:db8::12/128"), pfx("192.0.2.12/32"), pfx("0.0.0.0/0")}) {
		t.Errorf("announced %v", u.announced)
	}
	if u.nextHop4 != rtbh.DiscardNextHop4 || u.nextHop6 != rtbh.DiscardNextHop6 {
		t.Errorf("next-hops %v and %v", u.nextHop4, u.nextHop6)
	}
}

func TestParseWithdrawalsAndEndOfRIB(t *testing.T) {
	u, err := parseUpdate([]byte{0, 5, 32, 192, 0, 2, 12, 0, 0}, true)
	if err != nil || !slices.Equal(u.withdrawn, []netip.Prefix{pfx("192.0.2.12/32")}) || len(u.endOfRIB) != 0 {
		t.Errorf("IPv4 withdrawal: %+v, %v", u, err)
	}
	u, err = parseUpdate(attrs([]byte{0x80, 15, 8, 0, 2, 1, 32, 0x20, 1, 0xd, 0xb8}), true)
	if err != nil || !slices.Equal(u.withdrawn, []netip.Prefix{pfx("2001:db8::/32")}) || len(u.endOfRIB) != 0 {
		t.Errorf("IPv6 withdrawal: %+v, %v", u, err)
	}
	u, err = parseUpdate(make([]byte, 4), true)
	if err != nil || !slices.Equal(u.endOfRIB, []family{ipv4}) {
		t.Errorf("IPv4 End-of-RIB: %+v, %v", u, err)
	}
	u, err = parseUpdate(attrs([]byte{0x80, 15, 3, 0, 2, 1}), true)
	if err != nil || !slices.Equal(u.endOfRIB, []family{ipv6}) {
		t.Errorf("IPv6 End-of-RIB: %+v, %v", u, err)
	}
}

func TestMalformedUpdatesAreNamed(t *testing.T) {
	for name, body := range map[string][]byte{
		"empty":                 {},
		"torn withdrawn":        {0, 5, 32, 1},
		"torn attributes":       {0, 0, 0, 9, 0x40},
		"prefix of 33 bits":     {0, 6, 33, 1, 2, 3, 4, 5, 0, 0},
		"no next-hop":           append(attrs(origin, path), 8, 10),
		"no path":               append(attrs(origin, hop), 8, 10),
		"attribute twice":       append(attrs(origin, origin, path, hop), 8, 10),
		"odd communities":       attrs([]byte{0xc0, 8, 3, 1, 2, 3}),
		"torn path":             attrs([]byte{0x40, 2, 3, 2, 9, 0}),
		"next-hop of 3 octets":  attrs([]byte{0x40, 3, 3, 1, 2, 3}),
		"MP_REACH of 3 octets":  attrs([]byte{0x80, 14, 3, 0, 2, 1}),
		"MP_REACH hop too long": attrs([]byte{0x80, 14, 5, 0, 2, 1, 200, 0}),
	} {
		_, err := parseUpdate(body, true)
		var bad *malformed
		if !errors.As(err, &bad) || bad.code != codeUpdate {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRoundTrip(t *testing.T) {
	o := open{
		as: 4200000001, hold: 90e9, id: netip.MustParseAddr("10.0.0.1"), fourOctet: true,
		families: map[family]bool{ipv4: true, ipv6: true},
		graceful: &graceful{restarting: true, time: 20e9, forwarding: map[family]bool{ipv4: true, ipv6: false}},
	}
	got, err := parseOpen(o.encode())
	if err != nil || !reflect.DeepEqual(got, o) {
		t.Errorf("%+v, %v, want %+v", got, err, o)
	}
}

// seeds puts real messages into a corpus, when the test data is there.
func seeds(f *testing.F) {
	dir := os.Getenv("TRIGGERD_TESTDATA")
	if dir == "" {
		dir = "../../../shared/data"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "bgp-messages", "*.bin"))
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) > headerLen {
			f.Add(b[headerLen:])
		}
	}
}

func FuzzParseUpdate(f *testing.F) {
	seeds(f)
	f.Add(append(attrs(origin, path, hop, med, pref, comms, ext, large, mpReach), 32, 192, 0, 2, 12))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := parseUpdate(b, true)
		if err != nil {
			return
		}
		for _, p := range append(u.announced, u.withdrawn...) {
			if !p.IsValid() || p != p.Masked() {
				t.Fatalf("prefix %v", p)
			}
		}
		if len(u.announced) > 8*len(b) {
			t.Fatalf("%d routes out of %d octets", len(u.announced), len(b))
		}
		_, _ = parseUpdate(b, false)
	})
}

func FuzzParseOpen(f *testing.F) {
	seeds(f)
	f.Add(open{as: 1, id: netip.MustParseAddr("10.0.0.1"), families: map[family]bool{ipv4: true},
		graceful: &graceful{forwarding: map[family]bool{ipv6: true}}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseOpen(b)
		if err != nil {
			return
		}
		if !o.id.Is4() || len(o.families) == 0 {
			t.Fatalf("%+v", o)
		}
		_ = o.encode()
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add(Message(msgKeepalive, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, n, err := parseHeader(b)
		if err == nil && (n < 0 || n > maxMessage-headerLen || kind == 0) {
			t.Fatalf("type %d, length %d", kind, n)
		}
	})
}
