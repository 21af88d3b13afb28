package consensus

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/triggerd/triggerd/consensus/peer"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// What lies in a node's directory, besides the files of consensus/peer.
const (
	raftDir     = "raft"
	logFile     = "log.db"
	keepSnaps   = 2
	lockTimeout = 2 * time.Second // a daemon that is just stopping may hold the log
)

var logIDKey = []byte("triggerd-log-id")

// disk is a node's log and snapshots.
type disk struct {
	logs   raft.LogStore
	stable raft.StableStore
	snaps  raft.SnapshotStore
	id     logID
	close  func() error
}

// createDisk makes an empty log in a node's directory.
func createDisk(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, raftDir), 0o700); err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	d, err := openBolt(filepath.Join(dir, raftDir), false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var id logID
	_, _ = rand.Read(id[:]) // crypto/rand.Read does not fail
	return errors.Join(d.stable.Set(logIDKey, id[:]), d.close())
}

// openDisk opens the log that createDisk made. It never makes one: where an
// identity says that there was a log, an empty one would be a wrong state.
func openDisk(dir string, noSync bool, log *slog.Logger) (*disk, error) {
	return openDiskAt(filepath.Join(dir, raftDir), noSync, log)
}

// openDiskAt opens the log in a directory of its own.
func openDiskAt(dir string, noSync bool, log *slog.Logger) (*disk, error) {
	path := filepath.Join(dir, logFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing although this node has joined a cluster; "+
			"nothing is started with an empty state in its place. Restore it, or %s", ErrBroken, path, peer.WayBack)
	}
	d, err := openBolt(dir, noSync, log)
	if err != nil {
		return nil, err
	}
	id, err := d.stable.Get(logIDKey)
	if err != nil || len(id) != len(d.id) {
		return nil, errors.Join(fmt.Errorf("%w: %s has no log id; %s", ErrBroken, path, peer.WayBack), d.close())
	}
	copy(d.id[:], id)
	return d, nil
}

// openBolt opens the database, which panics on some damage and faults on a file
// that was cut off. (NoFreelistSync would be quicker, but then opening walks
// the whole file with a goroutine that panics where nobody can catch it.)
func openBolt(dir string, noSync bool, log *slog.Logger) (d *disk, err error) {
	path := filepath.Join(dir, logFile)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s: %v; %s", ErrBroken, path, p, peer.WayBack)
		}
	}()
	b, err := raftboltdb.New(raftboltdb.Options{
		Path: path, NoSync: noSync, MsgpackUseNewTimeFormat: true,
		BoltOptions: &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("open log: %s is in use: another triggerd runs in this directory", path)
	case err != nil && isOfTheSystem(err): // no space, no permission: the file itself may be good
		return nil, fmt.Errorf("open log: %s: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w; %s", ErrBroken, path, err, peer.WayBack)
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, keepSnaps, newRaftLogger(log))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open snapshots: %w", err), b.Close())
	}
	return &disk{logs: b, stable: b, snaps: snaps, close: b.Close}, nil
}

// isOfTheSystem tells an error of the operating system from one about what is
// in the file.
func isOfTheSystem(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no)
}
