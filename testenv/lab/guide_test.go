package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestRouterGuide feeds the configurations of docs/routers.md to the programs that
// they are for: each must take every line.
func TestRouterGuide(t *testing.T) {
	t.Parallel()
	testenv.Require(t, testenv.Root, "frr", "bird2", "openbgpd")
	guide, err := os.ReadFile("../../docs/routers.md")
	if err != nil {
		t.Fatal(err)
	}
	lab := testenv.NewLab(t)
	for _, c := range []struct {
		block   string
		command []string // the file's name is put in for FILE
		refused string   // what the program says of a line that it does not take
	}{
		{"frr", []string{"bgpd", "-C", "-Z", "-f", "FILE"}, "No such command"},
		{"bird", []string{"bird", "-p", "-c", "FILE"}, "error"},
		{"openbgpd", []string{"/usr/sbin/bgpd", "-n", "-f", "FILE"}, "error"},
	} {
		host := lab.Host(c.block)
		file := filepath.Join(host.Dir, c.block+".conf")
		if err := os.WriteFile(file, []byte(block(t, string(guide), c.block)), 0o600); err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(strings.ReplaceAll(strings.Join(c.command, " "), "FILE", file))
		out, err := host.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil || strings.Contains(string(out), c.refused) {
			t.Errorf("%s does not take what the guide says: %v\n%s", c.block, err, out)
		}
	}
}

// block is the fenced block of a kind.
func block(t *testing.T, text, kind string) string {
	t.Helper()
	_, after, found := strings.Cut(text, "```"+kind+"\n")
	inside, _, closed := strings.Cut(after, "```")
	if !found || !closed || len(inside) < 100 {
		t.Fatalf("the guide has no block of %s", kind)
	}
	return inside
}
