package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/triggerd/triggerd/internal/config"
)

// nodeConfig is the configuration that runs, and its file.
type nodeConfig struct {
	path string

	mu      sync.Mutex
	current config.Node
	file    *config.Node // the file as it was last read; nil: as current
}

// Current returns the configuration that runs.
func (c *nodeConfig) Current() config.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// set takes what runs from now on, and the file that says so; the two differ in
// what takes effect with the next start.
func (c *nodeConfig) set(runs, file config.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.file = runs, &file
}

// asRead returns the file as it was last read.
func (c *nodeConfig) asRead() config.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return c.current
	}
	return *c.file
}

// Lines prints it as it would stand in the file.
func (c *nodeConfig) Lines() []string { return c.Current().Lines() }

// Save writes what runs into the file: a new file beside it, then renamed over
// it, with the old one kept as a backup. What the file has for the next start
// stays in it. Nothing is written when the file says the same already, so that
// its comments stay, and nothing over what somebody has edited since it was read:
// that work would be lost.
func (c *nodeConfig) Save() (string, error) {
	want := c.wanted()
	if f, err := os.Open(c.path); err == nil {
		found, _, err := config.Parse(c.path, f)
		_ = f.Close()
		switch {
		case err == nil && found.String() == want.String():
			return c.path, nil
		case err != nil || found.String() != c.asRead().String():
			return "", fmt.Errorf("%s was edited after this node had read it, so it is left alone; let the node read it first (kill -HUP, or a restart)", c.path)
		}
		if err := copyFile(c.path, c.path+".bak"); err != nil {
			return "", err
		}
	}
	if err := writeFile(c.path, []byte(want.String())); err != nil {
		return "", err
	}
	c.set(c.Current(), want)
	return c.path, nil
}

// wanted is the file as it was read with the neighbors that run: only these can
// change while the node runs.
func (c *nodeConfig) wanted() config.Node {
	want, runs := c.asRead(), c.Current()
	if want.BGP != nil && runs.BGP != nil {
		bgp := *want.BGP
		bgp.Neighbors = runs.BGP.Neighbors
		want.BGP = &bgp
	}
	return want
}

// Startup reads the file as it is.
func (c *nodeConfig) Startup() (string, []string, error) {
	b, err := os.ReadFile(c.path)
	if err != nil {
		return c.path, nil, fmt.Errorf("reading the node's file: %w", err)
	}
	return c.path, strings.Split(strings.TrimRight(string(b), "\n"), "\n"), nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("reading the old file: %w", err)
	}
	return writeFile(to, b)
}

// writeFile replaces a file whole or not at all, also over a power cut.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".triggerd-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // fails when the rename has taken it
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
