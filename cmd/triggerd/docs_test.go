package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

const (
	readme     = "../../README.md"
	operations = "../../docs/operations.md"
	makefile   = "../../Makefile"
)

// blocks are the indented blocks of a page, without their indent.
func blocks(t testing.TB, page string) (all []string) {
	t.Helper()
	var block strings.Builder
	for line := range strings.Lines(readFile(t, page) + "end\n") {
		switch text, indented := strings.CutPrefix(line, "    "); {
		case indented:
			block.WriteString(text)
		case block.Len() > 0 && strings.TrimSpace(line) == "":
			block.WriteString("\n") // may go on after it
		case block.Len() > 0:
			all = append(all, strings.TrimSpace(block.String())+"\n")
			block.Reset()
		}
	}
	return all
}

// block is the one that begins so.
func block(t testing.TB, page, begins string) string {
	t.Helper()
	for _, b := range blocks(t, page) {
		if strings.HasPrefix(b, begins) {
			return b
		}
	}
	t.Fatalf("%s has no block that begins with %q", page, begins)
	return ""
}

func TestFileOfTheManualIsGood(t *testing.T) {
	t.Parallel()
	path := writeFile(t, filepath.Join(shortDir(t), "triggerd.conf"), block(t, operations, "hostname "), 0o600)
	r := triggerd(t, "", "check", path).works(t)
	if r.stderr != "" {
		t.Errorf("the example is warned of: %v", r)
	}
}

// commandLines are the command lines of triggerd on both pages.
func commandLines(t testing.TB) (lines []string) {
	t.Helper()
	command := regexp.MustCompile(`(?m)^(?:\S+# |exec |ExecStart=/usr/bin/)?triggerd ([a-z].*)$`)
	for _, page := range []string{readme, operations} {
		for _, b := range blocks(t, page) {
			for _, m := range command.FindAllStringSubmatch(b, -1) {
				line, _, _ := strings.Cut(m[1], "  ") // a note beside it
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	return lines
}

// An alarm is looked up when there is no time to read code.
func TestManualExplainsEveryAlarm(t *testing.T) {
	t.Parallel()
	kinds := regexp.MustCompile(`Kind = "([a-z-]+)"`).FindAllStringSubmatch(readFile(t, "../../internal/alarm/alarm.go"), -1)
	if len(kinds) < 20 {
		t.Fatalf("%d kinds of alarms found", len(kinds))
	}
	page := readFile(t, operations)
	for _, kind := range kinds {
		if !strings.Contains(page, "`"+kind[1]+"`") {
			t.Errorf("%s does not say what the alarm %s means", operations, kind[1])
		}
	}
}

// Each command line of the manual is one that the program takes, flags and all.
func TestCommandLinesOfTheManual(t *testing.T) {
	t.Parallel()
	lines := commandLines(t)
	if len(lines) < 8 {
		t.Fatalf("only these were found: %q", lines)
	}
	for _, line := range lines {
		c, rest, err := newRoot().Find(strings.Fields(line))
		if err != nil || !c.HasParent() {
			t.Errorf("triggerd %s: no such subcommand: %v", line, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("triggerd %s: %v", line, err)
		}
		if err := c.ValidateRequiredFlags(); err != nil {
			t.Errorf("triggerd %s: %v", line, err)
		}
		if c.Args != nil && c.Args(c, c.Flags().Args()) != nil && c.Name() != "cli" {
			t.Errorf("triggerd %s: %v", line, c.Args(c, c.Flags().Args()))
		}
	}
}

// The flags that are written about exist.
func TestFlagsOfTheManual(t *testing.T) {
	t.Parallel()
	for _, page := range []string{readme, operations} {
		for _, flag := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(readFile(t, page), -1) {
			known := func(c *cobra.Command) bool { return c.Flags().Lookup(flag[1][2:]) != nil }
			if !slices.ContainsFunc(newRoot().Commands(), known) {
				t.Errorf("%s writes about %s, which no subcommand has", page, flag[1])
			}
		}
	}
}

// The tour of the README, typed as it stands there, is accepted to the last line
// and shows what the README says.
func TestTourOfTheReadme(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	var lines []string
	for line := range strings.Lines(block(t, readme, "trigger1# configure terminal")) {
		_, typed, _ := strings.Cut(strings.TrimSpace(line), "# ")
		lines = append(lines, typed)
	}
	tour := d.customerTypes(0, lines...).works(t)
	if strings.Contains(tour.stdout, "\n%") || !strings.Contains(tour.stdout, "[OK]") {
		t.Errorf("the tour is not accepted: %v", tour)
	}
	d.sees(fromBoth("203.0.113.7/32", "203.0.113.8/32")...)
	t.Log("the script of the README")
	script := regexp.MustCompile(`(?m)^ssh trigger1 "([^"]+)"`).FindStringSubmatch(block(t, readme, "ssh trigger1"))
	d.customerRuns(0, script[1]).works(t)
	t.Log("the refusal of the README, word for word")
	refusal, _, _ := strings.Cut(block(t, readme, "% 198.51.100.7/32"), "\n")
	if r := d.customerRuns(1, "configure terminal; router bgp 65534; network 198.51.100.7/32"); strings.TrimSpace(r.stdout) != refusal {
		t.Errorf("the README says %q, the node says %q", refusal, r.stdout)
	}
	t.Log("what the README tells operators to type")
	d.operatorRuns(0, "show cluster; show alarms; configure terminal; customer other; exit; user else operator; exit; route-map OTHER permit 10").works(t)
	d.stop(syscall.SIGINT)
}

func TestUnitOfTheManual(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here: the unit stays unread")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := strings.ReplaceAll(block(t, operations, "[Unit]"), "/usr/bin/triggerd", self)
	path := writeFile(t, filepath.Join(shortDir(t), "triggerd.service"), unit, 0o644)
	r := runToEnd(t, exec.Command(analyze, "verify", "--man=no", path), "")
	if strings.Contains(r.stdout+r.stderr, "triggerd.service") {
		t.Errorf("systemd-analyze verify: %v", r)
	}
}

func TestScriptForDaemontoolsOfTheManual(t *testing.T) {
	t.Parallel()
	script := block(t, operations, "#!/bin/sh")
	if r := runToEnd(t, exec.Command("sh", "-n"), script); r.status != 0 {
		t.Errorf("sh -n: %v", r)
	}
}

func TestMakeHelpListsEveryTarget(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("no make here")
	}
	phony := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindStringSubmatch(readFile(t, makefile))
	if phony == nil {
		t.Fatal("the Makefile has no .PHONY line")
	}
	help := runToEnd(t, exec.Command("make", "-s", "-C", "../..", "help"), "").works(t).stdout
	for _, target := range strings.Fields(phony[1]) {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + ` +\S`).MatchString(help) {
			t.Errorf("make help does not tell of %q:\n%s", target, help)
		}
	}
	for _, m := range regexp.MustCompile("`?make ([a-z]+)").FindAllStringSubmatch(readFile(t, readme), -1) {
		if !strings.Contains(help, m[1]) {
			t.Errorf("the README tells to `make %s`, which make help does not have", m[1])
		}
	}
}

// Every subcommand has a help that says what it does.
func TestHelpOfEachSubcommand(t *testing.T) {
	t.Parallel()
	for _, c := range newRoot().Commands() {
		c.SetOut(io.Discard)
		if c.Short == "" || c.RunE == nil && !c.HasSubCommands() {
			t.Errorf("%s does not say what it does, or does nothing", c.Name())
		}
	}
}
