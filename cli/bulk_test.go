package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// paste types lines of which the ones behind wait already, at most window of
// them, and returns the screen.
func (x *screen) paste(window int, lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		x.Foresee(func() []string { return lines[i+1 : min(i+1+window, len(lines))] })
		fmt.Fprintf(&b, "%s%s\n%s(%d)\n", x.Prompt(), line, x.run(line), x.last.Status)
	}
	x.Foresee(nil)
	return b.String()
}

// holesOf is what must be the same however the lines came.
func (l *lab) holesOf() (all []string) {
	l.View(func(s *rtbh.State, now rtbh.Instant) {
		for _, b := range s.Blackholes("", now) {
			all = append(all, fmt.Sprintln(b.Customer, networkLine(b, 0), b.By, b.Since))
		}
		for _, e := range s.History(netip.Prefix{}, "", now) {
			all = append(all, fmt.Sprintln(e.Customer, e.Prefix, e.Cause, e.EndBy))
		}
	})
	return all
}

func TestAThousandPastedLinesAreFewLogWrites(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	lines := []string{"configure terminal", "router bgp 65534", "address-family ipv6"}
	for i := range 1000 {
		lines = append(lines, fmt.Sprintf("network 2001:db8:113::%x/128", i+1))
	}
	alice.paste(1000, append(lines, "end", "write memory")...)
	if n := len(l.st.Blackholes("acme", l.now)); n != 1000 {
		t.Errorf("%d blackholes", n)
	}
	if len(l.entries) != 2 {
		t.Errorf("%d log writes", len(l.entries))
	}
}

func TestErrorsStandBesideThePastedLinesThatCausedThem(t *testing.T) {
	l := newLab(t)
	golden(t, "paste", l.login("alice").paste(100,
		"configure terminal", "router bgp 65534",
		"network 203.0.113.1/32", "network 198.51.100.1/32 reason not mine", "! a comment", "network 203.0.113.2", "netwrk 203.0.113.2/32",
		"no network 203.0.113.1/32", "no network 203.0.113.1/32", "network 203.0.113.2/32 route-map NOPE", "network 203.0.113.3/32 expire 2h",
		"do show ip bgp | include ^\\*", "network 203.0.113.4/32", "end"))
	if len(l.entries) != 2 {
		t.Errorf("%d log writes, want one before and one after the show", len(l.entries))
	}
}

// drawLine draws a line that a customer may paste, good or bad.
func drawLine(t *rapid.T) string {
	prefix := rapid.SampledFrom([]string{
		"203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32", "203.0.113.4/32", "203.0.113.5/32",
		"198.51.100.1/32", "203.0.113.0/24", "203.0.113.77/24", "203.0.113.1", "192.0.2.1/32",
	}).Draw(t, "prefix")
	form := rapid.SampledFrom([]string{
		"network P", "network P", "network P", "no network P", "no network P", "network P route-map OTHER", "network P expire 2h",
		"network P expire never reason a | b", "network P expire 1ms", "netw P", "netwrk P", "! P", "exit", "router bgp 65534", "do show blackhole P",
		"network P ticket T-1", "", "address-family ipv4", "router bgp 1",
	}).Draw(t, "form")
	return strings.Replace(form, "P", prefix, 1)
}

// TestAPasteDoesWhatItsLinesDoOneByOne: whatever is pasted, and however it
// arrives, the screen, the blackholes and the history are those of the same
// lines typed one by one.
func TestAPasteDoesWhatItsLinesDoOneByOne(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var lines []string
		for range rapid.IntRange(1, 40).Draw(r, "lines") {
			lines = append(lines, drawLine(r))
		}
		window := rapid.IntRange(1, 40).Draw(r, "window")
		before := rapid.IntRange(0, 3).Draw(r, "before") // 3 is the limit
		screens, holes := [2]string{}, [2][]string{}
		for i, w := range []int{0, window} {
			l := newLab(t)
			l.asOperator("customer acme\n maximum-blackholes 3\n lifetime minimum 1s\nroute-map OTHER permit 10\ncustomer acme\n route-map OTHER")
			alice := l.login("alice")
			alice.must("configure terminal", "router bgp 65534")
			for host := range before {
				alice.must(fmt.Sprintf("network 203.0.113.%d/32", host+1))
			}
			screens[i] = alice.paste(w, lines...)
			holes[i] = l.holesOf()
		}
		screens[0], screens[1] = withoutIndexes(screens[0]), withoutIndexes(screens[1])
		if screens[0] != screens[1] {
			r.Errorf("one by one:\n%s\npasted:\n%s", screens[0], screens[1])
		}
		if fmt.Sprint(holes[0]) != fmt.Sprint(holes[1]) {
			r.Errorf("one by one: %q\npasted: %q", holes[0], holes[1])
		}
	})
}

// withoutIndexes drops the lines that tell the log index: a paste has fewer.
func withoutIndexes(screen string) string {
	var kept []string
	for line := range strings.Lines(screen) {
		if !strings.Contains(line, "index") && !strings.Contains(line, "Applied:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// TestAPasteWhoseOutcomeIsNotKnown: every line says so, and pasting the same
// again is the same request; a part of it finds its answer in the state.
func TestAPasteWhoseOutcomeIsNotKnown(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534", "network 203.0.113.9/32")
	lines := []string{"network 203.0.113.1/32", "network 203.0.113.2/32", "no network 203.0.113.9/32"}
	l.fail, l.lost = &NotConfirmed{Err: errors.New("gone")}, true
	if out := alice.paste(10, lines...); strings.Count(out, "% NOT CONFIRMED") != 3 || strings.Count(out, "(2)") != 3 {
		t.Fatal(out)
	}
	if out := alice.paste(10, lines...); strings.Contains(out, "%") {
		t.Error("the whole paste again:", out)
	}
	if n := len(l.entries); n != 3 || l.entries[1].Request != l.entries[2].Request {
		t.Errorf("%d entries; the repeated paste is another request", n)
	}
	l.lost = false
	alice.must("network 203.0.113.9/32")
	l.fail, l.lost = &NotConfirmed{}, true
	alice.paste(10, lines...)
	if out := alice.paste(10, "no network 203.0.113.9/32", "network 203.0.113.3/32"); strings.Contains(out, "%") {
		t.Error("a part of the paste again:", out)
	}
	if e := l.entries[len(l.entries)-1]; len(e.Commands) != 1 {
		t.Errorf("what the state knew was asked for again: %+v", e.Commands)
	}
}

// Ctrl-C stops the line that waits for its outcome, and throws away those behind
// it. One of these that is typed afterwards is asked for, not answered with what
// was decided of the one that is gone.
func TestALineThatCtrlCHasThrownAwayIsAskedForWhenItIsTypedAgain(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	stopped, ctrlC := context.WithCancel(t.Context())
	ctrlC()
	l.fail = &NotConfirmed{}
	alice.Foresee(func() []string { return []string{"network 203.0.113.2/32"} })
	if o := alice.Execute(stopped, "network 203.0.113.1/32", io.Discard); o.Status == vty.OK {
		t.Fatal("an outcome that is not known passed for one that is")
	}
	alice.Foresee(nil)
	alice.must("network 203.0.113.2/32")
	if all := l.holesOf(); len(all) != 1 || !strings.Contains(all[0], "203.0.113.2/32") {
		t.Errorf("there is %q", all)
	}
}

func TestWithoutAMajorityAPasteIsRefusedLineByLine(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	alice.must("configure terminal", "router bgp 65534")
	l.fail = &NotAccepted{Reaches: 1, Members: 3}
	out := alice.paste(10, "network 203.0.113.1/32", "network 203.0.113.2/32")
	if strings.Count(out, "% NOT accepted: this node reaches 1 of 3 cluster members.") != 2 || len(l.entries) != 1 {
		t.Error(out)
	}
	l.silent = []Silent{{Name: "trigger2", For: 14 * time.Second}}
	out = alice.paste(10, "network 203.0.113.1/32", "network 203.0.113.2/32")
	if !strings.Contains(out, "may not announce 203.0.113.1/32 until") || !strings.Contains(out, "may not announce 203.0.113.2/32 until") {
		t.Error(out)
	}
}

func TestABatchIsAllOrNothing(t *testing.T) {
	l := newLab(t)
	l.asOperator("customer acme\n maximum-blackholes 3")
	golden(t, "batch", l.login("alice").transcript(
		"configure terminal", "router bgp 65534", "commit", "batch", "batch",
		"network 203.0.113.1/32", "network 203.0.113.2/32 reason one of two", "do show batch", "do show blackhole", "commit", "do show blackhole | count 203",
		"batch", "no network 203.0.113.1/32", "network 203.0.113.3/32", "network 198.51.100.1/32", "commit", "commit confirm", "do show blackhole | count 203",
		"batch", "network 203.0.113.4/32", "network 203.0.113.5/32", "address-family ipv6", "network 2001:db8:113::1/128", "exit", "commit", "do show blackhole | count 203",
		"batch", "network 203.0.113.6/32", "abort", "abort", "batch", "commit",
		"batch", "network 203.0.113.7/32", "end", "show batch", "show blackhole | count 203"))
}

func TestABatchIsOneEntryAndOneRequest(t *testing.T) {
	l := newLab(t)
	alice := l.login("alice")
	typed := func() string {
		alice.must("batch", "network 203.0.113.1/32", "network 203.0.113.2/32")
		return alice.run("commit")
	}
	alice.must("configure terminal", "router bgp 65534")
	l.fail, l.lost = &NotConfirmed{}, true
	if out := typed(); !strings.HasPrefix(out, "% NOT CONFIRMED") || alice.last.Status != vty.NotConfirmed {
		t.Error(out)
	}
	if out := typed(); out != "" {
		t.Error(out)
	}
	if len(l.entries) != 2 || l.entries[0].Request != l.entries[1].Request || !l.entries[0].Atomic {
		t.Errorf("%+v", l.entries)
	}
	alice.must("batch", "network 203.0.113.3/32")
	alice.Interrupt()
	if alice.must("configure terminal", "router bgp 65534"); alice.refused("commit") != string(noBatch) {
		t.Error("Ctrl-C left a batch open")
	}
}
