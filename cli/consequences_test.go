package cli

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestAnEditSaysWhatDoesNotFitAnyMore: an operator narrows grants under live
// blackholes, first in a test, then for good. Nothing ends, everything is said at
// once, and `show blackhole` flags it from then on.
func TestAnEditSaysWhatDoesNotFitAnyMore(t *testing.T) {
	l := busyLab(t)
	x := l.login("root")
	golden(t, "consequences", x.transcript(
		"configure terminal",
		"customer acme",
		"test no prefix 203.0.113.0/24",
		"test prefix 192.0.2.128/25",
		"test minimum-length ipv4 24",
		"test maximum-blackholes 2",
		"test network 203.0.113.200/32 expire 2h",
		"test network 198.51.100.1/32",
		"test no network 203.0.113.12/32",
		"test lifetime maximum 1h",
		"test description whatever",
		"test nonsense",
		"test do show version",
		"test user alice",
		"do show blackhole",
		"no prefix 203.0.113.0/24",
		"do show blackhole",
		"do show blackhole 203.0.113.12",
		"do show blackhole 203.0.113.12 json",
		"no network 203.0.113.112/32",
		"prefix 203.0.113.0/24",
		"maximum-blackholes 2",
		"exit",
		"test blackhole protected 198.51.100.0/29",
		"test blackhole maximum 3",
		"test route-map BLACKHOLE permit 10",
		"test no router bgp 65535",
		"route-map BLACKHOLE permit 10",
		"test set community 65535:666 64500:7",
		"test set ip next-hop 203.0.113.12",
		"end",
		"show blackhole",
	))
}

// TestNothingThatIsTestedHappens: whatever an operator puts behind `test`, the log
// grows by nothing, the node's file stays, and no other port is touched.
func TestNothingThatIsTestedHappens(t *testing.T) {
	l := busyLab(t)
	l.asOperator("exit")
	x := l.login("root")
	before := l.st.Digest()
	node, entries := l.node.String(), len(l.entries)
	for _, mode := range []string{"", "customer acme", "router bgp 65535", "route-map DECIX permit 10", "user vera"} {
		for _, line := range []string{
			"no customer beta", "customer new", "no user vera", "user new operator", "no route-map BLACKHOLE permit 10", "exit", "end", "quit",
			"router bgp 65535", "neighbor 192.0.2.20 shutdown", "neighbor 192.0.2.99 remote-as 65000", "no neighbor 192.0.2.20",
			"password longenough1", "disable", "batch", "commit", "do write memory", "do clear blackhole all", "do suppress 203.0.113.12",
			"test test no customer beta", "network 203.0.113.99/32", "prefix 10.0.0.0/8", "set metric 7", "no blackhole maximum",
		} {
			x.run("end")
			x.run("configure terminal")
			x.run(mode)
			at := x.Prompt()
			out := x.run("test " + line)
			if x.Prompt() != at || x.last.Close {
				t.Errorf("%s: `test %s` leads to %s", at, line, x.Prompt())
			}
			if out == "" {
				t.Errorf("%s: `test %s` says nothing", at, line)
			}
			if strings.HasPrefix(line, "password") && x.last.Status == vty.OK && !x.last.Forget {
				t.Errorf("%s: a password that is tested stays in the history", at)
			}
		}
	}
	if l.st.Digest() != before || l.node.String() != node || len(l.entries) != entries || l.saved != 0 || len(l.asked) != 0 || len(l.suppressed) != 0 {
		t.Errorf("a test did something: %d entries more, asked %v", len(l.entries)-entries, l.asked)
	}
	for _, who := range []string{"alice", "vera"} {
		y := l.login(who)
		y.run("configure terminal")
		y.run("router bgp 65534")
		if out := y.refused("test network 203.0.113.99/32"); !strings.HasPrefix(out, "% Unknown command") {
			t.Errorf("%s: %s", who, out)
		}
	}
}

// TestManyConsequencesAreCounted: a note lists a few and counts the others.
func TestManyConsequencesAreCounted(t *testing.T) {
	l := newLab(t)
	for i := range 9 {
		l.apply(rtbh.Entry{Actor: rtbh.Actor{Door: rtbh.DoorNode}, Commands: []rtbh.Command{rtbh.Announce{Customer: "beta", Prefix: netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/32", i))}}})
	}
	x := l.login("root")
	x.must("configure terminal", "customer beta")
	out := x.run("no prefix 198.51.100.0/24")
	if strings.Count(out, "rule grant") != maxNoted || !strings.Contains(out, "9 blackholes do not fit") || !strings.Contains(out, "and 4 more") {
		t.Error(out)
	}
}
