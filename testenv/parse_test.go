package testenv

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// What BIRD 2.0.12 printed in the lab: two paths of one prefix, a stale one, and the
// IPv6 table.
const birdAnswer = `1007-Table master4:
 198.51.100.7/32      blackhole [peer_10_20_0_11 19:35:48.000 from 10.20.0.11] * (100) [AS64500i]
1008-	Type: BGP univ
1012-	BGP.origin: IGP
 	BGP.as_path: 64500 65001
 	BGP.next_hop: 192.0.2.1
 	BGP.local_pref: 100
 	BGP.community: (65535,666) (65535,65281)
1007-                     blackhole [peer_10_20_0_12 19:35:49.000 from 10.20.0.12] (100s) [AS64500i]
1008-	Type: BGP univ
1012-	BGP.as_path: 64500
 	BGP.next_hop: 192.0.2.1
 	BGP.community: (65535,666)
1007-Table master6:
 2001:db8:a::7/128    unreachable [peer_fd00_20__11 19:35:50.000 from fd00:20::11] * (100/-) [AS64500i]
1008-	Type: BGP univ
1012-	BGP.next_hop: 100::1 fe80::1
0000 
`

func TestBirdRoutes(t *testing.T) {
	lines, err := readBirdReply(bufio.NewReader(strings.NewReader(birdAnswer)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseBirdRoutes(lines)
	if err != nil {
		t.Fatal(err)
	}
	victim := netip.MustParsePrefix("198.51.100.7/32")
	want := []Route{
		{Prefix: victim, From: netip.MustParseAddr("10.20.0.11"), NextHop: netip.MustParseAddr("192.0.2.1"),
			ASPath: []uint32{64500, 65001}, Communities: []string{"65535:65281", "65535:666"}, Best: true},
		{Prefix: victim, From: netip.MustParseAddr("10.20.0.12"), NextHop: netip.MustParseAddr("192.0.2.1"),
			ASPath: []uint32{64500}, Communities: []string{"65535:666"}, Stale: true},
		{Prefix: netip.MustParsePrefix("2001:db8:a::7/128"), From: netip.MustParseAddr("fd00:20::11"),
			NextHop: netip.MustParseAddr("100::1"), ASPath: []uint32{}, Communities: []string{}, Best: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestBirdRefusal(t *testing.T) {
	_, err := readBirdReply(bufio.NewReader(strings.NewReader("9001 syntax error, unexpected CF_SYM_UNDEFINED\n")))
	if err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("a refusal should say why: %v", err)
	}
	_, err = readBirdReply(bufio.NewReader(strings.NewReader("1007-Table master4:\n")))
	if err == nil {
		t.Error("half an answer was taken for a whole one")
	}
}

// An answer of FRR may come in any pieces, and may itself hold a NUL.
func TestVtyAnswer(t *testing.T) {
	for _, c := range []struct {
		wire, text string
		status     byte
	}{
		{"\x00\x00\x00\x00", "", 0},
		{"{ }\n\x00\x00\x00\x00", "{ }\n", 0},
		{"% Unknown\n\x00\x00\x00\x02", "% Unknown\n", 2},
	} {
		text, status, err := readVtyAnswer(iotest.OneByteReader(strings.NewReader(c.wire)))
		if err != nil || text != c.text || status != c.status {
			t.Errorf("%q: got %q, %d, %v", c.wire, text, status, err)
		}
	}
	if _, _, err := readVtyAnswer(strings.NewReader("half")); err == nil {
		t.Error("half an answer was taken for a whole one")
	}
}

func TestFRRPaths(t *testing.T) {
	if got := communityNumbers("blackhole no-export 64500:7"); !reflect.DeepEqual(got, []string{"64500:7", "65535:65281", "65535:666"}) {
		t.Errorf("communities: %v", got)
	}
	if got, err := parseASPath("64500 65536"); err != nil || !reflect.DeepEqual(got, []uint32{64500, 65536}) {
		t.Errorf("AS path: %v, %v", got, err)
	}
	if got, err := parseASPath("Local"); err != nil || len(got) != 0 {
		t.Errorf("an own path: %v, %v", got, err)
	}
}

// The prompt ends an answer; the echo of a line, a half-sent prompt and a line of
// output do not.
func TestPrompt(t *testing.T) {
	for text, is := range map[string]bool{
		"trigger1> ":                                   true,
		"Welcome\r\n\r\ntrigger1# ":                    true,
		"configure terminal\r\ntrigger1(config)# ":     true,
		"router bgp 1\r\ntrigger1(config-router)# ":    true,
		"exit\r\ntrigger1(config-router-af)# ":         true,
		"trigger1# network 198.51.100.7/32":            false,
		"trigger1#":                                    false,
		"network 1.2.3.4/32\r\n% refused: not yours# ": false,
		"": false,
	} {
		if prompt.MatchString(text) != is {
			t.Errorf("prompt at the end of %q: want %v", text, is)
		}
	}
}

// Only what a dead process of the family has left behind may be removed.
func TestOrphan(t *testing.T) {
	for name, is := range map[string]bool{
		family + owner() + "-ab12cd-edge":                  false, // this very process
		fmt.Sprintf("%s%d-1-ab-edge", family, os.Getpid()): true,  // its id, given out again
		family + "999999999-5-ab12cd-edge":                 true,
		family + "x-5-ab12cd-edge":                         false,
		"somebody-else":                                    false,
	} {
		if orphan(name) != is {
			t.Errorf("orphan(%q) should be %v", name, is)
		}
	}
}

func TestRefused(t *testing.T) {
	for text, is := range map[string]bool{
		"% Unknown command: foo\n": true,
		"network x\n% not yours\n": true,
		"load 5 % of it\n":         false,
	} {
		if refused(text) != is {
			t.Errorf("refused(%q) should be %v", text, is)
		}
	}
}

func TestNetStat(t *testing.T) {
	const content = "TcpExt: SyncookiesSent TCPMD5Failure\nTcpExt: 4 7\nIpExt: InOctets\nIpExt: 99\n"
	for name, want := range map[string]int{"TcpExtTCPMD5Failure": 7, "IpExtInOctets": 99, "IpExtOutOctets": 0} {
		if got := netStat(content, name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}
