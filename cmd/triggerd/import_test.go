package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oldConf is the bgpd.conf of a trigger that ran Quagga.
const oldConf = `hostname trig1
password zebra
router bgp 65534
 bgp router-id 192.0.2.1
 network 203.0.113.12/32 route-map RTBH
 network 203.0.113.13/32
 network 198.51.100.1/32
 neighbor 192.0.2.254 remote-as 64500
!
 address-family ipv6
 network 2001:db8:113::12/128 route-map RTBH
 exit-address-family
!
ip prefix-list HOSTS seq 5 permit 0.0.0.0/0 ge 32
ipv6 prefix-list HOSTS seq 5 permit ::/0 ge 128
ip community-list standard BH permit 65535:666
!
route-map RTBH permit 10
 description what customers trigger
 match ip address prefix-list HOSTS
 set community 65535:666 no-export
 set large-community 64500:66:6
 set ip next-hop 192.0.2.66
 set local-preference 200
 set metric 7
 set origin incomplete
route-map RTBH permit 20
 match ipv6 address prefix-list HOSTS
 set community 65535:666 no-export
 set ipv6 next-hop global 100::66
!
line vty
!
`

func TestImportWritesANodesFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := writeFile(t, filepath.Join(dir, "bgpd.conf"), oldConf, 0o600)
	conf := filepath.Join(dir, "triggerd.conf")

	dry := triggerd(t, "", "import", old).works(t)
	if _, err := os.Stat(conf); err == nil || dry.stderr != "" {
		t.Errorf("something was done: %v", dry)
	}
	triggerd(t, "", "import", old, "-c", conf).works(t)
	triggerd(t, "", "check", conf).works(t)
	if info, err := os.Stat(conf); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: it may hold passwords", info, err)
	}
	writeFile(t, conf, "hostname mine\n", 0o600)
	triggerd(t, "", "import", old, "-c", conf).refusedWith(t, 1, "exists already", "--force")
	if readFile(t, conf) != "hostname mine\n" {
		t.Error("the file is another now")
	}
	triggerd(t, "", "import", old, "-c", conf, "--force").works(t)
	if !strings.Contains(readFile(t, conf), "neighbor 192.0.2.254 remote-as 64500") {
		t.Errorf("got %s", readFile(t, conf))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".import*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestImportThatCannotBe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := writeFile(t, filepath.Join(dir, "bgpd.conf"), strings.Replace(oldConf, " bgp router-id 192.0.2.1\n", "", 1), 0o600)
	conf := filepath.Join(dir, "triggerd.conf")
	triggerd(t, "", "import", old, "-c", conf).refusedWith(t, 2, "router-id")
	triggerd(t, "", "import", old, "-c", conf, "--router-id", "x").refusedWith(t, 2, "--router-id")
	triggerd(t, "", "import", old, "-c", conf, "--router-id", "192.0.2.9").works(t)
	triggerd(t, "", "import", filepath.Join(dir, "none")).refusedWith(t, 2, "none")
	triggerd(t, "", "import", "/dev/zero").refusedWith(t, 2, "no bgpd.conf")
	triggerd(t, "", "import", old, "--apply").refusedWith(t, 2, "-c FILE")
	triggerd(t, "", "import", old, "--customer", "acme\nno customer acme").refusedWith(t, 2, "one word")
	triggerd(t, "", "import", old, "--apply", "-c", conf).refusedWith(t, 1, "running")
}

// The lines are those that an operator types: applied, pasted at a prompt, or in
// part, they do the same.
func TestImportIntoARunningCluster(t *testing.T) {
	t.Parallel()
	data := filepath.Join(shortDir(t), "d")
	d := startDev(t, "--data", data)
	old := writeFile(t, filepath.Join(data, "bgpd.conf"), oldConf, 0o600)
	conf := filepath.Join(data, "trigger1", "triggerd.conf")

	dry := triggerd(t, "", "import", old, "--customer", "customer", "--expire", "2h").works(t)
	d.sees()
	t.Log("what is not the customer's is refused beside its line, and all else takes effect")
	done := triggerd(t, "", "import", old, "--customer", "customer", "--expire", "2h", "--apply", "-c", conf)
	refused := "network 198.51.100.1/32 expire 2h\n% 198.51.100.1/32 is not within your prefixes"
	if done.status != 1 || !strings.Contains(done.stdout, refused) || strings.Count(done.stdout, "\n%") != 1 {
		t.Errorf("want %q, got %v", refused, done)
	}
	community := []string{"65535:65281", "65535:666"}
	var want []route
	for _, from := range []string{"trigger1", "trigger2"} {
		want = append(want,
			route{"203.0.113.12/32", from, "192.0.2.66", community, []uint32{64500}},
			route{"203.0.113.13/32", from, "192.0.2.1", community, []uint32{64500}},
			route{"2001:db8:113::12/128", from, "100::66", community, []uint32{64500}})
	}
	d.sees(want...)
	before := d.operatorRuns(0, "show running-config").works(t).stdout

	t.Log("pasted at the other trigger, the same lines change nothing more")
	pasted := d.types(d.Operator.User, d.Operator.Key, 1, strings.Split(dry.stdout, "\n")...)
	if pasted.status != 1 || strings.Count(pasted.stdout, "\n%") != 1 {
		t.Errorf("got %v", pasted)
	}
	d.sees(want...)
	after := d.operatorRuns(0, "show running-config").works(t).stdout
	for line := range strings.Lines(dry.stdout) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "ipv6 prefix-list HOSTS-ipv6 ") || strings.HasPrefix(line, "set ") || strings.HasPrefix(line, "match ") || strings.HasPrefix(line, "description ") {
			if strings.Count(after, line+"\n") == 0 {
				t.Errorf("not in the configuration: %q\n%s", line, after)
			}
		}
	}
	if n := strings.Count(after, "route-map RTBH permit"); n != strings.Count(before, "route-map RTBH permit") {
		t.Errorf("the route-map has grown: %s", after)
	}
}
