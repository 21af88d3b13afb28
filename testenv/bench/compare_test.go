package bench

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

func TestWithoutATagTheComparisonSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q"}, {"-c", "user.name=x", "-c", "user.email=x@example.net", "commit", "-q", "--allow-empty", "-m", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("git: %v %s", err, out)
		}
	}
	_, err := Compare(t.Context(), Comparison{Source: dir, Count: 1, Time: "1x", Log: io.Discard})
	if !errors.Is(err, ErrNoTag) || !strings.Contains(err.Error(), "BASE=") {
		t.Errorf("%v", err)
	}
	_, err = Compare(t.Context(), Comparison{Source: dir, Base: "nowhere", Count: 1, Time: "1x", Log: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "BASE=nowhere is no revision") {
		t.Errorf("%v", err)
	}
}
