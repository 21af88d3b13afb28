package peer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestIdentitySurvivesTheDisk(t *testing.T) {
	w, dir := newWorld(t, "c1"), t.TempDir()
	first := w.identity("trigger1")
	must(t, SaveIdentity(dir, first))
	second := first
	second.Incarnation = 2
	must(t, SaveIdentity(dir, second))

	got, err := LoadIdentity(dir)
	must(t, err)
	if got != second {
		t.Fatalf("loaded %+v, saved %+v", got, second)
	}
	if got.ServerID() != "trigger1#2" {
		t.Fatalf("server id %s", got.ServerID())
	}
	info, err := os.Stat(filepath.Join(dir, identityFile))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, want 0600", info.Mode().Perm())
	}
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 1 {
		t.Fatalf("temporary files stay behind: %v", left)
	}
}

func TestMissingIdentityIsNotADamagedOne(t *testing.T) {
	_, err := LoadIdentity(t.TempDir())
	if !errors.Is(err, ErrNoIdentity) || errors.Is(err, ErrCorruptIdentity) {
		t.Fatalf("got %v", err)
	}
}

// Wherever the file is cut, the node must not start as somebody else.
func TestTornIdentityIsNeverTaken(t *testing.T) {
	w, dir := newWorld(t, "c1"), t.TempDir()
	must(t, SaveIdentity(dir, w.identity("trigger1")))
	path := filepath.Join(dir, identityFile)
	whole, err := os.ReadFile(path)
	must(t, err)
	for n := range len(whole) - 2 { // the last two are the brace and the newline
		must(t, os.WriteFile(path, whole[:n], 0o600))
		if _, err := LoadIdentity(dir); !errors.Is(err, ErrCorruptIdentity) {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		}
	}
	for _, garbage := range []string{"null", "[]", "{}", `{"cluster":"c1"}`, strings.Repeat("\x00", 200),
		strings.Replace(string(whole), `"generation": 1`, `"generation": 0`, 1),
		strings.Replace(string(whole), `"incarnation": 1`, `"incarnation": 99999999999`, 1),
		strings.Replace(string(whole), `trigger1`, `../trigger1`, 1)} {
		must(t, os.WriteFile(path, []byte(garbage), 0o600))
		if _, err := LoadIdentity(dir); !errors.Is(err, ErrCorruptIdentity) {
			t.Fatalf("%q: %v", garbage, err)
		}
	}
}

// A full disk or a read-only directory leaves the old identity.
func TestFailedSaveKeepsTheOldIdentity(t *testing.T) {
	w, dir := newWorld(t, "c1"), t.TempDir()
	old := w.identity("trigger1")
	must(t, SaveIdentity(dir, old))
	// A directory in the file's place makes the rename fail, for root too.
	blocked := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(blocked, identityFile, "x"), 0o700))
	if err := SaveIdentity(blocked, old); err == nil {
		t.Fatal("saved over a directory")
	}
	left, err := os.ReadDir(blocked)
	must(t, err)
	if len(left) != 1 {
		t.Fatalf("temporary files stay behind: %v", left)
	}
	if err := SaveIdentity(dir, Identity{Name: "trigger1"}); err == nil {
		t.Fatal("saved an identity without a cluster")
	}
	if got, err := LoadIdentity(dir); err != nil || got != old {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestServerIDReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,62}`).Draw(t, "name")
		n := rapid.Uint32Min(1).Draw(t, "incarnation")
		gotName, gotN, err := ParseServerID(ServerID(name, n))
		if err != nil || gotName != name || gotN != n {
			t.Fatalf("%s %d: %s %d %v", name, n, gotName, gotN, err)
		}
	})
	for _, bad := range []string{"", "trigger1", "trigger1#", "trigger1#0", "trigger1#01", "trigger1#+1", "trigger1#-1",
		"#1", "a b#1", "-a#1", "trigger1#4294967296", "a#1#1", strings.Repeat("a", 64) + "#1", "tr\u00edgger#1"} {
		if _, _, err := ParseServerID(bad); err == nil {
			t.Errorf("%q was taken for a server id", bad)
		}
	}
}

func TestGenerationIsProvenByTheCAOnly(t *testing.T) {
	w, other := newWorld(t, "c1"), newWorld(t, "c1")
	r := w.generation(7, "bbbb")
	must(t, VerifyGeneration(w.ca.Cert, r))

	bend := map[string]func(*Record){
		"generation": func(r *Record) { r.Generation++ },
		"cluster":    func(r *Record) { r.Cluster = "c2" },
		"lineage":    func(r *Record) { r.Lineage = "cccc" },
		"seal":       func(r *Record) { r.Seal = other.generation(7, "bbbb").Seal },
		"no seal":    func(r *Record) { r.Seal = "" },
		"moved octet": func(r *Record) { // the same letters, cut elsewhere
			r.Cluster, r.Lineage = "c1b", "bbb"
		},
	}
	for what, change := range bend {
		forged := r
		change(&forged)
		if err := VerifyGeneration(w.ca.Cert, forged); !errors.Is(err, ErrUnproven) {
			t.Errorf("%s changed: %v", what, err)
		}
	}
	if _, err := SignGeneration(w.ca, Record{Cluster: "c1", Lineage: "x"}); err == nil {
		t.Error("generation 0 was signed")
	}
}
