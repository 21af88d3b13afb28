package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// absences are the commands of Quagga's bgpd that make no sense on a trigger, with
// the reason that docs/quagga.md gives.
var absences = []struct{ why, commands string }{
	{"There is no VPN, multicast or encapsulation table", `.*(vpn|multicast|mbgp|encap).*`},
	{"There is one BGP instance: no views, no route server clients", `.*(\bview\b|rsclient|bgp views).*`},
	{"Nothing received is selected or dampened", `.*(dampen|flap-statistics).*`},
	{"There are no AS path lists, large and extended community lists, access lists or peer groups",
		`.*(filter-list|as-path-access-list|large-community-list|extcommunity-list|access-list|peer-group).*`},
	{"Quagga's inner tables and threads are not there", `show (ip )?bgp (ipv4 unicast )?(paths|memory|nexthop.*|attribute-info|community-info|large-community-info)|` +
		`(show|clear) thread.*|show work-queues|show commandtree`},
	{"The log is the node's, in structured lines; its level is an option of the process", `(no )?(un)?debug.*|show debugging.*|logmsg.*`},
	{"Nothing is pushed to or taken from a neighbor as a filter", `.*neighbors \S+ (received prefix-filter|prefix-counts)`},
	{"Rules do not count what they match", `clear ipv?6? prefix-list.*`},
	{"A route goes to who asks with `clear ip bgp X soft out`", `clear (ip )?bgp (ipv6 unicast )?prefix .*`},
	{"A word behind `external`, which Quagga takes in two lines by mistake, means nothing", `clear bgp ipv6 external NAME (in|out)`},
}

// TestEveryCommandOfQuagga types every command that Quagga's `list` has at the
// enable mode, as an operator: each of them is a command here too, or is among the
// absences; and what is among them is really absent.
func TestEveryCommandOfQuagga(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client")
	commands := quaggaCommands(t)
	d := startDev(t)
	out := d.operator().pipes(0, commands...).stdout
	unknown := map[string]bool{}
	for line := range strings.Lines(out) {
		if c, ok := strings.CutPrefix(strings.TrimSpace(line), "% Unknown command: "); ok {
			unknown[c] = true
		}
		if strings.HasPrefix(line, "% Command incomplete") || strings.HasPrefix(line, "% Ambiguous") {
			t.Errorf("a whole command of Quagga is answered with %s", line)
		}
	}
	used := make([]bool, len(absences))
	for _, c := range commands {
		i := slices.IndexFunc(absences, func(a struct{ why, commands string }) bool {
			return regexp.MustCompile("^(?:" + a.commands + ")$").MatchString(c)
		})
		switch {
		case i < 0 && unknown[c]:
			t.Errorf("%s is missing", c)
		case i >= 0 && !unknown[c]:
			t.Errorf("%s is there; why is it among the absences? %s", c, absences[i].why)
		case i >= 0:
			used[i] = true
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "quagga.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for i, a := range absences {
		if !used[i] {
			t.Errorf("Quagga has no command of which it could be said: %s", a.why)
		}
		if !strings.Contains(text, a.why) {
			t.Errorf("docs/quagga.md does not say: %s", a.why)
		}
	}
	if len(commands) < 300 {
		t.Errorf("only %d commands were tried", len(commands))
	}
}

// quaggaCommands are the lines of Quagga's `list`, with values put in, but for those
// that end the session.
func quaggaCommands(t *testing.T) (all []string) {
	t.Helper()
	for _, x := range readTranscript(t, filepath.Join(transcripts(t), "quagga-vty-06-show.vis.txt")) {
		if strings.TrimSpace(x.keys) != "list" {
			continue
		}
		for line := range strings.Lines(x.shown) {
			line = strings.TrimSpace(line)
			if line == "list" || line == "exit" || line == "quit" || line == "disable" || line == "configure terminal" || line == "" || strings.HasSuffix(line, "#") {
				continue
			}
			all = append(all, quaggaSample(line))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

var (
	quaggaChoice = regexp.MustCompile(`\(([^|()]*)\|[^()]*\)|\(([^|()]*)\)`)
	quaggaValues = strings.NewReplacer(
		"A.B.C.D/M", "192.0.2.1/32", "A.B.C.D", "192.0.2.1", "X:X::X:X/M", "2001:db8::1/128", "X:X::X:X", "2001:db8::1",
		"AA:BB:CC", "1:2:3", "AA:NN", "65535:666", "ASN:nn_or_IP-address:nn", "1:2", ".LINE", "^$", ".MESSAGE", "text", "WORD", "NAME", "[NAME]", "NAME",
		"<1-4294967295>", "5", "<0-512>", "24", "<1-500>", "5", "<1-99>", "5", "[FILTER]", "",
	)
)

// quaggaSample is a command of a list, with the first of all choices taken.
func quaggaSample(pattern string) string {
	for quaggaChoice.MatchString(pattern) {
		pattern = quaggaChoice.ReplaceAllString(pattern, "$1$2")
	}
	line := quaggaValues.Replace(pattern)
	return strings.Join(strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line)), " ")
}
