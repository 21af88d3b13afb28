// Package deptest reads the module's own source and holds what the house is
// built on: which package may import which, where foreign types stop, what the
// pure core must not touch, and that every package says what it is.
//
// It reads the files of all platforms and the tests too, so nothing hides
// behind a build tag. Nobody calls it; it has only tests. The rules are tables
// by path, so that a package that does not exist yet has its place already.
package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/triggerd/triggerd"

// source is one Go file of the module.
type source struct {
	path    string // from the module's root: "bgp/doc.go"
	dir     string // "bgp"
	test    bool
	imports []string // paths; those of this module without its name: "internal/rtbh"
	syntax  *ast.File
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// sources are all Go files of the module. No test changes what was parsed.
func sources(t *testing.T) []source {
	t.Helper()
	top := root(t)
	all, err := parseAll(top)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found below %s", len(all), top)
	}
	return all
}

// parsed holds what parseAll has read: parsing everything once for each test would
// be the larger part of their time.
var parsed struct {
	once sync.Once
	all  []source
	err  error
}

func parseAll(top string) ([]source, error) {
	parsed.once.Do(func() { parsed.all, parsed.err = parseBelow(top) })
	return parsed.all, parsed.err
}

func parseBelow(top string) (all []source, err error) {
	err = filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && file != top && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		s, err := parse(top, file)
		if err == nil {
			all = append(all, s)
		}
		return err
	})
	return all, err
}

func parse(top, file string) (source, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(top, file)
	if err != nil {
		return source{}, err
	}
	s := source{path: filepath.ToSlash(rel), syntax: f, test: strings.HasSuffix(file, "_test.go")}
	s.dir = path.Dir(s.path)
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return source{}, err
		}
		s.imports = append(s.imports, strings.TrimPrefix(p, module+"/"))
	}
	return s, nil
}

// within tells whether a path is a directory or lies in it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// ours tells whether an import is of this module.
func ours(p string) bool {
	_, known := roomOf(p)
	return known && !foreign(p)
}

// foreign tells whether an import is neither of this module nor of the standard
// library, whose paths have no dot in their first element.
func foreign(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".") && p != module
}
