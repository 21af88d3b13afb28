package rtr

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

var (
	net4 = VRP{netip.MustParsePrefix("192.0.2.0/24"), 28, 64500}
	net6 = VRP{netip.MustParsePrefix("2001:db8::/32"), 48, 4200000000}
)

// every has one PDU of each kind, with the octets that the RFCs draw.
var every = []struct {
	name string
	pdu  PDU
	hex  string
}{
	{"notify", PDU{Version: 1, Type: SerialNotify, Session: 0x85a4, Serial: 1}, "0100 85a4 0000000c 00000001"},
	{"serial query", PDU{Version: 0, Type: SerialQuery, Session: 7, Serial: 0xfffffffe}, "0001 0007 0000000c fffffffe"},
	{"reset query", PDU{Version: 2, Type: ResetQuery}, "0202 0000 00000008"},
	{"response", PDU{Version: 1, Type: CacheResponse, Session: 0x85a4}, "0103 85a4 00000008"},
	{"v4", PDU{Version: 1, Type: IPv4Prefix, Announce: true, VRP: net4}, "0104 0000 00000014 01181c00 c0000200 0000fbf4"},
	{"v6 withdrawn", PDU{Version: 0, Type: IPv6Prefix, VRP: net6}, "0006 0000 00000020 00203000 20010db8000000000000000000000000 fa56ea00"},
	{"end v0", PDU{Version: 0, Type: EndOfData, Session: 1, Serial: 9}, "0007 0001 0000000c 00000009"},
	{"end v1", PDU{Version: 1, Type: EndOfData, Session: 1, Serial: 9, Timers: Timers{3600, 600, 7200}}, "0107 0001 00000018 00000009 00000e10 00000258 00001c20"},
	{"cache reset", PDU{Version: 1, Type: CacheReset}, "0108 0000 00000008"},
	{"router key", PDU{Version: 1, Type: RouterKeyPDU, Announce: true, Key: RouterKey{[20]byte{0xaa, 19: 0xbb}, 64500, "\x30\x01"}},
		"0109 0100 00000022 aa000000000000000000000000000000000000bb 0000fbf4 3001"},
	{"error", PDU{Version: 1, Type: ErrorReport, Code: UnsupportedVersion, Inner: []byte{2, 2, 0, 0, 0, 0, 0, 8}, Text: "no"},
		"010a 0004 0000001a 00000008 0202000000000008 00000002 6e6f"},
	{"aspa", PDU{Version: 2, Type: ASPAPDU, Announce: true, ASPA: ASPA{64500, []uint32{1, 4200000000}}}, "020b 0100 00000014 0000fbf4 00000001 fa56ea00"},
	{"aspa withdrawn", PDU{Version: 2, Type: ASPAPDU, ASPA: ASPA{64500, nil}}, "020b 0000 0000000c 0000fbf4"},
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryPDUIsWrittenAndReadAsTheRFCsDrawIt(t *testing.T) {
	for _, c := range every {
		want := unhex(t, c.hex)
		if got := c.pdu.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("%s is written as %x, want %x", c.name, got, want)
		}
		got, err := Decode(want)
		if err != nil || !reflect.DeepEqual(normal(got), normal(c.pdu)) {
			t.Errorf("%s is read as %+v %v", c.name, got, err)
		}
	}
}

// normal makes no difference between no octets and none.
func normal(p PDU) PDU {
	if len(p.Inner) == 0 {
		p.Inner = nil
	}
	p.family = 0 // the older form is not written
	if !p.Announce {
		p.ASPA.Providers = nil
	}
	return p
}

func TestTheOlderASPAFormIsRead(t *testing.T) {
	got, err := Decode(unhex(t, "020b 0000 00000018 01000002 0000fbf4 00000001 00000002"))
	if err != nil || !got.Announce || got.ASPA.Customer != 64500 || len(got.ASPA.Providers) != 2 {
		t.Errorf("%+v %v", got, err)
	}
	got, err = Decode(unhex(t, "020b 0000 00000010 00000000 0000fbf4"))
	if err != nil || got.Announce || got.ASPA.Customer != 64500 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestABrokenPDUIsRefusedWithTheCodeOfTheRFC(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      ErrorCode
	}{
		{"nothing", "", CorruptData},
		{"half a header", "01040000", CorruptData},
		{"shorter than a header", "0102 0000 00000007", CorruptData},
		{"longer than what is there", "0102 0000 0000000c", CorruptData},
		{"gigabytes", "0104 0000 ffffffff", CorruptData},
		{"version 3", "0302 0000 00000008", UnsupportedVersion},
		{"type 5", "0105 0000 00000008", UnsupportedType},
		{"v4 in v6 length", "0104 0000 00000020 01181c00 c0000200 0000fbf4 000000000000000000000000", CorruptData},
		{"maxLength below length", "0104 0000 00000014 01181700 c0000200 0000fbf4", CorruptData},
		{"maxLength 33", "0104 0000 00000014 01182100 c0000200 0000fbf4", CorruptData},
		{"length 129", "0106 0000 00000020 01818100 20010db8000000000000000000000000 fa56ea00", CorruptData},
		{"router key in v0", "0009 0100 00000022 aa000000000000000000000000000000000000bb 0000fbf4 3001", UnsupportedType},
		{"short router key", "0109 0100 0000000c 00000000", CorruptData},
		{"aspa in v1", "010b 0100 00000010 0000fbf4 00000001", UnsupportedType},
		{"aspa without providers", "020b 0100 0000000c 0000fbf4", ASPAProviderList},
		{"aspa unsorted", "020b 0100 00000014 0000fbf4 00000002 00000001", ASPAProviderList},
		{"aspa twice", "020b 0100 00000014 0000fbf4 00000002 00000002", ASPAProviderList},
		{"aspa withdrawn with providers", "020b 0000 00000010 0000fbf4 00000001", ASPAProviderList},
		{"aspa of itself", "020b 0100 00000010 0000fbf4 0000fbf4", ASPAProviderList},
		{"aspa uneven", "020b 0100 0000000e 0000fbf4 0000", CorruptData},
		{"end of data v1 without timers", "0107 0001 0000000c 00000009", CorruptData},
		{"end of data v0 with timers", "0007 0001 00000018 00000009 00000e10 00000258 00001c20", CorruptData},
		{"error about more than it holds", "010a 0000 00000010 000000ff 00000000", CorruptData},
		{"error with more text than it holds", "010a 0000 00000010 00000000 000000ff", CorruptData},
		{"error without lengths", "010a 0000 00000008", CorruptData},
	} {
		_, err := Decode(unhex(t, c.hex))
		if p, ok := err.(*ProtocolError); !ok || p.Code != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestBitsBehindThePrefixAreCut(t *testing.T) {
	got, err := Decode(unhex(t, "0104 0000 00000014 01181c00 c00002ff 0000fbf4"))
	if err != nil || got.VRP != net4 {
		t.Errorf("%+v %v", got, err)
	}
	if r, ok := read4(unhex(t, "0104 0000 00000014 01181c00 c00002ff 0000fbf4")); !ok || r.vrp() != net4 {
		t.Errorf("%+v", r)
	}
}

func TestAnErrorTextCannotWriteToATerminal(t *testing.T) {
	p := PDU{Version: 1, Type: ErrorReport, Text: "a\x1b[2Jb\xff\nc" + strings.Repeat("x", 999)}
	got, err := Decode(p.Append(nil))
	if err != nil || !strings.HasPrefix(got.Text, "a?[2Jb??c") || len(got.Text) > 220 {
		t.Errorf("%q %v", got.Text, err)
	}
}

// The short way of prefixes must say what decode says, for any octets.
func FuzzDecode(f *testing.F) {
	for _, c := range every {
		f.Add(unhex(f, c.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b)
		if err != nil {
			if _, ok := err.(*ProtocolError); !ok {
				t.Fatal(err)
			}
			return
		}
		if p.Type == IPv4Prefix || p.Type == IPv6Prefix {
			d := draft{}
			if bad := d.take(b); bad != nil || len(d.four)+len(d.six) != 1 {
				t.Fatalf("decoded, but not taken: %v", bad)
			}
			got := append(vrpsOf(d.four), vrpsOf(d.six)...)
			if got[0] != p.VRP || d.withdraw == p.Announce || p.VRP.Check() != nil {
				t.Fatalf("%v and %v", got[0], p.VRP)
			}
		}
		again, err := Decode(p.Append(nil))
		if err != nil || !reflect.DeepEqual(normal(again), normal(p)) {
			t.Fatalf("%+v came back as %+v %v", p, again, err)
		}
	})
}

func vrpsOf[T record[T]](all []T) (out []VRP) {
	for _, r := range all {
		out = append(out, r.vrp())
	}
	return out
}

// A stream of any octets ends, without a panic, and what it accepts is possible.
func FuzzStream(f *testing.F) {
	var whole []byte
	for _, c := range every {
		b := unhex(f, c.hex)
		f.Add(b, uint8(1))
		if b[0] == 1 {
			whole = append(whole, b...)
		}
	}
	f.Add(whole, uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, asked uint8) {
		s := newStream(iotest{bytes.NewReader(b)}, asked%3)
		base := &Data{VRPs: NewSet([]VRP{net4, net6})}
		for {
			e := s.next()
			if e.bad != nil || e.err != nil {
				return
			}
			if e.draft == nil {
				continue
			}
			if d, bad := e.draft.finish(base); bad == nil {
				for v := range d.VRPs.All() {
					if v.Check() != nil {
						t.Fatal(v.Check())
					}
				}
			}
		}
	})
}

// iotest gives a few octets at a time.
type iotest struct{ r io.Reader }

func (i iotest) Read(b []byte) (int, error) { return i.r.Read(b[:min(len(b), 7)]) }
