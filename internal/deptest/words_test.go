package deptest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whoever opens a package reads first what it does, what it must not know and
// who calls it.
func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs, names := map[string][]string{}, map[string]string{}
	for _, s := range sources(t) {
		name := strings.TrimSuffix(s.syntax.Name.Name, "_test")
		if s.syntax.Name.Name == name { // not an external test package
			names[s.dir] = name
		}
		if s.syntax.Doc != nil {
			docs[s.dir] = append(docs[s.dir], s.syntax.Doc.Text())
		} else if docs[s.dir] == nil {
			docs[s.dir] = []string{}
		}
	}
	for dir, name := range names {
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + filepath.Base(dir) + " "
		}
		good := slices.DeleteFunc(slices.Clone(docs[dir]), func(d string) bool { return !strings.HasPrefix(d, want) })
		if len(good) != 1 {
			t.Errorf("%s has %d comments that begin with %q, want 1", dir, len(good), want)
		} else if len(strings.Fields(good[0])) < 25 {
			t.Errorf("%s says too little about itself: %s", dir, good[0])
		}
	}
}

// modules returns the paths that go.mod requires.
func modules(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(f) >= 2 && strings.HasPrefix(f[1], "v") && foreign(f[0]) {
			all = append(all, f[0])
		}
	}
	return all
}

// Every module that our own code imports is named in the README, with what it is
// for: a dependency is a decision.
func TestEveryDependencyIsInTheReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	required := modules(t)
	if len(required) < 3 {
		t.Fatalf("go.mod requires only %v", required)
	}
	used := map[string]string{}
	for _, s := range sources(t) {
		for _, p := range s.imports {
			if !foreign(p) {
				continue
			}
			best := ""
			for _, m := range required {
				if within(p, m) && len(m) > len(best) {
					best = m
				}
			}
			if best == "" {
				t.Errorf("%s imports %s, which go.mod does not require", s.path, p)
			}
			used[best] = s.path
		}
	}
	for m, where := range used {
		if m != "" && !slices.ContainsFunc(strings.Fields(strings.NewReplacer("`", " ", "(", " ", ")", " ", "|", " ", ",", " ", "[", " ", "]", " ").Replace(string(readme))),
			func(w string) bool { return strings.TrimPrefix(w, "https://") == m }) {
			t.Errorf("README.md does not name %s, which %s imports", m, where)
		}
	}
}

// A file is about one noun; one that outgrew that is split.
func TestFilesStayReadable(t *testing.T) {
	for _, s := range sources(t) {
		text, err := os.ReadFile(filepath.Join(root(t), s.path))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > 500 {
			t.Errorf("%s has %d lines: split it by noun", s.path, n)
		}
	}
}
