package grammar

import (
	"strings"
	"testing"
	"time"
)

func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		"", " ", "!", "conf t", "c", "network 192.0.2.1/32 route-map X", "network 2001:db8::/64 r X e n reason a  b",
		"show ip bgp community 1:2 3:4", "no neighbor ::1 remote-as 1", "\x00\xff\x1b[2J", "echo \xc2\x9b", "show ip bgp 1.2.3.4/",
		strings.Repeat("route-map X expire ", 50), strings.Repeat("\t", 300),
	} {
		f.Add(seed)
	}
	modes := []*Mode{enableMode, configMode, routerMode, af6Mode, mapMode}
	f.Fuzz(func(t *testing.T, line string) {
		for _, mode := range modes {
			_, m, err := quagga.Parse(mode, line, operator)
			switch e, isError := err.(*Error); {
			case err == nil:
				for _, v := range m.values {
					if v.column < 1 || v.column > len(line) || !readable(v.text) {
						t.Fatalf("%q: value %+v", line, v)
					}
				}
			case isError:
				if e.Column < 1 || e.Column > len(line)+1 || !strings.HasPrefix(e.Error(), "% ") || !readable(e.Error()) || e.Detail() == "" {
					t.Fatalf("%q: %+v", line, e)
				}
			case err != ErrBlank:
				t.Fatalf("%q: %v", line, err)
			}
			if help := quagga.Describe(mode, line, customer); !strings.HasSuffix(help, "\n") {
				t.Fatalf("%q: help %q", line, help)
			}
			insert, choices := quagga.Complete(mode, line, customer)
			if insert != "" && len(choices) > 0 {
				t.Fatalf("%q: both %q and %q", line, insert, choices)
			}
			if insert != "" {
				if _, err := quagga.Next(mode, line+insert, customer); err != nil {
					t.Fatalf("%q completes to %q: %v", line, line+insert, err)
				}
			}
		}
	})
}

// A long line costs no more than its length: work per word stays the same.
func TestLongLinesStayCheap(t *testing.T) {
	for name, line := range map[string]string{
		"one word":        "network " + strings.Repeat("x", 1<<20),
		"a line of words": "echo " + strings.Repeat("word ", 1<<18),
		"a long list":     "show ip bgp community " + strings.Repeat("1:2 ", 1<<18),
		"options":         "network 2001:db8::/64 " + strings.Repeat("r e ", 1<<18),
		"only blanks":     strings.Repeat(" ", 1<<20),
	} {
		for _, mode := range []*Mode{enableMode, af6Mode} {
			start := time.Now()
			_, _, _ = quagga.Parse(mode, line, customer)
			quagga.Describe(mode, line, customer)
			if took := time.Since(start); took > 20*time.Second { // a quadratic walk would take hours
				t.Errorf("%s: %v", name, took)
			}
		}
	}
}

// A group of ten branches that all begin alike is the worst that a table can hold.
func TestGroupsDoNotExplode(t *testing.T) {
	var branches []string
	for _, letter := range strings.Split("abcdefghij", "") {
		branches = append(branches, "option-"+letter+" WORD")
	}
	table := New(nil, rowsOf(enableMode, "set {"+strings.Join(branches, "|")+"}")...)
	line := "set" + strings.Repeat(" o x", 10)
	_, _, err := table.Parse(enableMode, line, customer)
	if err == nil || err.Error() != "% Ambiguous command." {
		t.Errorf("got %v", err)
	}
	_, _, err = table.Parse(enableMode, line+" o x", customer)
	if err == nil || err.Error() != "% Unknown command: "+line+" o x" {
		t.Errorf("got %v", err)
	}
}

func BenchmarkNetworkLine(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := quagga.Parse(routerMode, "network 192.0.2.12/32 route-map BLACKHOLE", customer); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkShowLine(b *testing.B) {
	for b.Loop() {
		if _, _, err := quagga.Parse(enableMode, "show ip bgp 192.0.2.12/32 longer-prefixes", customer); err != nil {
			b.Fatal(err)
		}
	}
}
