package consensus

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// guardedStore stands between Raft and its log. hashicorp/raft panics when the
// stable store fails in an election, or when a committed entry can't be read;
// that would end the process and every BGP session with it. Here such a call
// does not return: the failure is reported, Raft is shut down, and the calling
// goroutine ends with its deferred calls, which answer what was asked with a
// refusal. The node has left the cluster then; the daemon goes on.
type guardedStore struct {
	logs   raft.LogStore
	stable raft.StableStore
	snaps  *snapshotStore
	// failed is told of every error. fatal means that Raft can't go on; it
	// must shut Raft down without waiting for it.
	failed func(op string, err error, fatal bool)
	dead   atomic.Bool
}

var (
	_ raft.LogStore    = (*guardedStore)(nil)
	_ raft.StableStore = (*guardedStore)(nil)
)

// errDead answers calls after a fatal failure, so that a log that failed once
// is not written again with a hole in it.
var errDead = errors.New("the log store failed before")

// try runs one operation of the database, which may panic on a damaged file
// and fault on a truncated one, as an error.
func (g *guardedStore) try(f func() error) (err error) {
	if g.dead.Load() {
		return errDead
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrBroken, p)
		}
	}()
	return f()
}

// must ends the calling goroutine when err is one that Raft can't take.
func (g *guardedStore) must(op string, err error) {
	if err == nil {
		return
	}
	g.die(op, err)
	runtime.Goexit()
}

// die reports a fatal failure, once.
func (g *guardedStore) die(op string, err error) {
	if !g.dead.Swap(true) {
		g.failed(op, err, true)
	}
}

func (g *guardedStore) FirstIndex() (i uint64, err error) {
	err = g.try(func() (e error) { i, e = g.logs.FirstIndex(); return })
	return i, err
}

func (g *guardedStore) LastIndex() (i uint64, err error) {
	err = g.try(func() (e error) { i, e = g.logs.LastIndex(); return })
	return i, err
}

// GetLog must read every entry that the log ought to hold: a leader that can't
// would go on sending heartbeats and never commit anything again. The error is
// returned to everybody but processLogs, which would panic. (A replication
// goroutine must not be ended here: others wait for it.)
func (g *guardedStore) GetLog(index uint64, l *raft.Log) error {
	err := g.try(func() error { return g.logs.GetLog(index, l) })
	if err == nil || (errors.Is(err, raft.ErrLogNotFound) && !g.isHole(index)) {
		return err
	}
	err = fmt.Errorf("entry %d: %w", index, err)
	if calledBy("(*Raft).processLogs") {
		g.must("read log", err)
	}
	g.die("read log", err)
	return err
}

// isHole tells whether an entry that is not found should be there: it is
// neither compacted (a snapshot is sent in its place) nor yet to come.
func (g *guardedStore) isHole(index uint64) bool {
	last, err := g.LastIndex()
	return err == nil && index > g.snaps.newest.Load() && index <= last
}

func (g *guardedStore) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

func (g *guardedStore) StoreLogs(ls []*raft.Log) error {
	g.must("write log", g.try(func() error { return g.logs.StoreLogs(ls) }))
	return nil
}

// DeleteRange returns its error: Raft gives up the compaction, or refuses the
// entries that were to replace the range.
func (g *guardedStore) DeleteRange(from, to uint64) error {
	err := g.try(func() error { return g.logs.DeleteRange(from, to) })
	if err != nil && !g.dead.Load() {
		g.failed("shorten log", err, false)
	}
	return err
}

func (g *guardedStore) Set(k, v []byte) error {
	g.must("write term and vote", g.try(func() error { return g.stable.Set(k, v) }))
	return nil
}

func (g *guardedStore) SetUint64(k []byte, v uint64) error {
	g.must("write term and vote", g.try(func() error { return g.stable.SetUint64(k, v) }))
	return nil
}

func (g *guardedStore) Get(k []byte) (v []byte, err error) {
	err = g.try(func() (e error) { v, e = g.stable.Get(k); return })
	return v, g.absent(err)
}

func (g *guardedStore) GetUint64(k []byte) (v uint64, err error) {
	err = g.try(func() (e error) { v, e = g.stable.GetUint64(k); return })
	return v, g.absent(err)
}

// absent passes on that a key is not there, which Raft knows by its text.
func (g *guardedStore) absent(err error) error {
	if err == nil || err.Error() == raftboltdb.ErrKeyNotFound.Error() {
		return err
	}
	g.must("read term and vote", err)
	return err
}

// calledBy tells whether a function is on the stack of the caller. It runs on
// errors only: the same method is called from goroutines that may end and from
// such that may not, and nothing else tells them apart.
func calledBy(name string) bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}
