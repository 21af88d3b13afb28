package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// quaggaSaid is what Quagga 1.2.3 answers, without its "[BGP]". An empty answer
// is a silent prompt.
var quaggaSaid = []struct{ mode, line, answer string }{
	{"enable", "conf", "% Command incomplete."},
	{"enable", "con", "% Command incomplete."},
	{"enable", "co", "% Ambiguous command."},
	{"enable", "c", "% Ambiguous command."},
	{"enable", "", ""},
	{"enable", "end", ""},
	{"enable", "zz", "% Unknown command: zz"},
	{"enable", "sh zz", "% Unknown command: sh zz"},
	{"enable", "show", "% Command incomplete."},
	{"enable", "show ip", "% Command incomplete."},
	{"enable", "sh ip", "% Command incomplete."},
	{"enable", "show r", "% Ambiguous command."},
	{"enable", "sh i", "% Ambiguous command."},
	{"enable", "  show version extra", "% Unknown command:   show version extra"},
	{"enable", "SHOW VERSION", "% Unknown command: SHOW VERSION"},
	{"enable", "! c", ""},
	{"enable", "# c", ""},
	{"enable", "w", "% Ambiguous command."},
	{"enable", "t", "% Command incomplete."},
	{"enable", "te", "% Command incomplete."},
	{"enable", "term len 0", ""},
	{"enable", "terminal length 600", "% Unknown command: terminal length 600"},
	{"enable", "e", "% Ambiguous command."},
	{"enable", "en", "% Ambiguous command."},
	{"enable", "ex zz", "% Unknown command: ex zz"},
	{"enable", "show ip bgp extra", "% Unknown command: show ip bgp extra"},
	{"enable", "show ip bgp 1.2.3.4/40", "% Unknown command: show ip bgp 1.2.3.4/40"},
	{"enable", "show ip bgp 203.0.113.99", "% Network not in table"},
	{"enable", "show ip bgp neighbors 127.0.0.9", "% No such neighbor"},
	{"enable", "network 192.0.2.1/32", "% Unknown command: network 192.0.2.1/32"},
	{"enable", "router bgp 65534", "% Unknown command: router bgp 65534"},
	{"view", "help extra", "% Unknown command: help extra"},
	{"view", "conf t", "% Unknown command: conf t"},
	{"view", "end", "% Unknown command: end"},
	{"view", "sh ru", "% Unknown command: sh ru"},
	{"config", "sh ru foo", "% Unknown command: sh ru foo"},
	{"config", "show ip", "% Unknown command: show ip"},
	{"config", "show ip zz", "% Unknown command: show ip zz"},
	{"config", "show", "% Command incomplete."},
	{"config", "conf t", "% Unknown command: conf t"},
	{"config", "router bgp 65535", "BGP is already running; AS is 65534"},
	{"config", "router bgp 4294967295", "BGP is already running; AS is 65534"},
	{"config", "router bgp", "% Command incomplete."},
	{"config", "router bgp abc", "% Unknown command: router bgp abc"},
	{"config", "router bgp 0", "% Unknown command: router bgp 0"},
	{"config", "router bgp 4294967296", "% Unknown command: router bgp 4294967296"},
	{"router", "network", "% Command incomplete."},
	{"router", "network 192.0.2.1/33", "% Unknown command: network 192.0.2.1/33"},
	{"router", "network 192.0.2.1/", "% Unknown command: network 192.0.2.1/"},
	{"router", "network 192.0.2/24", "% Unknown command: network 192.0.2/24"},
	{"router", "network 192.0.2.256/32", "% Unknown command: network 192.0.2.256/32"},
	{"router", "network garbage", "% Unknown command: network garbage"},
	{"router", "network 203.0.113.12/32 route-map", "% Command incomplete."},
	{"router", "network 203.0.113.12/32 route-map BLACKHOLE extra", "% Unknown command: network 203.0.113.12/32 route-map BLACKHOLE extra"},
	{"router", "network 203.0.113.20 mask 255.255.255.255", ""},
	{"router", "network 203.0.113.20/32", ""},
	{"router", "no network 203.0.113.20/32", ""},
	{"router", "no network 203.0.113.20/32", "% Can't find specified static route configuration."},
	{"router", "network 203.0.113.12/32 route-map BLACKHOLE", ""},
	{"router", "no network 203.0.113.12/32 route-map OTHER", ""},
	{"router", "show ip bgp", "% Unknown command: show ip bgp"},
	{"router", "do zz", "% Unknown command: do zz"},
	{"router", "exit-address-family", "% Unknown command: exit-address-family"},
	{"ipv6", "network 2001:db8:113::5/129", "% Unknown command: network 2001:db8:113::5/129"},
	{"ipv6", "exit-address-family", ""},
}

// wayTo is what leads to a mode from a new session.
var wayTo = map[string][]string{
	"view": {"disable"}, "enable": nil, "config": {"configure terminal"},
	"router": {"configure terminal", "router bgp 65534"},
	"ipv6":   {"configure terminal", "router bgp 65534", "address-family ipv6"},
}

func TestErrorsReadAsQuaggas(t *testing.T) {
	l := newLab(t)
	for _, c := range quaggaSaid {
		alice := l.login("alice")
		alice.must(wayTo[c.mode]...)
		got := strings.TrimSuffix(alice.run(c.line), "\n")
		if got != c.answer {
			t.Errorf("%s: %q answers %q, want %q", c.mode, c.line, got, c.answer)
		}
		if ok := alice.last.Status == vty.OK; ok != (c.answer == "") {
			t.Errorf("%s: %q has status %d", c.mode, c.line, alice.last.Status)
		}
	}
}

// TestTrapsOfQuaggaAreRefused: each of these takes a whole network down there,
// or is lost in another mode.
func TestTrapsOfQuaggaAreRefused(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct{ mode, line, answer string }{
		{"router", "network 203.0.113.200", "% The mask is missing: Quagga would take the whole of 203.0.113.0/24 for 203.0.113.200. Type `network 203.0.113.200/32` for this one address."},
		{"router", "no network 203.0.113.200", "% The mask is missing: Quagga would take the whole of 203.0.113.0/24 for 203.0.113.200. Type `no network 203.0.113.200/32` for this one address."},
		{"router", "network 10.0.0.1", "% The mask is missing: Quagga would take the whole of 10.0.0.0/8 for 10.0.0.1. Type `network 10.0.0.1/32` for this one address."},
		{"router", "network 203.0.113.77/24", "% 203.0.113.77/24 has bits set beyond its mask; type 203.0.113.77/32 for the one address, or 203.0.113.0/24 for the network."},
		{"router", "network 203.0.113.0 mask 255.255.255.0", "% Only the mask 255.255.255.255 is taken in this form; type the network as A.B.C.D/M, or `network 203.0.113.0/32` for this one address."},
		{"router", "network 2001:db8:113::5/128", "% 2001:db8:113::5/128 is an IPv6 network; type `address-family ipv6` first."},
		{"router", "no network 2001:db8:113::5/128", "% 2001:db8:113::5/128 is an IPv6 network; type `address-family ipv6` first."},
		{"ipv6", "network 203.0.113.1/32", "% 203.0.113.1/32 is an IPv4 network; type `address-family ipv4` first."},
		{"ipv6", "network 203.0.113.1", "% 203.0.113.1 is an IPv4 network; type `address-family ipv4` first."},
		{"ipv6", "network 2001:db8:113::5", "% The mask is missing; type `network 2001:db8:113::5/128` for this one address."},
		{"ipv6", "network 2001:db8:113::5/64", "% 2001:db8:113::5/64 has bits set beyond its mask; type 2001:db8:113::5/128 for the one address, or 2001:db8:113::/64 for the network."},
		{"ipv6", "network ::ffff:203.0.113.5/128", "% ::ffff:203.0.113.5/128 is an IPv4 address in IPv6 form; type 203.0.113.5/32 instead."},
		{"config", "no router bgp 65534", "% This would withdraw every blackhole at once, so it is not done; type `no network P` for each of them."},
	} {
		alice := l.login("alice")
		alice.must(wayTo[c.mode]...)
		before := alice.Prompt()
		if got := alice.refused(c.line); got != c.answer {
			t.Errorf("%q answers\n%s\nwant\n%s", c.line, got, c.answer)
		}
		if alice.Prompt() != before {
			t.Errorf("%q changed the mode to %s", c.line, alice.Prompt())
		}
	}
	if len(l.st.Blackholes("", l.now)) != 0 {
		t.Errorf("a trap announced: %v", l.st.Blackholes("", l.now))
	}
}

// TestRefusalsNameTheRule types one line against each rule of the state.
func TestRefusalsNameTheRule(t *testing.T) {
	l := newLab(t)
	l.asOperator(`
blackhole protected 203.0.113.128/29
route-map SECRET permit 10
route-map DENIES deny 10
customer acme
 route-map DENIES
 minimum-length ipv4 28
 lifetime maximum 2d
 lifetime minimum 5m
 maximum-blackholes 1
 network 203.0.113.1/32`)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	l.entries = nil
	for _, c := range []struct{ line, answer string }{
		{"network 198.51.100.7/32", "% 198.51.100.7/32 is not within your prefixes (203.0.113.0/24, 2001:db8:113::/48)."},
		{"network 0.0.0.0/0", "% 0.0.0.0/0 is not within your prefixes (203.0.113.0/24, 2001:db8:113::/48)."},
		{"network 203.0.112.0/23", "% 203.0.112.0/23 is not within your prefixes (203.0.113.0/24, 2001:db8:113::/48)."},
		{"network 203.0.113.0/24", "% 203.0.113.0/24 is a whole network of mask /24; you may blackhole masks of /28 and longer only, such as 203.0.113.0/32."},
		{"network 203.0.113.130/32", "% 203.0.113.130/32 overlaps 203.0.113.128/29, which is protected by the operator and never blackholed."},
		{"network 203.0.113.2/32 route-map NOPE", "% Route-map NOPE is not defined for you; nothing was announced. You may use: BLACKHOLE, DENIES."},
		{"network 203.0.113.2/32 route-map SECRET", "% Route-map SECRET is not defined for you; nothing was announced. You may use: BLACKHOLE, DENIES."},
		{"network 203.0.113.2/32 route-map DENIES", "% Route-map DENIES denies 203.0.113.2/32; nothing was announced."},
		{"network 203.0.113.2/32 expire never", "% `expire never` is not allowed for you; the longest is 2d."},
		{"network 203.0.113.2/32 expire 3d", "% The longest lifetime that you may ask for is 2d."},
		{"network 203.0.113.2/32 expire 10s", "% The shortest lifetime that you may ask for is 5m."},
		{"network 203.0.113.2/32 expire at 2020-01-01T00:00:00Z", "% 2020-01-01T00:00:00Z is over already; it is 2026-06-19T10:00:00Z on the cluster's clock."},
		{"network 203.0.113.2/32 expire soon", "% A lifetime is a number with s, m, h, d or w, such as 90s, 2h or 7d, or never."},
		{"network 203.0.113.2/32 expire at noon", "% A time is written as 2006-01-02T15:04:05Z."},
		{"network 203.0.113.2/32", "% You have 1 blackholes, and 1 is your limit; end one with `no network` first."},
	} {
		if got := alice.refused(c.line); got != c.answer {
			t.Errorf("%q answers\n%s\nwant\n%s", c.line, got, c.answer)
		}
	}
	if len(l.entries) != 0 {
		t.Errorf("%d refused lines reached the log", len(l.entries))
	}
}

func TestTheRefusalThatCountsIsTheLogs(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	// The state that the Shell looks at allows it; when the entry is applied the
	// grant is gone.
	raced := l.ports()
	raced.Cluster = racing{l}
	alice.ports = raced
	if got := alice.refused("network 203.0.113.1/32"); !strings.HasPrefix(got, "% 203.0.113.1/32 is not within your prefixes") {
		t.Error(got)
	}
}

// racing changes the grant between a line's look and its entry.
type racing struct{ *lab }

func (r racing) Propose(ctx context.Context, e rtbh.Entry) (Receipt, error) {
	p := r.st.Customers()[0].Prefixes[:1]
	r.asCluster(rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerPrefixes, Remove: true, Value: rtbh.Customer{Prefixes: p}})
	return r.lab.Propose(ctx, e)
}

func TestWithoutAMajority(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	for _, p := range []string{"1", "2", "3", "4", "5", "6", "7"} {
		alice.must("network 203.0.113." + p + "/32")
	}
	lost := &NotAccepted{Reaches: 1, Members: 3, Silent: []Silent{{"trigger2", 14 * time.Second}, {"witness", 14 * time.Second}}}
	for _, line := range []string{"network 203.0.113.8/32", "no network 203.0.113.1/32", "write memory"} {
		l.fail = lost
		want := "% NOT accepted: this node reaches 1 of 3 cluster members (silent: trigger2 14s, witness 14s).\n" +
			"% Your 7 blackholes stay announced; nothing was changed."
		if got := alice.refused(line); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
	l.fail = &NotAccepted{Err: errors.New("leadership is being handed over")}
	if got := alice.refused("network 203.0.113.8/32"); got != "% NOT accepted: leadership is being handed over.\n% Your 7 blackholes stay announced; nothing was changed." {
		t.Error(got)
	}
	root := l.login("root")
	root.must("configure terminal")
	l.fail = &NotAccepted{}
	if got := root.refused("customer gamma"); got != "% NOT accepted: no leader is known.\n% All 7 blackholes stay announced; nothing was changed." {
		t.Error(got)
	}
	if root.Prompt() != "trigger1(config)# " {
		t.Errorf("entered a customer that is not there: %s", root.Prompt())
	}
}

// TestAnUnconfirmedLineIsTheSameRequestAgain follows a line whose outcome is not
// known, whether it took effect or not.
func TestAnUnconfirmedLineIsTheSameRequestAgain(t *testing.T) {
	for _, applied := range []bool{false, true} {
		l := newLab(t)
		alice := l.login("alice")
		alice.must("configure terminal", "router bgp 65534")
		l.fail, l.lost = &NotConfirmed{}, applied
		if got := alice.run("network 203.0.113.1/32"); got != "% NOT CONFIRMED: may still take effect. Repeating the command is safe.\n" || alice.last.ExitStatus() != 2 {
			t.Fatal(got)
		}
		alice.must("network 203.0.113.1/32")
		if l.entries[0].Request != l.entries[1].Request {
			t.Error("the repeated line is another request")
		}
		b, ok := l.st.Blackhole(l.st.Blackholes("acme", l.now)[0].Prefix, "acme", l.now)
		if !ok || b.Request != l.entries[0].Request {
			t.Errorf("blackhole %+v", b)
		}
		alice.must("network 203.0.113.1/32")
		if l.entries[2].Request == l.entries[1].Request {
			t.Error("a confirmed line's id was used again")
		}
	}
}

// TestAWithdrawalEndsTheRightToRepeat: typing the unconfirmed line again after a
// confirmed `no network` is a new wish, and must be carried out.
func TestAWithdrawalEndsTheRightToRepeat(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	l.fail, l.lost = errors.New("the connection broke"), true
	alice.run("network 203.0.113.1/32")
	if alice.last.Status != vty.NotConfirmed {
		t.Fatalf("an unknown error counts as %d", alice.last.Status)
	}
	l.pass(time.Second)
	alice.must("no network 203.0.113.1/32")
	l.pass(time.Second)
	alice.must("network 203.0.113.1/32")
	if len(l.st.Blackholes("acme", l.now)) != 1 {
		t.Error("the blackhole is not there")
	}
}

func TestNotesAboutSilentTriggers(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	alice.must("network 203.0.113.3/32 expire never")
	l.silent = []Silent{{"trigger2", 14 * time.Second}}
	for _, c := range []struct{ line, note string }{
		{"network 203.0.113.1/32 expire 4h5m", "Note: trigger2 has not confirmed (silent 14s); it may not announce 203.0.113.1/32 until it does.\n"},
		{"no network 203.0.113.1/32", "Note: trigger2 has not confirmed (silent 14s); it may announce 203.0.113.1/32 until it does or until 14:05 UTC.\n"},
		{"no network 203.0.113.3/32", "Note: trigger2 has not confirmed (silent 14s); it may announce 203.0.113.3/32 until it does.\n"},
		{"write memory", "Note: trigger2 has not confirmed (silent 14s); it will apply this when it is back.\nConfiguration saved to cluster log (index 23)\n[OK]\n"},
	} {
		if got := alice.run(c.line); got != c.note || alice.last.Status != vty.OK {
			t.Errorf("%s prints\n%s(status %d), want\n%s", c.line, got, alice.last.Status, c.note)
		}
	}
}
