package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/triggerd/triggerd/internal/config"
)

// nodeConfig is the configuration that runs, and its file.
type nodeConfig struct {
	path string

	mu      sync.Mutex
	current config.Node
}

// Current returns the configuration that runs.
func (c *nodeConfig) Current() config.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

func (c *nodeConfig) set(n config.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = n
}

// Lines prints it as it would stand in the file.
func (c *nodeConfig) Lines() []string { return c.Current().Lines() }

// Save writes what runs into the file: a new file beside it, then renamed over
// it, with the old one kept as a backup. Nothing is written when the file says
// the same already, so that its comments stay.
func (c *nodeConfig) Save() (string, error) {
	now := c.Current()
	if old, err := os.Open(c.path); err == nil {
		same, _, err := config.Parse(c.path, old)
		_ = old.Close()
		if err == nil && same.String() == now.String() {
			return c.path, nil
		}
		if err := copyFile(c.path, c.path+".bak"); err != nil {
			return "", err
		}
	}
	return c.path, writeFile(c.path, []byte(now.String()))
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
