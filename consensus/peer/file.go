package peer

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeFile replaces dir/name with data so that after a crash at any moment
// the file holds either the old bytes or the new ones, never a part. The
// directory is flushed too: without that the rename itself may be lost.
func writeFile(dir, name string, perm os.FileMode, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
		}
	}()
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // a second close is harmless; the first error is the one to tell
			_ = os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(perm); err != nil {
		return err
	}
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// WriteFile replaces a file of the node's directory so that a crash leaves the
// old bytes or the new ones.
func WriteFile(dir, name string, perm os.FileMode, data []byte) error {
	return writeFile(dir, name, perm, data)
}

// SyncDir makes renames in a directory last.
func SyncDir(dir string) error { return syncDir(dir) }
