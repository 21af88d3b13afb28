package vty

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestScriptsAreSplitIntoLines(t *testing.T) {
	for script, want := range map[string][]string{
		"show version":                          {"show version"},
		" conf t;router bgp 65534 ;\n; end\r\n": {"conf t", "router bgp 65534", "end"},
		"network 192.0.2.1/32 reason a; b\nend": {"network 192.0.2.1/32 reason a; b", "end"},
		"reason; show x":                        {"reason", "show x"}, // a command by that name takes nothing
		"reasonable x; y":                       {"reasonable x", "y"},
		`description "a; b"; end`:               {`description "a; b"`, "end"},
		`description 'a; b' ;end`:               {`description 'a; b'`, "end"},
		`description don't; end`:                {"description don't", "end"},
		`description "open; end`:                {`description "open`, "end"},
		"":                                      nil,
		";;\n\n;":                               nil,
		"$(reboot) `id` | sh && x > /etc/y; z":  {"$(reboot) `id` | sh && x > /etc/y", "z"},
	} {
		if got := SplitScript(script); !slices.Equal(got, want) {
			t.Errorf("%q becomes %q, want %q", script, got, want)
		}
	}
}

// Splitting loses nothing but semicolons, line ends and blanks.
func FuzzSplitScript(f *testing.F) {
	f.Add("a; b\n'c; d' reason e; f")
	f.Fuzz(func(t *testing.T, script string) {
		strip := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(" \t\r\n;\v\f\u0085\u00a0", r) {
					return -1
				}
				return r
			}, s)
		}
		got := strings.Join(SplitScript(script), "")
		if strings.IndexFunc(script, func(r rune) bool { return r > 0x7f }) < 0 && strip(got) != strip(script) {
			t.Errorf("%q lost something: %q", script, got)
		}
	})
}

func TestScriptStopsAtTheFirstError(t *testing.T) {
	for _, s := range []struct {
		script, out string
		status      int
		run         []string
	}{
		{"conf t; network 192.0.2.1/32", "", 0, []string{"conf t", "network 192.0.2.1/32"}},
		{"echo a; bogus; echo b", "a\n% Unknown command: bogus\n", 1, []string{"echo a", "bogus"}},
		{"maybe; echo b", "", 2, []string{"maybe"}},
		{"exit; echo b", "", 0, []string{"exit"}},
		{"enable\ns3cret!\necho c", "c\n", 0, []string{"enable", "s3cret!", "echo c"}},
		{"echo " + strings.Repeat("x", MaxLine), "% Line too long: at most 16384 bytes are taken; nothing was done.\n", 1, nil},
	} {
		shell := &router{}
		var out strings.Builder
		if status := RunScript(t.Context(), s.script, &out, shell, false); status != s.status || out.String() != s.out || !slices.Equal(shell.lines, s.run) {
			t.Errorf("%.40q: status %d, shows %q, ran %q", s.script, status, out.String(), shell.lines)
		}
	}
	var out strings.Builder
	if RunScript(t.Context(), "echo a", &out, &router{}, true); out.String() != "a\r\n" {
		t.Errorf("on a terminal: %q", out.String())
	}
}

func TestPipedLinesGoOnAfterErrors(t *testing.T) {
	for _, s := range []struct {
		in, out string
		status  int
	}{
		{"echo a\nbogus\r\necho b\r\x00echo c", "trig1# echo a\na\ntrig1# bogus\n% Unknown command: bogus\ntrig1# echo b\nb\ntrig1# echo c\nc\n", 1},
		{"maybe\nbogus\n", "trig1# maybe\ntrig1# bogus\n% Unknown command: bogus\n", 2},
		{"conf t\nend", "trig1# conf t\ntrig1(config)# end\n", 0},
		{"\n\n", "trig1# \ntrig1# \n", 0},
		{"exit\necho never\n", "trig1# exit\n", 0},
		{"enable\ns3cret!\nenable\necho a\n", "trig1# enable\ntrig1# enable\ntrig1# echo a\na\n", 0},
		{"echo \x1b[2J\n", "trig1# echo \\x1b[2J\n\\x1b[2J\n", 0},
		{strings.Repeat("x", 1<<20) + "\necho a\n", "trig1# " + strings.Repeat("x", 64) + "\n% Line too long: at most 16384 bytes are taken; nothing was done.\ntrig1# echo a\na\n", 1},
		{"", "", 0},
	} {
		var out strings.Builder
		status, err := RunLines(t.Context(), strings.NewReader(s.in), &out, &router{}, 0)
		if status != s.status || err != nil || out.String() != s.out {
			t.Errorf("%.60q: status %d, %v, shows\n%q\nwant\n%q", s.in, status, err, out.String(), s.out)
		}
	}
}

func TestPipeOnWhichNothingComesIsTimedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typed := io.Pipe()
		defer in.Close()
		go func() { _, _ = io.WriteString(typed, "echo a\necho b") }()
		var out strings.Builder
		begin := time.Now()
		status, err := RunLines(t.Context(), in, &out, &router{}, time.Minute)
		if !errors.Is(err, ErrIdle) || status != 0 || time.Since(begin) != time.Minute {
			t.Errorf("status %d, %v after %s", status, err, time.Since(begin))
		}
		if got, want := out.String(), "trig1# echo a\na\n"+TimedOut+"\n"; got != want {
			t.Errorf("shows %q, want %q", got, want)
		}
	})
}
