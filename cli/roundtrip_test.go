package cli

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// clusterLines is what an operator's running configuration says about the
// cluster, without the node's own part.
func (l *lab) clusterLines() []string {
	var lines []string
	l.View(func(s *rtbh.State, now rtbh.Instant) { lines = clusterConfig(s, now) })
	return lines
}

// retyped feeds the printed configuration to an empty cluster, line by line, as
// an operator would paste it.
func (l *lab) retyped(t rapid.TB, tt *testing.T) *lab {
	fresh := bareLab(tt)
	fresh.now = l.now
	sh := fresh.local()
	sh.run("configure terminal")
	for _, line := range l.clusterLines() {
		if out := sh.run(line); out != "" || sh.last.Status != vty.OK {
			t.Fatalf("%s%s\n%s\nwhole configuration:\n%s", sh.Prompt(), line, out, strings.Join(l.clusterLines(), "\n"))
		}
	}
	return fresh
}

// sameConfig compares all that is configuration, beyond its text.
func sameConfig(t rapid.TB, a, b *rtbh.State, now rtbh.Instant) {
	compare := func(what string, x, y any) {
		t.Helper()
		if !reflect.DeepEqual(x, y) {
			t.Errorf("%s differ:\n%+v\n%+v", what, x, y)
		}
	}
	compare("customers", a.Customers(), b.Customers())
	compare("users", a.Users(), b.Users())
	compare("settings", a.Settings(), b.Settings())
	compare("route-maps", a.RouteMaps(), b.RouteMaps())
	compare("prefix-lists", a.PrefixLists(), b.PrefixLists())
	compare("community-lists", a.CommunityLists(), b.CommunityLists())
	compare("routes", a.Desired(now), b.Desired(now))
	ends := func(s *rtbh.State) (out []string) {
		for _, h := range s.Blackholes("", now) {
			end := fmt.Sprint(int64(h.Deadline))
			if h.Life == s.Lifetimes(h.Customer).Default {
				end = "the default" // as a plain line, it lasts that long from when it is read
			}
			out = append(out, fmt.Sprintf("%s %s %s %q %q %q", h.Prefix, h.Customer, end, h.RouteMap, h.Reason, h.Ticket))
		}
		return out
	}
	compare("blackholes", ends(a), ends(b))
}

// Words that the random configuration is made of.
var (
	keyA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGo4cOg+pqxDhuYH2zwEgcFMEq3PxCIqVXZBTMd3Or8r alice@home"
	keyB = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKIjcqUBqdzU1Ir1COOao457/IfZFLwiOAJqhjMf8FXMeZ7mL0ikZv2LMn43H3Fu6uoEMx5YnR8YsEno9PbEJCw="
	hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"

	someText = rapid.SampledFrom([]string{"x", "two words", `quotes " and ' ; |`, "double  space", "Zürich → 東京", "exit", "! bang", "# hash", "no", "| include x",
		"?", `\`, `\n`, "-", "reason ticket expire never", "é", "e\u0301", "👩‍🚒", "שלום", "\u00a0", "%s %d", "tab\there", "\u202egnp.exe"})
	anyText  = rapid.OneOf(someText, someText, rapid.StringN(1, 20, 60)) // what is refused is not in the state
	anyNet   = rapid.SampledFrom([]string{"203.0.113.0/24", "198.51.100.0/25", "2001:db8:113::/48", "2001:db8::/32", "192.0.2.128/25"})
	anyHost  = rapid.SampledFrom([]string{"203.0.113.1/32", "203.0.113.200/32", "198.51.100.3/32", "2001:db8:113::9/128", "2001:db8::/128", "203.0.113.64/26"})
	anyLife  = rapid.SampledFrom([]string{"90s", "5m", "2h", "36h", "7d", "25d", "never", "1d12h30m"})
	anyRM    = rapid.SampledFrom([]string{"BLACKHOLE", "UPSTREAM-A", "b.2", "permit", "10", "json", "out"})
	anyCust  = rapid.SampledFrom([]string{"acme", "beta", "c-3", "json", "no", "192.0.2.1", "exit", "_"})
	anyUser  = rapid.SampledFrom([]string{"alice", "bob", "carol", "dave", "operator", "viewer", "key", "2001", "a_b.c-d"})
	anyComms = rapid.SampledFrom([]string{"65535:666", "no-export 65535:666", "local-AS 64500:1 no-advertise", "0:1 65535:65535"})
	anyNum   = rapid.Uint32Range(1, 4294967290)
)

// anyLine draws one configuration line, with the lines that lead to its mode.
func anyLine(t *rapid.T) []string {
	d := func(g *rapid.Generator[string], what string) string { return g.Draw(t, what) }
	n := func() uint32 { return anyNum.Draw(t, "n") }
	in := func(mode string, lines ...string) []string {
		return []string{mode, rapid.SampledFrom(lines).Draw(t, "line")}
	}
	action := rapid.SampledFrom([]string{"permit", "deny"}).Draw(t, "action")
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return in("customer "+d(anyCust, "c"),
			"description "+d(anyText, "text"), "contact "+d(anyText, "text"), fmt.Sprintf("as-number %d", n()),
			"prompt edge-1", "no prompt", "no as-number", "no description",
			fmt.Sprintf("origin-as %d roa", n()), fmt.Sprintf("maximum-blackholes %d", n()))
	case 1:
		return in("customer "+d(anyCust, "c"), "prefix "+d(anyNet, "net"), "prefix "+d(anyNet, "net"), "route-map "+d(anyRM, "rm"),
			"minimum-length ipv4 24", "minimum-length ipv6 48", "approval-length ipv4 30", "approval-length ipv6 64",
			"lifetime default "+d(anyLife, "l"), "lifetime maximum "+d(anyLife, "l"), "lifetime minimum "+d(anyLife, "l"))
	case 2:
		lines := []string{"key " + keyA, "key " + keyB, "no key " + keyA, "principal " + d(anyCust, "p"), "password encrypted " + hash,
			"landing view", "landing enable", "receipt", "disable", "no disable", "prompt me"}
		if rapid.Bool().Draw(t, "top") {
			return in("user "+d(anyUser, "u")+" "+rapid.SampledFrom([]string{"operator", "viewer"}).Draw(t, "role"), lines...)
		}
		return append([]string{"customer " + d(anyCust, "c")},
			in("user "+d(anyUser, "u")+rapid.SampledFrom([]string{"", " viewer"}).Draw(t, "role"), lines...)...)
	case 3:
		return in("exit", "blackhole default-lifetime "+d(anyLife, "l"), "blackhole maximum-lifetime "+d(anyLife, "l"),
			"blackhole minimum-lifetime 30s", fmt.Sprintf("blackhole maximum %d", n()), "no blackhole maximum",
			fmt.Sprintf("blackhole maximum-per-customer %d", n()), "ssh user-ca "+keyA, "no ssh user-ca "+keyA,
			"banner motd line "+d(anyText, "text"), "blackhole protected 192.0.2.0/26", "blackhole protected 2001:db8:ffff::/48")
	case 4:
		return in("exit", "ip prefix-list PL "+action+" 203.0.113.0/24 ge 32", "ip prefix-list PL seq 7 "+action+" any",
			"ipv6 prefix-list PL6 "+action+" 2001:db8::/32 ge 48 le 128", "no ip prefix-list PL", "ip prefix-list P2 permit 0.0.0.0/0 le 32",
			"ip community-list standard CL "+action+" "+d(anyComms, "c"), "no ip community-list standard CL")
	}
	return in(fmt.Sprintf("route-map %s %s %d", d(anyRM, "rm"), action, rapid.SampledFrom([]int{10, 20}).Draw(t, "seq")),
		"description "+d(anyText, "text"), "no description", "match community CL", "match ip address prefix-list PL",
		"match ipv6 address prefix-list PL6", "set community "+d(anyComms, "c"), "set community "+d(anyComms, "c")+" additive",
		"no set community", "set large-community 64500:1:2 1:2:3 additive", "set extcommunity rt 64500:70000 192.0.2.1:7",
		"set extcommunity soo 4200000001:9", "no set extcommunity rt", "set ip next-hop 198.51.100.9", "no set ip next-hop",
		"set ipv6 next-hop global 2001:db8::dead", "no set ipv6 next-hop global", "set local-preference 0",
		fmt.Sprintf("set metric %d", n()), "set origin incomplete", "set as-path prepend 64500 64500 64501", "no set as-path prepend")
}

// anyNetwork draws a line that announces or withdraws on a customer's behalf.
func anyNetwork(t *rapid.T) []string {
	p := anyHost.Draw(t, "p")
	return []string{"customer " + anyCust.Draw(t, "c"), rapid.SampledFrom([]string{
		"network " + p,
		"network " + p + " expire " + anyLife.Draw(t, "l"),
		"network " + p + " route-map " + anyRM.Draw(t, "rm") + " reason " + anyText.Draw(t, "text"),
		"network " + p + " expire at 2026-06-20T11:12:13.456Z ticket T-1",
		"no network " + p,
	}).Draw(t, "line")}
}

// TestPrintedConfigurationReadsBack holds the rule that whatever the running
// configuration prints can be typed into an empty cluster, gives the same
// state, and prints the same again.
func TestPrintedConfigurationReadsBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := bareLab(t)
		sh := l.local()
		enter := func(lines []string) {
			sh.run("end")
			sh.run("configure terminal")
			for _, line := range lines {
				if line != "exit" {
					sh.run(line) // some are refused: then they are not in the state
				}
			}
		}
		for range rapid.IntRange(0, 40).Draw(rt, "lines") {
			enter(anyLine(rt))
		}
		// Rules that change later may refuse what they found: so blackholes last.
		for range rapid.IntRange(0, 20).Draw(rt, "networks") {
			enter(anyNetwork(rt))
			l.pass(time.Duration(rapid.IntRange(0, 5000).Draw(rt, "ms")) * time.Millisecond)
		}
		again := l.retyped(rt, t)
		if got, want := strings.Join(again.clusterLines(), "\n"), strings.Join(l.clusterLines(), "\n"); got != want {
			rt.Fatalf("printed again:\n%s\nwas:\n%s", got, want)
		}
		sameConfig(rt, l.st, again.st, l.now)
	})
}
