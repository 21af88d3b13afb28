package consensus

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
)

// preload brings the state to where the mark says it was, before Raft starts:
// the newest snapshot, then the log up to the mark. Without a majority Raft
// itself would apply the snapshot only.
//
// Raft takes the newest snapshot's index unseen (NoSnapshotRestoreOnStart), so
// an older one must not stand in for it; and it panics on a hole in the log, so
// the log is looked through here first. The tail beyond the mark stays
// untouched: it may never have been committed.
func preload(d *disk, m mark, f *fsm) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { // the database panics and faults on some damage
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v; %s", ErrBroken, p, peer.WayBack)
		}
	}()
	base, err := loadSnapshot(d.snaps, f)
	if err != nil {
		return err
	}
	first, err := d.logs.FirstIndex()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	last, err := d.logs.LastIndex()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := checkExtent(base, first, last, m.Index, f.seen); err != nil {
		return err
	}
	return replay(d.logs, base, last, m.Index, f)
}

// checkExtent compares where the snapshot, the log and the mark end.
func checkExtent(base, first, last, marked, seen uint64) error {
	if last > base && first > base+1 {
		return fmt.Errorf("%w: the log begins at %d, the newest snapshot ends at %d; %s", ErrBroken, first, base, peer.WayBack)
	}
	if max(base, last, seen) < marked {
		return fmt.Errorf("%w: entry %d was applied here, but snapshot and log end at %d: the disk has lost what it had stored; %s",
			ErrBroken, marked, max(base, last, seen), peer.WayBack)
	}
	return nil
}

// loadSnapshot restores the newest snapshot and returns the index that Raft
// has for it; 0 when there is none.
func loadSnapshot(snaps raft.SnapshotStore, f *fsm) (uint64, error) {
	all, err := snaps.List()
	if err != nil {
		return 0, fmt.Errorf("list snapshots: %w", err)
	}
	if len(all) == 0 {
		return 0, nil
	}
	meta, r, err := snaps.Open(all[0].ID)
	if err == nil {
		err = f.Restore(r)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: the newest snapshot %s cannot be read (%w); %s",
			ErrBroken, all[0].ID, err, peer.WayBack)
	}
	return meta.Index, nil
}

// replay reads the log after the snapshot and applies it up to the mark.
func replay(logs raft.LogStore, base, last, marked uint64, f *fsm) error {
	for i := base + 1; i <= last; i++ {
		var l raft.Log
		if err := logs.GetLog(i, &l); err != nil {
			return fmt.Errorf("%w: entry %d of %d: %w; %s", ErrBroken, i, last, err, peer.WayBack)
		}
		if i > marked || (l.Type != raft.LogCommand && l.Type != raft.LogConfiguration) {
			continue
		}
		f.ApplyBatch([]*raft.Log{&l})
		if _, stopped := f.position(); errors.Is(stopped, errStopped) {
			// It went through once. An older binary is running now: it keeps
			// what it can read, and says so when Raft hands it the entry again.
			f.stopped = nil
			f.note()
			marked = i - 1
		}
	}
	return nil
}
