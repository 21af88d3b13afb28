package cli

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestTableIsSound(t *testing.T) {
	for _, err := range table().Check() {
		t.Error(err)
	}
	used := map[string]bool{}
	for _, e := range Manual() {
		for _, tok := range e.Tokens {
			used[tok.Token] = true
		}
	}
	for w := range words {
		if !used[w] {
			t.Errorf("words has help for %q, which no command has", w)
		}
	}
}

func TestFirstSession(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	golden(t, "first-session", alice.transcript(
		"enable", "configure terminal", "router bgp 65534", "network 203.0.113.12/32",
		"network 203.0.113.13/32 route-map BLACKHOLE expire 2h ticket T-17 reason under attack | since noon",
		"address-family ipv6 unicast", "network 2001:db8:113::1/128", "exit-address-family",
		"do show ip bgp", "do show running-config", "no network 203.0.113.12/32", "no network 203.0.113.12/32",
		"end", "write memory", "exit",
	))
	if !alice.last.Close {
		t.Error("exit at enable mode did not close the session")
	}
}

// TestPrompts walks through the modes as the transcripts of Quagga do.
func TestPrompts(t *testing.T) {
	l := newLab(t)
	root := l.login("root")
	for _, c := range []struct{ line, prompt string }{
		{"", "trigger1# "}, {"disable", "trigger1> "}, {"enable", "trigger1# "}, {"conf t", "trigger1(config)# "},
		{"router bgp 65535", "trigger1(config-router)# "}, {"address-family ipv4", "trigger1(config-router-af)# "},
		{"exit-address-family", "trigger1(config-router)# "}, {"address-family ipv6", "trigger1(config-router-af)# "},
		{"exit", "trigger1(config-router)# "}, {"customer acme", "trigger1(config-customer)# "},
		{"user alice", "trigger1(config-user)# "}, {"user amy", "trigger1(config-user)# "}, {"exit", "trigger1(config-customer)# "},
		{"route-map R permit 5", "trigger1(config-route-map)# "}, {"user root operator", "trigger1(config-user)# "},
		{"exit", "trigger1(config)# "}, {"customer beta", "trigger1(config-customer)# "}, {"end", "trigger1# "},
		{"conf t", "trigger1(config)# "}, {"quit", "trigger1# "},
	} {
		root.must(c.line)
		if got := root.Prompt(); got != c.prompt {
			t.Fatalf("after %q the prompt is %q, want %q", c.line, got, c.prompt)
		}
	}
}

func TestPromptNames(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n prompt edge7\n user amy\n  prompt amys-box")
	for user, want := range map[string]string{"alice": "edge7# ", "amy": "amys-box# ", "bob": "trigger1# ", "root": "trigger1# "} {
		if got := l.login(user).Prompt(); got != want {
			t.Errorf("%s: %q, want %q", user, got, want)
		}
	}
}

func TestCtrlCAndCtrlZ(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	for _, leave := range []func(){alice.Interrupt, alice.End} {
		alice.must("configure terminal", "router bgp 65534")
		leave()
		if alice.Prompt() != "trigger1# " {
			t.Error(alice.Prompt())
		}
		alice.must("disable")
		leave()
		if alice.Prompt() != "trigger1> " {
			t.Error("the view mode did not stay")
		}
		alice.must("enable")
	}
}

func TestLandingLevel(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n user amy\n  landing view")
	amy, _ := l.st.User("amy")
	if got := l.login("amy").Prompt(); got != "trigger1> " {
		t.Error(got)
	}
	if got := l.shell(Login{User: amy, Door: rtbh.DoorExec, AtEnable: true}).Prompt(); got != "trigger1# " {
		t.Error("exec does not run at enable:", got)
	}
}

// TestAnOldScriptsEnableSecretIsSwallowed: it is not run, not kept, and is no
// failure; what is a command is run.
func TestAnOldScriptsEnableSecretIsSwallowed(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	for _, secret := range []string{"s3cret!", "e", "show"} {
		alice.must("enable")
		if !alice.last.Hush {
			t.Error("the line after enable is echoed at once")
		}
		if out := alice.run(secret); out != "" || !alice.last.Forget || alice.last.Status != vty.OK {
			t.Errorf("%q: %q, %+v", secret, out, alice.last)
		}
		if out := alice.run("zz"); out == "" || alice.last.Forget {
			t.Error("the second line after enable was swallowed, too")
		}
	}
	alice.must("enable", "configure terminal")
	if alice.last.Forget || alice.Prompt() != "trigger1(config)# " {
		t.Error("a command after enable was swallowed")
	}
}

// TestACustomerLearnsNothingOfOthers tries every way that is known to tell
// whether somebody else is there.
func TestACustomerLearnsNothingOfOthers(t *testing.T) {
	l := newLab(t)
	l.asOperator(`
route-map BETA-ONLY permit 10
 set community 64500:77
customer beta
 prefix 203.0.113.0/24
 route-map BETA-ONLY
 network 203.0.113.1/32 route-map BETA-ONLY reason betas-secret
 network 198.51.100.1/32 reason betas-secret`)
	l.asOperator("customer acme\n user otto viewer\n exit\n exit\nip prefix-list BETA-LIST permit 198.51.100.1/32")
	alice, otto := l.login("alice"), l.login("otto")
	for _, show := range append(allShows(customers), allShows(operators)...) {
		out := alice.run(show) + otto.run(show) + otto.run("list")
		for _, word := range []string{"beta", "bob", "198.51.100.1", "203.0.113.1/", "203.0.113.1 ", "64500:77", "root", "vera", "65533"} {
			if strings.Contains(strings.ToLower(out), word) {
				t.Errorf("%s says %q:\n%s", show, word, out)
			}
		}
	}
	for _, pair := range [][2]string{ // of what is another's, and of what is not there
		{"show ip bgp 198.51.100.1/32", "show ip bgp 192.0.2.99/32"},
		{"show blackhole 198.51.100.1/32", "show blackhole 192.0.2.99/32"},
		{"show customer beta", "show customer nope"},
		{"show route-map BETA-ONLY", "show route-map NOPE"},
		{"customer beta", "customer nope"},
	} {
		strip := strings.NewReplacer("198.51.100.1/32", "X", "192.0.2.99/32", "X", "beta", "X", "nope", "X", "BETA-ONLY", "X", "NOPE", "X")
		if a, b := strip.Replace(alice.run(pair[0])), strip.Replace(alice.run(pair[1])); a != b {
			t.Errorf("%s: %q\n%s: %q", pair[0], a, pair[1], b)
		}
	}
	alice.must("configure terminal", "router bgp 65534")
	if got := alice.refused("no network 203.0.113.1/32"); got != "% Can't find specified static route configuration." {
		t.Error(got)
	}
	// Where both have the prefix, alice sees hers as her own route-map makes it.
	alice.must("network 203.0.113.1/32", "end")
	if out := alice.run("show ip bgp 203.0.113.1/32"); !strings.Contains(out, "65535:666 no-export") || strings.Contains(out, "64500:77") {
		t.Error(out)
	}
	if out := alice.run("show ip bgp"); !strings.Contains(out, "*> 203.0.113.1/32") {
		t.Error(out)
	}
}

// TestRoles: what is not for a role does not exist for it.
func TestRoles(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n user otto viewer")
	for _, c := range []struct{ user, line string }{
		{"alice", "cluster token voter"}, {"alice", "approve 1"}, {"alice", "show ip prefix-list"},
		{"otto", "configure terminal"}, {"otto", "show ip prefix-list"}, {"otto", "cluster remove trigger2"},
		{"vera", "configure terminal"}, {"vera", "cluster remove trigger2"}, {"vera", "approve 1"},
	} {
		x := l.login(c.user)
		if got := x.refused(c.line); got != "% Unknown command: "+c.line {
			t.Errorf("%s: %s: %s", c.user, c.line, got)
		}
		first, _, _ := strings.Cut(c.line, " ")
		if strings.HasPrefix(c.line, "show") {
			continue
		}
		if help := x.Describe(""); strings.Contains(help, "  "+first+" ") {
			t.Errorf("%s sees %s in the help", c.user, first)
		}
		if list := x.run("list"); strings.Contains(list, c.line) {
			t.Errorf("%s sees %s in list", c.user, c.line)
		}
	}
	alice := l.login("alice")
	alice.must("configure terminal")
	for _, line := range []string{"customer acme", "user alice operator", "route-map BLACKHOLE permit 10", "blackhole maximum 5", "ssh user-ca " + keyA} {
		if got := alice.refused(line); got != "% Unknown command: "+line {
			t.Errorf("%s: %s", line, got)
		}
	}
	// A viewer of everything sees customers and no secrets.
	l.asOperator("customer acme\n user alice\n  password encrypted " + hash + "\n exit\n network 203.0.113.1/32")
	vera := l.login("vera")
	out := vera.run("show running-config")
	if !strings.Contains(out, "network 203.0.113.1/32") || strings.Contains(out, "argon2id") || strings.Contains(out, "tcp-secret") {
		t.Error(out)
	}
	if out := l.login("root").run("show running-config"); !strings.Contains(out, "argon2id") || !strings.Contains(out, "tcp-secret") {
		t.Error(out)
	}
}

// TestRightsFollowTheState: a session lives no longer than its user.
func TestRightsFollowTheState(t *testing.T) {
	l := newLab(t)
	alice, vera := l.login("alice"), l.login("vera")
	l.asOperator("user vera operator\n exit\ncustomer acme\n user alice\n  disable")
	vera.must("configure terminal", "customer gamma")
	if got := alice.refused("show ip bgp"); got != "% This user does not exist any more or is disabled." || !alice.last.Close {
		t.Errorf("%s %+v", got, alice.last)
	}
	l.asOperator("customer acme\n no user alice")
	if alice.refused("show ip bgp"); !alice.last.Close {
		t.Error("a deleted user's session goes on")
	}
}

func TestAnOperatorsNetworkNeedsACustomer(t *testing.T) {
	l := newLab(t)
	root := l.login("root")
	root.must("configure terminal", "router bgp 65535")
	if got := root.refused("network 203.0.113.1/32"); got != "% A blackhole belongs to a customer: type `customer NAME`, then `network P` there." {
		t.Error(got)
	}
	root.must("customer acme", "network 203.0.113.1/32", "network 2001:db8:113::1/128 reason on behalf")
	holes := l.st.Blackholes("acme", l.now)
	if len(holes) != 2 || holes[0].By.User != "root" || holes[0].By.From != "198.51.100.77:50022" || holes[0].By.Door != rtbh.DoorSSH || holes[0].By.Node != "trigger1" {
		t.Errorf("%+v", holes)
	}
	// The customer is not told from where its provider works.
	out := l.login("alice").run("show blackhole 203.0.113.1/32")
	if !strings.Contains(out, "root") || strings.Contains(out, "198.51.100.77") {
		t.Error(out)
	}
	if got := root.refused("network 203.0.113.77"); !strings.HasPrefix(got, "% The mask is missing") {
		t.Error(got)
	}
}

// TestNothingTypedReachesATerminalRaw: neither what others typed, nor what the
// user typed itself.
func TestNothingTypedReachesATerminalRaw(t *testing.T) {
	l := newLab(t)
	evil := "\x1b]0;owned\x07\x9b2J\u202e"
	alice := l.login("alice")
	for _, line := range []string{"zz" + evil, "show " + evil, "echo " + evil, "show ip bgp | include " + evil, "show customer " + evil} {
		if out := alice.run(line); strings.ContainsFunc(strings.ReplaceAll(out, "\n", ""), func(r rune) bool { return r < ' ' || r == 0x9b || r == 0x7f }) {
			t.Errorf("%q prints %q", line, out)
		}
	}
	// By another door such a reason may have come into the state all the same.
	l.asOperator("customer acme\n network 203.0.113.1/32")
	l.View(func(s *rtbh.State, now rtbh.Instant) {
		b := s.Blackholes("acme", now)[0]
		b.Reason, b.Ticket, b.By.User = evil, evil, evil
		for _, text := range []string{networkLine(b, 0), clean(b.Reason), clean(b.By.User)} {
			if strings.ContainsFunc(text, unsafeRune) {
				t.Errorf("%q", text)
			}
		}
	})
	l.node.Hostname = "trig\x1b[31mger"
	if p := alice.Prompt(); strings.Contains(p, "\x1b") {
		t.Errorf("%q", p)
	}
}

func TestDescribeAndComplete(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	for _, c := range []struct{ line, want string }{
		{"do show ip b", "  bgp  BGP information\n"},
		{"do show ip bgp | ", "  begin    Start with the first line that matches\n  count    Count the lines, or those that match\n" +
			"  exclude  Leave out the lines that match\n  include  Show only the lines that match\n"},
		{"do show ip bgp | inc", "  include  Show only the lines that match\n"},
		{"do show ip bgp | zz", "% There is no matched command.\n"},
		{"network 203.0.113.1/32 reason a | ", "  LINE  Why, for the record\n"},
	} {
		if got := alice.Describe(c.line); got != c.want && !strings.HasPrefix(c.line, "network") {
			t.Errorf("%q?\n%s", c.line, got)
		}
	}
	for _, c := range []struct{ line, insert string }{
		{"netw", "ork "}, {"do sh", "ow "}, {"do show ip bgp | inc", "lude "}, {"addr", "ess-family "},
	} {
		if got, choices := alice.Complete(c.line); got != c.insert {
			t.Errorf("%q Tab: %q %v", c.line, got, choices)
		}
	}
}

// FuzzExecute types anything at all at anybody's prompt: nothing may panic, and
// nothing unprintable come out.
func FuzzExecute(f *testing.F) {
	for _, c := range quaggaSaid {
		f.Add(c.line, c.mode == "enable")
	}
	for _, line := range []string{
		"customer x", "set extcommunity rt 1:2", "route-map R permit 10", "network 203.0.113.1/32 expire 99999999w",
		"ip prefix-list P permit 10.0.0.0/8 ge 9 le 8", "show blackhole | include (", "do do do show ip bgp | count", "key ssh-rsa x",
	} {
		f.Add(line, true)
	}
	f.Fuzz(func(t *testing.T, line string, operator bool) {
		l := newLab(t)
		user := "alice"
		if operator {
			user = "root"
		}
		x := l.login(user)
		modes := [][]string{nil, {"configure terminal"}, {"router bgp 65534"}, {"address-family ipv6"}}
		if operator {
			modes = [][]string{nil, {"configure terminal"}, {"customer acme"}, {"user alice"}, {"route-map R permit 10"}, {"user root"}}
		}
		for _, way := range modes {
			for _, w := range way {
				x.Execute(context.Background(), w, io.Discard)
			}
			at := x.Shell.mode
			out := x.run(line)
			if strings.ContainsFunc(strings.ReplaceAll(out, "\n", ""), func(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }) {
				t.Errorf("%q prints %q", line, out)
			}
			x.Describe(line)
			x.Complete(line)
			if !x.refresh() {
				return
			}
			x.Shell.mode = at
		}
	})
}
