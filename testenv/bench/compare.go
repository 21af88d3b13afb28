package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// benchstat is pinned: its module has no tags.
const benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260813145340-fd4a688df892"

// ErrNoTag is a repository without a tag to compare with.
var ErrNoTag = errors.New("there is no tag yet to compare with; name a revision: make bench-compare BASE=REVISION")

// Comparison is what is compared, and how.
type Comparison struct {
	Source string // the module's root, in a git repository
	Base   string // a revision; "" = the newest tag before this one
	Count  int    // runs of each benchmark
	Time   string // -benchtime
	Log    io.Writer
}

// Compare measures the micro-benchmarks here and at the base, in turn so that what
// else the machine does hits both, and returns what benchstat says.
func Compare(ctx context.Context, c Comparison) (string, error) {
	base, err := c.base(ctx)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "triggerd-bench-compare-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	old := filepath.Join(dir, "base")
	if _, err := c.git(ctx, "worktree", "add", "--detach", old, base); err != nil {
		return "", err
	}
	defer func() { _, _ = c.git(context.WithoutCancel(ctx), "worktree", "remove", "--force", old) }()
	before, after := filepath.Join(dir, base2file(base)), filepath.Join(dir, "here")
	if err := c.measure(ctx, old, before, after); err != nil {
		return "", err
	}
	return c.stat(ctx, dir, before, after)
}

// base2file makes a revision the name of a file: benchstat prints it.
func base2file(rev string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, rev)
}

func (c Comparison) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = c.Source
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return strings.TrimSpace(string(out)), err
}

// base is the revision to compare with.
func (c Comparison) base(ctx context.Context) (string, error) {
	if c.Base != "" {
		_, err := c.git(ctx, "rev-parse", "--verify", "--quiet", c.Base+"^{commit}")
		if err != nil {
			return "", fmt.Errorf("BASE=%s is no revision here", c.Base)
		}
		return c.Base, nil
	}
	tag, err := c.git(ctx, "describe", "--tags", "--abbrev=0", "HEAD")
	if err != nil {
		return "", ErrNoTag
	}
	return tag, nil
}

// measure runs every step at both places, again and again. A step that the base
// has not is no failure.
func (c Comparison) measure(ctx context.Context, old, before, after string) error {
	for i := range c.Count {
		for _, s := range steps {
			fmt.Fprintf(c.Log, "bench: %d of %d: %s\n", i+1, c.Count, s.pkg)
			if text, err := goTest(ctx, old, s, c.Time, 1); err == nil {
				if err := add(before, text); err != nil {
					return err
				}
			} else if ctx.Err() == nil && i == 0 {
				fmt.Fprintf(c.Log, "bench: the base has none of %s %s, or it does not build there\n", s.pkg, s.pattern)
			}
			text, err := goTest(ctx, c.Source, s, c.Time, 1)
			if err != nil {
				return err
			}
			if err := add(after, text); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func add(file, text string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (c Comparison) stat(ctx context.Context, dir, before, after string) (string, error) {
	if _, err := os.Stat(before); err != nil {
		return "", errors.New("the base has none of these benchmarks")
	}
	cmd := exec.CommandContext(ctx, "go", "run", benchstat, filepath.Base(before), filepath.Base(after))
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("benchstat: %w: %s", err, out)
	}
	return string(out), err
}
