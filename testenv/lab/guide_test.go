package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestRouterGuide feeds the configurations of docs/routers.md to the programs that
// they are for: each must take every line.
func TestRouterGuide(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openbgpd")
	guide, err := os.ReadFile("../../docs/routers.md")
	if err != nil {
		t.Fatal(err)
	}
	lab := testenv.NewLab(t)
	for _, c := range []struct {
		block   string
		command []string // the file's name is put in for FILE
		refused string   // what the program says of a line that it does not take
	}{
		{"frr", []string{"bgpd", "-C", "-Z", "-f", "FILE"}, "No such command"},
		{"bird", []string{"bird", "-p", "-c", "FILE"}, "error"},
		{"openbgpd", []string{"/usr/sbin/bgpd", "-n", "-f", "FILE"}, "error"},
	} {
		host := lab.Host(c.block)
		file := filepath.Join(host.Dir, c.block+".conf")
		if err := os.WriteFile(file, []byte(block(t, string(guide), c.block)), 0o600); err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(strings.ReplaceAll(strings.Join(c.command, " "), "FILE", file))
		out, err := host.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil || strings.Contains(string(out), c.refused) {
			t.Errorf("%s does not take what the guide says: %v\n%s", c.block, err, out)
		}
	}
}

// TestRouterGuideDropsTheAttack runs FRR, BIRD and OpenBGPD with the very text of the
// guide, beside two triggers with the addresses of its examples, and takes the steps of
// its last section: the kernels' routes lead nowhere, one trigger may be away, and what is
// ended is gone everywhere.
func TestRouterGuideDropsTheAttack(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openbgpd", "openssh-client")
	text, err := os.ReadFile("../../docs/routers.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := func(kind string) string { return block(t, string(text), kind) }
	lab := testenv.NewLab(t)
	host1, host2, desk := lab.Host("trigger1"), lab.Host("trigger2"), lab.Host("desk")
	frrHost, birdHost, obgpHost := lab.Host("frr"), lab.Host("bird"), lab.Host("openbgpd")
	lab.LAN(host1.On("198.51.100.11/24"), host2.On("198.51.100.12/24"), desk.On("198.51.100.50/24"),
		frrHost.On("198.51.100.1/24"), birdHost.On("198.51.100.2/24"), obgpHost.On("198.51.100.3/24"))
	frr := lab.FRR(frrHost, testenv.RouterOptions{Text: guide("frr"), Static: guide("frr-static")})
	bird := lab.BIRD(birdHost, testenv.RouterOptions{Text: guide("bird")})
	obgp := lab.OpenBGPD(obgpHost, testenv.RouterOptions{Text: guide("openbgpd")})
	neighbor := func(h *testenv.Host, as uint32) testenv.Neighbor {
		return testenv.Neighbor{Peer: h, Addr: h.Addr4(), AS: as, Password: "s3cret-s3cret", IPv4: true, IPv6: true}
	}
	speaking := testenv.TriggerOptions{Role: testenv.Voter, AS: 64500, Neighbors: []testenv.Neighbor{
		neighbor(frrHost, 64501), neighbor(birdHost, 64502), neighbor(obgpHost, 64510)}}
	one, two := lab.Trigger(host1, speaking), lab.Trigger(host2, speaking)
	frr.Start()
	bird.Start()
	cluster := lab.Cluster(one, two)
	obgp.Start()
	alice := lab.Customer("alice", desk, 65534, "203.0.113.0/24", "2001:db8:113::/48")
	cluster.Define(alice)
	unused := testenv.Prefixes(t, "203.0.113.77/32", "2001:db8:113::77/128")
	for _, trigger := range []*testenv.Trigger{one, two} {
		trigger.WaitEstablished(frrHost.Addr4(), birdHost.Addr4(), obgpHost.Addr4())
	}

	alice.At(one).Blackholes(unused...)
	one.WaitShows("show blackhole 203.0.113.77/32", "trigger1 to 3 of 3 routers", "trigger2 to 3 of 3 routers")
	for _, p := range unused {
		lab.WaitSources(obgp, p, host1, host2)
		frrHost.WaitRoute(p, "blackhole")
		birdHost.WaitRoute(p, "blackhole")
	}
	one.Stop()
	for _, h := range []*testenv.Host{frrHost, birdHost} {
		for _, p := range unused {
			h.WaitRoute(p, "blackhole")
		}
	}
	one.Start()
	one.WaitEstablished(frrHost.Addr4(), birdHost.Addr4(), obgpHost.Addr4())
	alice.At(two).Withdraws(unused...)
	for _, p := range unused {
		frrHost.WaitRoute(p, "")
		birdHost.WaitRoute(p, "")
		lab.WaitSources(obgp, p)
	}
}

// block is the fenced block of a kind.
func block(t *testing.T, text, kind string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "```"+kind+"\n")
	inside, _, closed := strings.Cut(after, "```")
	if !found || !closed || len(inside) < 50 {
		t.Fatalf("the guide has no block of %s", kind)
	}
	return inside
}
