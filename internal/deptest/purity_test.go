package deptest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// The core gives every node the same state out of the same log. What could
// differ from node to node, or from one version of Go to the next, stays out.
var impure = map[string]string{
	"os": "files", "os/exec": "processes", "net": "the network (net/netip is fine)", "net/http": "the network",
	"log": "a logger", "log/slog": "a logger", "math/rand": "chance", "math/rand/v2": "chance", "crypto/rand": "chance",
	"sync": "its owner locks", "sync/atomic": "its owner locks", "context": "nothing in it waits", "runtime": "the machine",
	"unicode": "its tables grow with each version of Go", "encoding/gob": "its bytes are not frozen", "encoding/json": "its bytes are not frozen",
	"hash/maphash": "chance", "unsafe": "it is about values", "syscall": "the machine", "time/tzdata": "the machine",
}

// clockwork are the parts of package time that look at a clock or wait for one.
var clockwork = []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}

// impurities lists what a file of the core must not have.
func impurities(s source) (found []string) {
	for _, p := range s.imports {
		if why := impure[p]; why != "" {
			found = append(found, "imports "+p+": "+why)
		}
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.GoStmt:
			found = append(found, "starts a goroutine")
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			found = append(found, "uses channels")
		case *ast.SelectorExpr:
			if p, ok := x.X.(*ast.Ident); ok && p.Name == "time" && slices.Contains(clockwork, x.Sel.Name) {
				found = append(found, "uses time."+x.Sel.Name)
			}
		case *ast.Ident:
			if x.Name == "float64" || x.Name == "float32" {
				found = append(found, "uses "+x.Name+": machines may round differently")
			}
		}
		return true
	})
	return found
}

func TestTheCoreIsPure(t *testing.T) {
	n := 0
	for _, s := range sources(t) {
		if s.dir != "internal/rtbh" || s.test {
			continue
		}
		n++
		for _, what := range impurities(s) {
			t.Errorf("%s %s", s.path, what)
		}
	}
	if n == 0 {
		t.Error("the core was not found")
	}
}

// This test's own packages are full of what the core must not have: were nothing
// found here either, the test above could not fail.
func TestImpurityIsSeen(t *testing.T) {
	found := ""
	for _, s := range sources(t) {
		if s.dir == "internal/alarm" || s.dir == "consensus" || s.dir == "internal/deptest" {
			found += strings.Join(impurities(s), "\n") + "\n"
		}
	}
	for _, want := range []string{"imports os:", "imports log/slog:", "uses time.Now", "starts a goroutine", "uses channels"} {
		if !strings.Contains(found, want) {
			t.Errorf("%q is not found anywhere", want)
		}
	}
}
