package grammar

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file in testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

var modesByName = map[string]*Mode{
	"enable": enableMode, "config": configMode, "config-router": routerMode, "config-router-af": af6Mode,
}

// What Quagga 1.2.3 prints for `?`, byte for byte: the golden file was compared
// with a recording of it.
func TestQuestionMarkAsQuagga(t *testing.T) {
	var got strings.Builder
	for _, at := range []string{
		"enable:", "enable:show ", "enable:sh", "enable:show i", "enable:show ip bgp ", "enable:show ip bgp 192.0.2.12/32 ",
		"enable:show ip bgp summary ", "enable:zz", "enable:show zz", "enable:conf", "enable:configure ", "enable:configure terminal ",
		"config:router ", "config:router bgp ", "config:router bgp 65534 ",
		"config-router:network ", "config-router:network 192.0.2.1/32 ", "config-router:network 192.0.2.1/32 route-map ",
		"config-router:network 192.0.2.1/32 route-map BLACKHOLE ", "config-router:network 192.0.2.1", "config-router:net",
		"config-router:no network ", "config-router-af:network ",
	} {
		mode, line, _ := strings.Cut(at, ":")
		fmt.Fprintf(&got, "%s: %s?\n%s", mode, line, quagga.Describe(modesByName[mode], line, customer))
	}
	golden(t, "testdata/help.golden", got.String())
}

func TestTabAsQuagga(t *testing.T) {
	for _, c := range []struct {
		mode    *Mode
		line    string
		insert  string
		choices string
	}{
		{enableMode, "con", "figure ", ""},
		{enableMode, "c", "", "clear configure copy"},
		{enableMode, "sh", "ow ", ""},
		{enableMode, "show", " ", ""},
		{enableMode, "show ru", "nning-config ", ""},
		{enableMode, "show r", "", "route-map running-config"},
		{enableMode, "zz", "", ""},
		{enableMode, "zz ", "", ""},
		{enableMode, "show i", "p", ""}, // ip and ipv6 have "ip" in common
		{enableMode, "show ip", "", "ip ipv6"},
		{enableMode, "show ip bgp 192.0.2.12/32 ", "", "bestpath longer-prefixes multipath"},
		{enableMode, "show ip bgp large", "-community", ""},
		{enableMode, "c t", "", ""}, // which command is open
		{routerMode, "network 192.0.2.1/32 r", "oute-map ", ""},
		{routerMode, "ne", "", "neighbor network"},
		{af6Mode, "network 2001:db8::1/128 route-map X r", "eason ", ""}, // route-map is used up
		{configMode, "cu", "", ""},                                       // operators only
	} {
		insert, choices := quagga.Complete(c.mode, c.line, customer)
		if insert != c.insert || strings.Join(choices, " ") != c.choices {
			t.Errorf("%s: %q Tab: got %q %v, want %q [%s]", c.mode.Name, c.line, insert, choices, c.insert, c.choices)
		}
	}
}

func TestDescribeInsideOptions(t *testing.T) {
	var got strings.Builder
	for _, line := range []string{
		"network 2001:db8::1/128 ", "network 2001:db8::1/128 expire ", "network 2001:db8::1/128 expire n",
		"network 2001:db8::1/128 expire 1h ", "network 2001:db8::1/128 route-map X expire 1h ",
		"network 2001:db8::1/128 reason ", "network 2001:db8::1/128 reason what was expire ", "ne",
	} {
		fmt.Fprintf(&got, "%s?\n%s", line, quagga.Describe(af6Mode, line, operator))
	}
	golden(t, "testdata/options.golden", got.String())
}

func TestHelpOfAnAmbiguousLine(t *testing.T) {
	if got := quagga.Describe(enableMode, "c ", customer); got != "% Ambiguous command.\n" {
		t.Errorf("got %q", got)
	}
}

func TestListShowsPatternsOfTheMode(t *testing.T) {
	golden(t, "testdata/list.golden", quagga.List(routerMode, customer))
	if strings.Contains(quagga.List(configMode, customer), "customer") {
		t.Error("a customer's list holds an operator's command")
	}
	if !strings.Contains(quagga.List(configMode, operator), "  customer WORD\n") {
		t.Error("an operator's list lacks its command")
	}
}

func TestLongHelpFoldsAtTheTerminalsWidth(t *testing.T) {
	got := Format([]Choice{{"write", "Write running configuration to memory, network, or terminal"}, {"<cr>", ""}}, 40)
	want := "  write  Write running configuration\n         to memory, network, or\n         terminal\n  <cr>   \n"
	if got != want {
		t.Errorf("got\n%s want\n%s", got, want)
	}
}

func TestManualNamesEveryVisibleRow(t *testing.T) {
	all := quagga.Manual()
	if len(all) < 60 {
		t.Fatalf("only %d entries", len(all))
	}
	for _, e := range all {
		if e.Mode == routerMode && strings.HasPrefix(e.Command, "network") {
			if e.Command != "network (A.B.C.D|A.B.C.D/M) [backdoor|route-map WORD|pathlimit]" || len(e.Tokens) != 7 ||
				e.Tokens[5] != (Choice{"WORD", "Name of the route map"}) {
				t.Errorf("got %+v", e)
			}
			return
		}
	}
	t.Error("network is not in the manual")
}
