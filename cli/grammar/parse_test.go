package grammar

import (
	"errors"
	"strings"
	"testing"
)

// What Quagga 1.2.3 answers to these lines, in this order; its "[BGP] " is
// left out on purpose.
func TestErrorsAsQuagga(t *testing.T) {
	for _, c := range []struct {
		mode *Mode
		line string
		want string // "" = runs
	}{
		{enableMode, "conf", "% Command incomplete."},
		{enableMode, "c", "% Ambiguous command."},
		{enableMode, "co", "% Ambiguous command."},
		{enableMode, "conf t", ""},
		{configMode, "sh ru foo", "% Unknown command: sh ru foo"},
		{configMode, "zz", "% Unknown command: zz"},
		{configMode, "show", "% Command incomplete."},
		{configMode, "show ip", "% Unknown command: show ip"},
		{configMode, "show ip zz", "% Unknown command: show ip zz"},
		{configMode, "sh ru", ""},
		{configMode, "w", ""},
		{configMode, "wr", ""},
		{enableMode, "wr mem", ""},
		{enableMode, "copy run start", ""},
		{configMode, "  show version  ", "% Unknown command:   show version  "},
		{enableMode, "  show version  ", ""},
		{enableMode, "show ip bgp  summary", ""},
		{enableMode, "show\tversion", ""},
		{enableMode, "SHOW VERSION", "% Unknown command: SHOW VERSION"},
		{enableMode, "show version extra", "% Unknown command: show version extra"},
		{configMode, "conf t", "% Unknown command: conf t"},
		{configMode, "router bgp", "% Command incomplete."},
		{configMode, "router bgp abc", "% Unknown command: router bgp abc"},
		{configMode, "router bgp 0", "% Unknown command: router bgp 0"},
		{configMode, "router bgp -1", "% Unknown command: router bgp -1"},
		{configMode, "router bgp 4294967295", ""},
		{configMode, "router bgp 4294967296", "% Unknown command: router bgp 4294967296"},
		{routerMode, "network", "% Command incomplete."},
		{routerMode, "network 192.0.2.200", ""},
		{routerMode, "network 192.0.2.1/24", ""},
		{routerMode, "network 192.0.2.1/33", "% Unknown command: network 192.0.2.1/33"},
		{routerMode, "network 192.0.2.1/", "% Unknown command: network 192.0.2.1/"},
		{routerMode, "network 192.0.2/24", "% Unknown command: network 192.0.2/24"},
		{routerMode, "network 192.0.2.256/32", "% Unknown command: network 192.0.2.256/32"},
		{routerMode, "network garbage", "% Unknown command: network garbage"},
		{routerMode, "network 192.0.2.12/32 route-map", "% Command incomplete."},
		{routerMode, "network 192.0.2.22/32 route-map BLACKHOLE extra", "% Unknown command: network 192.0.2.22/32 route-map BLACKHOLE extra"},
		{routerMode, "network 2001:db8::5/128", "% Unknown command: network 2001:db8::5/128"},
		{af6Mode, "network 2001:db8::5/129", "% Unknown command: network 2001:db8::5/129"},
		{af6Mode, "network 2001:db8::5", "% Unknown command: network 2001:db8::5"},
		{routerMode, "exit-address-family", "% Unknown command: exit-address-family"},
		{af6Mode, "exit-address-family", ""},
		// in Quagga these two run in the mode above; here only what enters a mode does
		{af6Mode, "network 192.0.2.1/32", "% Unknown command: network 192.0.2.1/32"},
		{routerMode, "hostname foo", "% Unknown command: hostname foo"},
		{af6Mode, "route-map X permit 10", ""},
		{af6Mode, "router bgp 65534", ""},
		{mapMode, "route-map X deny 20", ""},
	} {
		got := ""
		if _, _, err := quagga.Parse(c.mode, c.line, customer); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q: got %q, want %q", c.mode.Name, c.line, got, c.want)
		}
	}
}

func TestCommentsAndEmptyLinesAreNothing(t *testing.T) {
	for _, line := range []string{"", "   ", "\t", "! comment", "  # comment", "!", "#show version"} {
		if _, _, err := quagga.Parse(enableMode, line, customer); err != ErrBlank {
			t.Errorf("%q: got %v", line, err)
		}
	}
}

func TestValuesComeTypedAndAsTyped(t *testing.T) {
	row, m, err := quagga.Parse(routerMode, "net 192.0.2.77/24 route  BLACKHOLE", customer)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(row.Pattern, "network") || m.Mode != routerMode {
		t.Errorf("read as %q in %s", row.Pattern, m.Mode.Name)
	}
	if got := m.Prefix("prefix").String(); got != "192.0.2.77/24" {
		t.Errorf("host bits were lost: %s", got)
	}
	if m.Addr("prefix").IsValid() || m.Number("prefix") != 0 || m.Prefix("WORD").IsValid() {
		t.Error("a prefix is also something else")
	}
	if m.Text("WORD") != "BLACKHOLE" || m.Text("network") != "network" || !m.Has("route-map") || m.Has("backdoor") {
		t.Errorf("got %+v", m)
	}
	if m.Column("WORD") != 26 || m.Column("none") != 0 {
		t.Errorf("column %d", m.Column("WORD"))
	}

	_, m, err = quagga.Parse(routerMode, "network 192.0.2.200", customer)
	if err != nil || m.Addr("prefix").String() != "192.0.2.200" || m.Prefix("prefix").IsValid() {
		t.Errorf("a bare address: %v, %+v", err, m)
	}
	_, m, err = quagga.Parse(routerMode, "no neighbor 2001:db8::1 remote-as 65550", customer)
	if err != nil || !m.Has("no") || m.Addr("peer").String() != "2001:db8::1" || m.Number("<1-4294967295>") != 65550 {
		t.Errorf("no neighbor: %v, %+v", err, m)
	}
	_, m, err = quagga.Parse(routerMode, "neighbor 192.0.2.1 desc  what  a   name \t ", customer)
	if err != nil || m.Text("LINE") != "what  a   name" {
		t.Errorf("a line keeps its inner spaces: %v, %+v", err, m)
	}
	_, m, err = quagga.Parse(enableMode, "show ip bgp community 65535:666 no:export 1:2", customer)
	if err != nil || strings.Join(m.All("AA:NN"), ",") != "65535:666,no:export,1:2" {
		t.Errorf("a list: %v, %+v", err, m)
	}
	if row.Run(new(session), m) != nil {
		t.Error("the row does not run")
	}
}

func TestANameWinsOverTheSameKeyword(t *testing.T) {
	table := New(nil, rowsOf(enableMode, "set port (1-9)$port [hops <near|far>$hops]")...)
	_, m, err := table.Parse(enableMode, "set port 7 h f", customer)
	if err != nil || m.Number("port") != 7 || m.Text("port") != "7" || m.Text("hops") != "far" || len(m.All("port")) != 1 || m.Column("port") != 10 {
		t.Errorf("%v, %+v", err, m)
	}
}

// The two ways to read n meet again at port, and still differ.
func TestAmbiguityInsideARowIsSeenAtItsEnd(t *testing.T) {
	table := New(nil, rowsOf(enableMode, "set <near|north> port")...)
	_, _, err := table.Parse(enableMode, "set n port", customer)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Ambiguous || e.Detail() != `"n" may mean each of: near, north` || e.Column != 5 {
		t.Errorf("%+v", err)
	}
	if got := table.Describe(enableMode, "set n ", customer); got != "% Ambiguous command.\n" {
		t.Errorf("%s", got)
	}
}

func TestATieIsRememberedByWhoeverMeetsItLater(t *testing.T) {
	table := New(nil, rowsOf(enableMode, "s {abd|<abd|ab>} LINE")...)
	_, _, err := table.Parse(enableMode, "s a abd a", customer)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Ambiguous {
		t.Errorf(`"a" stands for ab as well as for abd, but: %v`, err)
	}
}

func TestOptionsInAnyOrderEachOnce(t *testing.T) {
	for line, want := range map[string]string{
		"network 2001:db8::/64":                                             "//",
		"network 2001:db8::/64 expire never":                                "/never/",
		"network 2001:db8::/64 expire 90m route-map X":                      "X/90m/",
		"network 2001:db8::/64 route-map X expire 90m reason flood  of SYN": "X/90m/flood  of SYN",
		"network 2001:db8::/64 r X e n":                                     "X/never/", // a free word goes before a line: r is route-map
		"network 2001:db8::/64 reason see route-map X":                      "//see route-map X",
		"network 2001:db8::/64 route-map route-map expire expire":           "route-map/expire/",
	} {
		_, m, err := quagga.Parse(af6Mode, line, customer)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		} else if got := m.Text("WORD") + "/" + m.Text("life") + "/" + m.Text("LINE"); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{
		"network 2001:db8::/64 expire never expire never",
		"network 2001:db8::/64 route-map X route-map Y",
		"network 2001:db8::/64 expire",
		"network 2001:db8::/64 reason",
	} {
		if _, _, err := quagga.Parse(af6Mode, line, customer); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}

func TestErrorsKnowTheirPlace(t *testing.T) {
	for _, c := range []struct {
		mode   *Mode
		line   string
		column int
		detail string
	}{
		{routerMode, "network 192.0.2.1/33", 9, `found "192.0.2.1/33", expected: A.B.C.D, A.B.C.D/M`},
		{routerMode, " neighbor 192.0.2.1 remote 0", 28, `found "0", expected: <1-4294967295>`},
		{routerMode, "neighbor 192.0.2.1", 19, "the line ends where one of these must follow: description, remote-as"},
		{enableMode, "show version extra", 14, `found "extra", expected: the end of the line`},
		{enableMode, "show ip bgp summary x", 21, `found "x", expected: the end of the line`},
		{enableMode, "c", 1, `"c" may mean each of: clear, configure, copy`},
		{enableMode, "show r", 6, `"r" may mean each of: route-map, running-config`},
		{mapMode, "router bgp 0", 12, `found "0", expected: <1-4294967295>`}, // from the mode above, which got farther
	} {
		_, _, err := quagga.Parse(c.mode, c.line, customer)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", c.line, err)
			continue
		}
		if e.Column != c.column || e.Detail() != c.detail {
			t.Errorf("%q: column %d, %s", c.line, e.Column, e.Detail())
		}
	}
}

func TestACustomerNeverSeesOperatorsCommands(t *testing.T) {
	if _, _, err := quagga.Parse(configMode, "customer ACME", operator); err != nil {
		t.Fatal(err)
	}
	_, _, err := quagga.Parse(configMode, "customer ACME", customer)
	if err == nil || err.Error() != "% Unknown command: customer ACME" {
		t.Errorf("parsing: %v", err)
	}
	var e *Error
	if errors.As(err, &e) && strings.Contains(e.Detail(), "expected: customer") {
		t.Errorf("the message names it: %s", e.Detail())
	}
	if got := quagga.Describe(configMode, "", customer); strings.Contains(got, "ustomer") {
		t.Errorf("? shows it: %s", got)
	}
}

func TestControlCharactersAreNoWords(t *testing.T) {
	for _, line := range []string{
		"neighbor 192.0.2.1 description \x1b[2J", "neighbor 192.0.2.1 description a b\x00", "hostname a\x7f",
		"hostname \xff", "hostname \u009b31m", "neighbor 192.0.2.1 description ok \xc3",
	} {
		mode := routerMode
		if strings.HasPrefix(line, "host") {
			mode = configMode
		}
		_, _, err := quagga.Parse(mode, line, customer)
		if err == nil {
			t.Errorf("%q was taken", line)
		} else if !readable(err.Error()) {
			t.Errorf("%q comes back raw: %q", line, err.Error())
		}
	}
	if _, _, err := quagga.Parse(configMode, "hostname Größe→\ufffd", customer); err != nil {
		t.Errorf("readable UTF-8: %v", err)
	}
}

func TestHiddenRowsRunButDoNotShow(t *testing.T) {
	rows := append(rowsOf(enableMode, "show version"), Row[*session]{Modes: []*Mode{enableMode}, Pattern: "crash WORD", Hidden: true,
		Run: func(*session, *Match) error { return nil }})
	table := New(quaggaWords, rows...)
	if _, _, err := table.Parse(enableMode, "crash me", customer); err != nil {
		t.Error(err)
	}
	if _, _, err := table.Parse(enableMode, "cr me", customer); err == nil {
		t.Error("it can be abbreviated")
	}
	shown := table.Describe(enableMode, "", customer) + table.List(enableMode, customer)
	_, choices := table.Complete(enableMode, "", customer)
	if strings.Contains(shown+strings.Join(choices, " "), "crash") || len(table.Manual()) != 1 {
		t.Error("it shows")
	}
	if errs := table.Check(); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestAnOpenModeOffersAllItsRowsBelow(t *testing.T) {
	top := &Mode{Name: "top", Open: true}
	below := &Mode{Name: "below", Parent: top}
	table := New(quaggaWords, append(rowsOf(top, "hostname WORD"), rowsOf(below, "exit")...)...)
	_, m, err := table.Parse(below, "hostname x", Everyone)
	if err != nil || m.Mode != top {
		t.Errorf("%v, %+v", err, m)
	}
	_, _, err = table.Parse(below, "zz", Everyone)
	var e *Error
	if !errors.As(err, &e) || strings.Join(e.Expected, " ") != "exit hostname" {
		t.Errorf("%+v", err)
	}
}
