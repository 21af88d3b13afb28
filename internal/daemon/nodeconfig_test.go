package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/config"
)

// conf is a node's file with a comment and these lines more.
func conf(lines ...string) string {
	head := []string{"! edited by hand", "hostname trigger1", "cluster listen 127.0.0.1:7600", "router bgp 64500", " bgp router-id 192.0.2.10"}
	return strings.Join(append(head, lines...), "\n") + "\n"
}

func parse(t *testing.T, text string) config.Node {
	t.Helper()
	n, _, err := config.Parse("triggerd.conf", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// saved is a node's file on disk, read by the node.
func saved(t *testing.T, text string) *nodeConfig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "triggerd.conf")
	edit(t, path, text)
	return &nodeConfig{path: path, current: parse(t, text)}
}

func edit(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func onDisk(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSavingKeepsAFileThatSaysTheSame(t *testing.T) {
	text := conf(" neighbor 198.51.100.1 remote-as 64501")
	c := saved(t, text)
	if _, err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if got := onDisk(t, c.path); got != text {
		t.Errorf("the file became\n%s", got)
	}
}

func TestSavingWritesWhatRunsAndKeepsTheOldFile(t *testing.T) {
	text := conf(" neighbor 198.51.100.1 remote-as 64501")
	c := saved(t, text)
	runs := parse(t, conf(" neighbor 198.51.100.1 remote-as 64501", " neighbor 198.51.100.1 shutdown"))
	c.set(runs, c.Current())
	path, err := c.Save()
	if err != nil || path != c.path {
		t.Fatal(path, err)
	}
	if got := parse(t, onDisk(t, c.path)).String(); got != runs.String() {
		t.Errorf("the file says\n%s", got)
	}
	if got := onDisk(t, c.path+".bak"); got != text {
		t.Errorf("the backup says\n%s", got)
	}
	info, err := os.Stat(c.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: the file may hold passwords, want mode 0600", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(c.path), ".triggerd-*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestSavingLosesNobodysEdit(t *testing.T) {
	for name, edited := range map[string]string{
		"not read yet": conf("ssh listen 127.0.0.1:2223"),
		"with a typo":  conf("frobnicate"),
	} {
		c := saved(t, conf())
		edit(t, c.path, edited)
		if _, err := c.Save(); err == nil || !strings.Contains(err.Error(), "was edited") {
			t.Errorf("%s: want an error that says so, got %v", name, err)
		}
		if got := onDisk(t, c.path); got != edited {
			t.Errorf("%s: the file became\n%s", name, got)
		}
	}
	t.Log("read, and waiting for the next start")
	c := saved(t, conf())
	edited := conf("ssh listen 127.0.0.1:2223")
	edit(t, c.path, edited)
	c.set(c.Current(), parse(t, edited))
	if _, err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if got := onDisk(t, c.path); got != edited {
		t.Errorf("the file became\n%s", got)
	}
}

func TestWhatNeedsARestartIsNamed(t *testing.T) {
	runs := parse(t, conf(" neighbor 198.51.100.1 remote-as 64501"))
	for line, text := range map[string]string{
		"":              conf(" neighbor 198.51.100.2 remote-as 64502"), // neighbors change while it runs
		"ssh":           conf("ssh exec-timeout 1 0"),
		"cluster":       conf("cluster boot-wait 3"),
		"bgp listen":    conf(" bgp listen port 1790"),
		"hostname":      strings.Replace(conf(), "trigger1", "trigger2", 1),
		"bgp router-id": strings.Replace(conf(), "192.0.2.10", "192.0.2.11", 1),
		"router bgp":    "hostname trigger1\ncluster listen 127.0.0.1:7600\n",
	} {
		var want []string
		if line != "" {
			want = []string{line}
		}
		if got := needRestart(runs, parse(t, text)); !slices.Equal(got, want) {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

func TestDataDirectoryWithoutRoomForASocket(t *testing.T) {
	c := parse(t, conf())
	for length, fits := range map[int]bool{10: true, maxSocketPath - len("/triggerd.sock"): true, maxSocketPath - len("/triggerd.sock") + 1: false} {
		c.DataDir = "/" + strings.Repeat("d", length-1)
		if err := Check(c); (err == nil) != fits {
			t.Errorf("a path of %d bytes: %v", length, err)
		}
	}
}

// TestSavingTwiceAfterTypedChanges: what was saved is what the file is known to
// say.
func TestSavingTwiceAfterTypedChanges(t *testing.T) {
	text := conf(" neighbor 198.51.100.1 remote-as 64501")
	c := saved(t, text)
	for _, typed := range []string{"shutdown", "passive"} {
		runs := parse(t, conf(" neighbor 198.51.100.1 remote-as 64501", " neighbor 198.51.100.1 "+typed))
		c.set(runs, c.asRead())
		if _, err := c.Save(); err != nil {
			t.Fatal(typed, err)
		}
		if got := parse(t, onDisk(t, c.path)).String(); got != runs.String() {
			t.Errorf("the file says\n%s", got)
		}
	}
}
