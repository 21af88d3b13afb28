package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// minimal is the least that a node needs.
const minimal = "hostname t1\ncluster advertise 192.0.2.1:7600\n"

// router is minimal with a speaker; its lines are 1 to 4.
const router = minimal + "router bgp 64500\n bgp router-id 192.0.2.1\n"

func mustParse(t *testing.T, text string) Node {
	t.Helper()
	n, _, err := Parse("t.conf", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheTableIsSound(t *testing.T) {
	for _, err := range table.Check() {
		t.Error(err)
	}
	if len(Manual()) < 35 {
		t.Errorf("the manual has only %d lines", len(Manual()))
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	n := mustParse(t, minimal)
	want := Node{
		Hostname: "t1", DataDir: "/var/lib/triggerd",
		Cluster: Cluster{Listen: ":7600", Advertise: "192.0.2.1:7600", BootWait: 30 * time.Second},
		SSH:     SSH{Listen: []string{":2222"}, ExecTimeout: 10 * time.Minute},
	}
	if fmt.Sprintf("%+v", n) != fmt.Sprintf("%+v", want) {
		t.Errorf("got %+v", n)
	}
	n = mustParse(t, router+" neighbor 192.0.2.9 remote-as 64501\n neighbor 2001:db8::9 remote-as 64501\n")
	if got := fmt.Sprint(n.BGP.Listen); got != "[0.0.0.0:179 [::]:179]" {
		t.Errorf("listens on %s", got)
	}
	for _, x := range n.BGP.Neighbors { // as in Quagga, whatever the session runs over
		if !x.IPv4 || x.IPv6 {
			t.Errorf("%+v", x)
		}
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	long := strings.Repeat("x", 81)
	for _, c := range []struct{ text, want string }{
		{"", "t.conf: the node has no name: add a line such as `hostname trigger1`"},
		{"hostname t1", "t.conf: this node listens on all its addresses, so it must say which one the others dial: add a line such as `cluster advertise 192.0.2.10:7600`"},
		{"hostname t1\ncluster listen 0.0.0.0:7000\n", "t.conf:2: this node listens on all"},
		{"hostname t_1 x\n", `t.conf:1:14: found "x", expected: the end of the line`},
		{"hostname -t\n", "t.conf:1:10: found \"-t\", expected a name of 1 to 63 letters"},
		{"hostname " + strings.Repeat("t", 64) + "\n", "t.conf:1:10: found"},
		{minimal + "hostname t2\n", "t.conf:3: there is a second `hostname`: the first is in line 1"},
		{minimal + "nonsense\n", `t.conf:3:1: found "nonsense", expected: cluster, data-directory, hostname, no, router, rpki, ssh`},
		{minimal + "data-directory var\n", `t.conf:3:16: found "var", expected a path that begins with /`},
		{minimal + "cluster listen 192.0.2.1\n", `t.conf:3:16: found "192.0.2.1", expected HOST:PORT such as`},
		{minimal + "cluster listen 192.0.2.1:0\n", `t.conf:3:16: found the port "0"`},
		{minimal + "cluster listen 192.0.2.1:70000\n", `t.conf:3:16: found the port "70000", expected a number from 1 to 65535`},
		{minimal + "cluster listen 192.0.2.256:7600\n", `t.conf:3:16: found the host "192.0.2.256"`},
		{minimal + "cluster listen a..b:7600\n", `t.conf:3:16: found the host "a..b"`},
		{"hostname t1\ncluster advertise :7600\n", `t.conf:2:19: ":7600" names no host that others could dial`},
		{"hostname t1\ncluster advertise [::]:7600\n", `t.conf:2:19: "[::]:7600" names no host`},
		{minimal + "cluster boot-wait soon\n", `t.conf:3:19: found "soon", expected: <0-3600>`},
		{minimal + "ssh listen :22\nssh listen :22\n", "t.conf:4:12: there is a second `ssh listen :22`"},
		{minimal + "ssh listen :22\nno ssh\n", "t.conf:4: `no ssh` contradicts `ssh listen` in line 3"},
		{minimal + "ssh exec-timeout 1 60\n", `t.conf:3:20: found "60", expected: <0-59>, the end of the line`},
		{minimal + "ssh login-grace-time 0\n", `t.conf:3:22: found "0", expected: <1-600>`},
		{minimal + "ssh login-grace-time 2m\n", `t.conf:3:22: found "2m", expected: <1-600>`},
		{minimal + "ssh maximum-startups 10:30:100\n", `t.conf:3:22: found "10:30:100", expected: <1-10000>, per-source`},
		{minimal + "ssh maximum-startups 20\nssh maximum-startups 30\n", "t.conf:4: there is a second `ssh maximum-startups`: the first is in line 3"},
		{minimal + "ssh maximum-startups 20\nssh maximum-startups per-source 21\n", "t.conf:4: `ssh maximum-startups per-source 21` is more than all together may have (20): lower it, or raise"},
		{minimal + "ssh maximum-startups per-source 301\n", "t.conf:3: `ssh maximum-startups per-source 301` is more than all together may have (300)"},
		{minimal + "router bgp 23456\n", "t.conf:3:12: 23456 is AS_TRANS"},
		{minimal + "router bgp 0\n", `t.conf:3:12: found "0", expected: <1-4294967295>`},
		{minimal + "router bgp 4294967296\n", `t.conf:3:12: found "4294967296"`},
		{minimal + "router bgp 64500\n", "t.conf:3: `router bgp 64500` has no router-id: add a line such as ` bgp router-id 192.0.2.10`"},
		{minimal + "router bgp 64500\n bgp router-id 0.0.0.0\n", "t.conf:4:16: a router-id of 0.0.0.0 is not valid"},
		{router + "router bgp 64500\n", "t.conf:5: there is a second `router bgp`: the first is in line 3"},
		{router + " bgp listen range 192.0.2.0/24 peer-group X\n", "t.conf:5: the peer-group X is not defined: add `neighbor X peer-group`"},
		{router + " bgp listen range 192.0.2.1/24 peer-group X\n", "t.conf:5:19: 192.0.2.1/24 has bits set behind its length: 192.0.2.0/24 is meant"},
		{router + " neighbor X peer-group\n neighbor X remote-as 1\n neighbor X route-map M out\n bgp listen range 192.0.2.0/24 peer-group X\n", "t.conf:8: neighbors of a range are sent the blackholes with their own attributes"},
		{router + " neighbor X peer-group\n bgp listen range 192.0.2.0/24 peer-group X\n", "t.conf:5: neighbor X has no AS number"},
		{router + " bgp listen address 192.0.2.1 port 179\n bgp listen address ::1 port 180\n", "t.conf:6: all `bgp listen` lines must have the same port: this one has 180, the first one 179"},
		{router + " bgp listen address ::1\n bgp listen address 0::1\n", "t.conf:6:21: there is a second `bgp listen address ::1`: the first is in line 5"},
		{router + " no bgp listen\n bgp listen port 179\n", "t.conf:5: `no bgp listen` contradicts"},
		{router + " neighbor 192.0.2.9 description x\n", "t.conf:5: neighbor 192.0.2.9 has no AS number: add `neighbor 192.0.2.9 remote-as N`"},
		{router + " neighbor 192.0.2.9 remote-as 0\n", `t.conf:5:31: found "0", expected: <1-4294967295>`},
		{router + " neighbor 192.0.2.9 remote-as 23456\n", "t.conf:5:31: 23456 is AS_TRANS"},
		{router + " neighbor 192.0.2.9 remote-as external\n", `t.conf:5:31: found "external"`},
		{router + " neighbor 2001:db8::9 remote-as 1\n neighbor 2001:DB8:0::9 remote-as 2\n", "t.conf:6:11: neighbor 2001:db8::9 is there twice: its first `remote-as` is in line 5"},
		{router + " neighbor 224.0.0.5 remote-as 1\n", "t.conf:5:11: 224.0.0.5 is not the address of a neighbor"},
		{router + " neighbor 0.0.0.0 remote-as 1\n", "t.conf:5:11: 0.0.0.0 is not the address of a neighbor"},
		{router + " neighbor ::ffff:192.0.2.9 remote-as 1\n", "t.conf:5:11: found ::ffff:192.0.2.9, expected it as the IPv4 address that it is: 192.0.2.9"},
		{router + " neighbor 192.0.2.256 remote-as 1\n", `t.conf:5: "192.0.2.256" is neither an address nor a peer-group`},
		{router + " neighbor 192.0.2.9 remote-as 1\n neighbor 192.0.2.9 peer-group G\n", "t.conf:5: neighbor 192.0.2.9 is a member of the peer-group G, which is not defined"},
		{router + " neighbor 192.0.2.9 peer-group G\n neighbor 192.0.2.9 peer-group H\n", "t.conf:6:32: 192.0.2.9 is a member of the peer-group G already"},
		{router + " neighbor 192.0.2.9 local-as 64500 remote\n", `t.conf:5:36: found "remote", expected: no-prepend, the end of the line`},
		{router + " neighbor 192.0.2.9 remote-as 64500\n neighbor 192.0.2.9 local-as 7\n", "t.conf:6: neighbor 192.0.2.9 is in our own AS 64500, where `local-as` cannot be used"},
		{router + " neighbor 192.0.2.9 remote-as 64500\n neighbor 192.0.2.9 local-role peer\n", "t.conf:6: neighbor 192.0.2.9 is in our own AS 64500: a role is for neighbors of other ASes"},
		{router + " neighbor 192.0.2.9 local-role friend\n", `t.conf:5:32: found "friend", expected: `},
		{router + " neighbor 192.0.2.9 password " + long + "\n", "t.conf:5:30: the password has 81 bytes, and TCP MD5 takes at most 80"},
		{router + " neighbor 192.0.2.9 port 0\n", `t.conf:5:26: found "0", expected: <1-65535>`},
		{router + " neighbor 192.0.2.9 update-source eth0\n", `t.conf:5:35: found "eth0", expected an address of this node`},
		{router + " neighbor 192.0.2.9 update-source 2001:db8::1\n", "t.conf:5:35: 2001:db8::1 is of the other address family than 192.0.2.9"},
		{router + " neighbor G peer-group\n neighbor G update-source ::1\n neighbor 192.0.2.9 peer-group G\n neighbor 192.0.2.9 remote-as 1\n", "t.conf:6: update-source ::1 is of the other address family than neighbor 192.0.2.9"},
		{router + " neighbor 192.0.2.9 remote-as 1\n neighbor 192.0.2.9 ttl-security hops 1\n neighbor 192.0.2.9 ebgp-multihop\n", "t.conf:7: neighbor 192.0.2.9 has `ebgp-multihop` and `ttl-security`, which exclude each other"},
		{router + " neighbor 192.0.2.9 timers 1 2\n", "t.conf:5:30: found a hold time of 2 s, expected at least 3"},
		{router + " neighbor 192.0.2.9 timers 0 0\n", "t.conf:5:30: found a hold time of 0 s"},
		{router + " neighbor 192.0.2.9 timers 9 9\n", "t.conf:5:28: found a keepalive of 9 s, expected 1 to 8"},
		{router + " timers bgp 0 9\n", "t.conf:5:13: found a keepalive of 0 s"},
		{router + " neighbor 192.0.2.9 graceful-restart restart-time 4096\n", `t.conf:5:51: found "4096", expected: <1-4095>`},
		{router + " no bgp default ipv4-unicast\n neighbor 192.0.2.9 remote-as 1\n", "t.conf:6: neighbor 192.0.2.9 has no address family: add `neighbor 192.0.2.9 activate` under"},
		{router + " neighbor 192.0.2.9 remote-as 1\n no neighbor 192.0.2.9 activate\n", "t.conf:5: neighbor 192.0.2.9 has no address family"},
		{router + " neighbor 192.0.2.9\n", "t.conf:5:20: the line ends where one of these must follow: activate, bfd, description, ebgp-multihop,"},
		{router + " neighbor 192.0.2.9 re", `t.conf:5:23: the line ends where one of these must follow: <1-4294967295> (the file ends here without a line end: has it been cut off?)`},
		{router + " neighbor 192.0.2.9 colour red\n", `t.conf:5:21: found "colour", expected: activate, `},
		{router + " address-family ipv5\n", `t.conf:5:17: found "ipv5", expected: ipv4, ipv6`},
		{minimal + "hos\x00tname\n", "t.conf:3:4: found the control character 0x00, expected readable text"},
		{minimal + "data-directory /\x1b[2J\n", "t.conf:3:17: found the control character 0x1b"},
		{minimal + "ssh banner caf\xe9\n", "t.conf:3:15: found the byte 0xe9, expected UTF-8 text"},
		{minimal + "c\n", `t.conf:3:2: the line ends where one of these must follow: advertise, boot-wait, listen`},
		{minimal + strings.Repeat("y", 1<<20) + "\n", `t.conf:3:1: found "yyy`},
		{minimal + "no\tshs\n", `t.conf:3:4: found "shs"`},
		{strings.Repeat("!\n", 1<<23+1), "t.conf: the file is larger than 16 MiB"},
		{router + " exit\n bgp router-id 192.0.2.1\n", "t.conf:6:6: found \"router-id\""},
	} {
		_, _, err := Parse("t.conf", strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.80q:\n got %.300v\nwant %s", strings.TrimPrefix(c.text, router), err, c.want)
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.80q: %T is no *Error", c.text, err)
		}
	}
}

func TestAllMistakesOfTheWholeFileAreNamed(t *testing.T) {
	_, _, err := Parse("t.conf", strings.NewReader("router bgp 1\n neighbor 192.0.2.9 passive\n neighbor X shutdown\n"))
	for _, want := range []string{"no name", "all its addresses", "no router-id", "192.0.2.9 has no AS number", `"X" is neither`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in:\n%v", want, err)
		}
	}
}

func TestAnUnreadableFileIsNoNode(t *testing.T) {
	broken := errors.New("input/output error")
	_, _, err := Parse("t.conf", iotest.ErrReader(broken))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "t.conf") {
		t.Errorf("got %v", err)
	}
}

func TestLineEndsOfAllKinds(t *testing.T) {
	want := mustParse(t, router+" neighbor 192.0.2.9 remote-as 1\n neighbor 192.0.2.9 description a b\n").String()
	unix := router + " neighbor 192.0.2.9 remote-as 1\n neighbor 192.0.2.9 description a b  \n"
	for name, text := range map[string]string{
		"CRLF":            strings.ReplaceAll(unix, "\n", "\r\n"),
		"byte order mark": "\ufeff" + unix,
		"abbreviated":     minimal + "rou b 64500\nb router 192.0.2.1\nn 192.0.2.9 rem 1\nn 192.0.2.9 d a b\n",
		"no line end":     strings.TrimSuffix(unix, "\n"),
		"comments":        "# one\n! \xff\x00 two\n" + strings.ReplaceAll(unix, "\n", "\n\n \t!\n"),
	} {
		n, warnings, err := Parse("t.conf", strings.NewReader(text))
		if err != nil || n.String() != want {
			t.Errorf("%s: %v\n%s", name, err, n)
		}
		if cut := len(warnings) == 1 && warnings[0].Line == 6 && strings.Contains(warnings[0].Text, "cut off"); cut != (name == "no line end") {
			t.Errorf("%s: warnings %v", name, warnings)
		}
	}
}

// Wherever a file has been cut off, nobody starts with it unawares: it is refused
// with its last line or about what is missing, or the cut is warned of, or it
// fell between two lines.
func TestTornFiles(t *testing.T) {
	whole, err := os.ReadFile("testdata/full.conf")
	if err != nil {
		t.Fatal(err)
	}
	refused, warned := 0, 0
	for cut := 0; cut < len(whole); cut += 3 {
		text := string(whole[:cut])
		last := strings.Count(text, "\n") + 1
		_, warnings, err := Parse("t.conf", strings.NewReader(text))
		var e *Error
		switch {
		case errors.As(err, &e):
			refused++
			if e.Line > last || strings.Contains(e.Text, "cut off") && e.Line != last {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		case err != nil:
			t.Fatalf("cut at %d: %v", cut, err)
		case strings.HasSuffix(text, "\n") || blank(text[strings.LastIndex(text, "\n")+1:]):
		case len(warnings) > 0 && warnings[len(warnings)-1].Line == last:
			warned++
		default:
			t.Fatalf("cut at %d, and nobody is told", cut)
		}
	}
	if refused < 300 || warned < 80 {
		t.Errorf("%d refused, %d warned", refused, warned)
	}
}

func TestALineOfTheBlockAboveEndsTheBlock(t *testing.T) {
	n := mustParse(t, router+` neighbor 192.0.2.9 remote-as 1
 address-family ipv6
  neighbor 192.0.2.9 activate
 neighbor 192.0.2.10 remote-as 2
 no neighbor 192.0.2.10 activate
 address-family ipv6
  neighbor 192.0.2.10 maximum-announced 7
  neighbor 192.0.2.10 activate
 exit-address-family
ssh listen :22
`)
	a, b := n.BGP.Neighbors[0], n.BGP.Neighbors[1]
	if !a.IPv4 || !a.IPv6 || b.IPv4 || !b.IPv6 || b.MaxAnnounced != 7 || n.SSH.Listen[0] != ":22" {
		t.Errorf("%+v", n.BGP)
	}
}

func TestGroupsHoldWhereverTheyStand(t *testing.T) {
	n := mustParse(t, router+` neighbor G peer-group
 neighbor 192.0.2.9 timers 7 70
 neighbor 192.0.2.9 peer-group G
 neighbor 192.0.2.10 peer-group G
 no neighbor 192.0.2.10 activate
 neighbor G remote-as 1
 neighbor G timers 5 50
 neighbor G shutdown
 no neighbor 192.0.2.9 shutdown
 timers bgp 3 9
 neighbor 192.0.2.11 remote-as 2
 address-family ipv6
  neighbor G activate
`)
	a, b, c := n.BGP.Neighbors[0], n.BGP.Neighbors[1], n.BGP.Neighbors[2]
	if a.RemoteAS != 1 || a.Hold != 70 || a.Shutdown || !a.IPv4 || !a.IPv6 {
		t.Errorf("own lines win over the group's: %+v", a)
	}
	if b.RemoteAS != 1 || b.Hold != 50 || !b.Shutdown || b.IPv4 || !b.IPv6 {
		t.Errorf("the group's lines: %+v", b)
	}
	if c.RemoteAS != 2 || c.Hold != 9 || c.Shutdown || c.IPv6 {
		t.Errorf("no member: %+v", c)
	}
}

func TestWarningsHoldNoSecrets(t *testing.T) {
	_, warnings, err := Parse("t.conf", strings.NewReader(minimal+"password hunter2\nenable password hunter2\nusername x password hunter2\n"))
	if err != nil || len(warnings) != 3 || strings.Contains(fmt.Sprint(warnings), "hunter2") {
		t.Errorf("%v, %v", warnings, err)
	}
}
