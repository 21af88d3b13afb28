package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/triggerd/triggerd/consensus/peer"
)

// claimed is a directory that is being made a node's. A file in it says so until
// it is done: what an interrupted `init` or `join` leaves behind was never a
// node, and the next one clears it away.
type claimed struct {
	dir  string
	lock *os.File
}

// claim takes a directory that is missing, empty, or left over.
func claim(dir string) (*claimed, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the node's directory: %w", err)
	}
	c := &claimed{dir: dir}
	found, err := c.found()
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		if err := mayClear(dir, found); err != nil {
			return nil, err
		}
	}
	if err := c.mark(); err != nil {
		return nil, err
	}
	if err := c.clear(peer.UnfinishedFile); err != nil {
		return nil, errors.Join(err, c.lock.Close())
	}
	return c, nil
}

// found are the names in the directory, but for what a file system of its own
// begins with.
func (c *claimed) found() (names []string, err error) {
	all, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("look into the node's directory: %w", err)
	}
	for _, f := range all {
		if f.Name() != "lost+found" {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// mayClear refuses all but what was never finished.
func mayClear(dir string, found []string) error {
	id, err := peer.LoadIdentity(dir)
	switch {
	case err == nil:
		return fmt.Errorf("%s %w: a node is initialised once, and this is %s: start it with `triggerd run`, or move the directory away to begin anew", dir, ErrNotEmpty, id.ServerID())
	case errors.Is(err, peer.ErrUnfinished):
		return nil
	case errors.Is(err, peer.ErrNoIdentity):
		return fmt.Errorf("%s %w: a node takes a directory of its own, and %s is in it", dir, ErrNotEmpty, found[0])
	}
	return fmt.Errorf("%s %w: %w", dir, ErrNotEmpty, err)
}

// mark writes the file and holds it against another process.
func (c *claimed) mark() error {
	path := filepath.Join(c.dir, peer.UnfinishedFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("begin in the node's directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s: another `triggerd init` or `join` is at work there", c.dir), f.Close())
	}
	c.lock = f
	_, err = f.WriteString("A node is being made here; until this file is gone there is none.\n")
	if err = errors.Join(err, f.Sync(), peer.SyncDir(c.dir)); err != nil {
		return errors.Join(fmt.Errorf("begin in the node's directory: %w", err), c.undo())
	}
	return nil
}

// clear empties the directory, but for one file.
func (c *claimed) clear(but string) error {
	found, err := c.found()
	for _, name := range found {
		if name != but {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.dir, name)))
		}
	}
	return err
}

// undo leaves the directory empty, the file that says what it is last.
func (c *claimed) undo() error {
	return errors.Join(c.clear(peer.UnfinishedFile), c.clear(""), c.lock.Close())
}

// done is called when the identity is there.
func (c *claimed) done() error { return errors.Join(finished(c.dir), c.lock.Close()) }

// finished takes the file away, also when that was missed in a crash just after
// the identity was written.
func finished(dir string) error {
	err := os.Remove(filepath.Join(dir, peer.UnfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, peer.SyncDir(dir))
}
