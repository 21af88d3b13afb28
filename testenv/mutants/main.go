// Command mutants checks the checkers of the core's rules: it breaks the rules of
// internal/rtbh one at a time, each in a copy that only the compiler sees, and runs
// the property test that compares them with the model. A broken rule that no test
// notices is a hole in the tests, and an error.
//
// It knows nothing but the source of the rules. `make mutants` calls it. With words
// after it, it takes only the mutants that have one of them in their rule or file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	core  = "internal/rtbh"
	tests = "TestTheRulesAreTheModels|TestUnfit|TestTheHistoryIs"
)

// mutant is one rule broken: in file, is becomes broken.
type mutant struct{ rule, file, is, broken string }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("making a place for the copies: %w", err)
	}
	defer os.RemoveAll(dir)
	survivors := 0
	for i, m := range mutants {
		if !m.wanted(os.Args[1:]) {
			continue
		}
		caught, err := m.caught(ctx, filepath.Join(dir, fmt.Sprint(i)))
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", m.rule, err)
		case caught:
			fmt.Println("caught  ", m.rule)
		default:
			fmt.Println("SURVIVED", m.rule)
			survivors++
		}
	}
	if survivors > 0 {
		return fmt.Errorf("%d of %d broken rules are not noticed by %s", survivors, len(mutants), tests)
	}
	return nil
}

func (m mutant) wanted(words []string) bool {
	return len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(m.rule+" "+m.file, w) })
}

// caught tells whether the tests fail with the mutant in the place of its file. One
// that does not compile proves nothing.
func (m mutant) caught(ctx context.Context, dir string) (bool, error) {
	source, err := filepath.Abs(filepath.Join(core, m.file))
	if err != nil {
		return false, err
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return false, err
	}
	if n := strings.Count(string(text), m.is); n != 1 {
		return false, fmt.Errorf("%s has %q %d times, not once: the mutant is out of date", m.file, m.is, n)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	copied, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {source: copied}})
	if err != nil {
		return false, err
	}
	for name, content := range map[string][]byte{copied: []byte(strings.Replace(string(text), m.is, m.broken, 1)), overlay: replace} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return false, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	binary := filepath.Join(dir, "test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "-overlay", overlay, "./"+core).CombinedOutput(); err != nil {
		return false, fmt.Errorf("does not compile: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run", tests, "-rapid.checks=500", "-rapid.nofailfile", "-rapid.shrinktime=1s")
	cmd.Dir = core
	err = cmd.Run()
	var failed *exec.ExitError
	if errors.As(err, &failed) && ctx.Err() == nil {
		return true, nil
	}
	return false, err
}
