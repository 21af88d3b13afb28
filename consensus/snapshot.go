package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// snapshotMagic begins every snapshot; its last digit is the format.
const snapshotMagic = "TRGSNAP1"

// snapshot is a copy of the state on its way to disk or to another node.
//
// Raft labels a snapshot with the index that it has handed to the state
// machine, which is too low while entries are replayed that a preloaded state
// holds already. So the snapshot carries the state's own position:
// [magic 8][seen 8][state].
type snapshot struct {
	state *rtbh.State
	seen  uint64
}

// Persist implements raft.FSMSnapshot.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (s *snapshot) write(w io.Writer) error {
	head := binary.BigEndian.AppendUint64([]byte(snapshotMagic), s.seen)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := s.state.Encode(w); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (s *snapshot) Release() {}

// readSnapshot reads what snapshot.write wrote.
func readSnapshot(r io.Reader) (seen uint64, s *rtbh.State, err error) {
	head := make([]byte, len(snapshotMagic)+8)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, fmt.Errorf("read snapshot: %w", err)
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic {
		return 0, nil, fmt.Errorf("read snapshot: %w", rtbh.ErrUnknownEntry)
	}
	seen = binary.BigEndian.Uint64(head[len(snapshotMagic):])
	if s, err = rtbh.DecodeState(r); err != nil {
		return 0, nil, fmt.Errorf("read snapshot: %w", err)
	}
	if s.Index() > seen {
		return 0, nil, fmt.Errorf("read snapshot: %w: the state is at %d, beyond its label %d", ErrBroken, s.Index(), seen)
	}
	return seen, s, nil
}

// snapshotStore remembers the index of the newest snapshot, which the log
// store needs to tell a compacted entry from a lost one.
type snapshotStore struct {
	raft.SnapshotStore
	newest atomic.Uint64
}

func newSnapshotStore(s raft.SnapshotStore) (*snapshotStore, error) {
	st := &snapshotStore{SnapshotStore: s}
	all, err := s.List()
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	if len(all) > 0 {
		st.newest.Store(all[0].Index)
	}
	return st, nil
}

// Create implements raft.SnapshotStore.
func (s *snapshotStore) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, ci uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, ci, t)
	if err != nil {
		return nil, err
	}
	return &snapshotSink{SnapshotSink: sink, store: s, index: index}, nil
}

type snapshotSink struct {
	raft.SnapshotSink
	store *snapshotStore
	index uint64
}

// Close implements raft.SnapshotSink.
func (s *snapshotSink) Close() error {
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	for {
		old := s.store.newest.Load()
		if s.index <= old || s.store.newest.CompareAndSwap(old, s.index) {
			return nil
		}
	}
}
