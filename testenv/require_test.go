package testenv

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A machine that happens to have a package hides that nobody installs it: what
// tests ask for by name must be what install.sh installs.
func TestInstallScriptHasWhatTheTestsNeed(t *testing.T) {
	script, err := os.ReadFile("install.sh")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^packages="([^"]*)"`).FindSubmatch(script)
	if list == nil {
		t.Fatal("install.sh has no list of packages")
	}
	installed := strings.Fields(string(list[1]))
	for p := range programs {
		if !slices.Contains(installed, p) {
			t.Errorf("Require knows %s, and install.sh does not install it", p)
		}
	}
	found := 0
	for file, p := range needed(t) {
		found++
		if !slices.Contains(installed, p) {
			t.Errorf("%s needs %s, and install.sh does not install it", file, p)
		}
	}
	if found == 0 {
		t.Error("no test outside the lab names a package: has the form of the call changed?")
	}
}

// needed returns the packages that tests outside the lab ask for, by the file
// that does: needs(t, program, package).
func needed(t *testing.T) map[string]string {
	t.Helper()
	call := regexp.MustCompile(`\bneeds\(t, "[^"]+", "([^"]+)"\)`)
	all := map[string]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range call.FindAllSubmatch(text, -1) {
			all[path] = string(m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
