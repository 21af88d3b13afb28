package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The mark says up to which index this node has applied the log. A node that
// boots without a majority may load the log up to it and not one entry more:
// what lies beyond may never have been committed.
//
// The file has two slots, written in turn, each with a sequence number and a
// checksum, so that a torn write costs one step and not the mark. It is
// written before an entry is acknowledged, into blocks that exist already
// (survives kill -9), and flushed within markFlush (a power cut may make it
// that much stale). A stale mark is safe, only incomplete.
const (
	markFile  = "mark"
	markMagic = "TRGMARK1"
	slotSize  = 4096 // a slot of its own block: writing one never tears the other
	markSize  = 2 * slotSize
	markFlush = 20 * time.Millisecond
	maxBootID = 64
)

// logID is drawn when a log is made and lies in it. A mark whose log is gone
// counts for nothing.
type logID [16]byte

// mark is what a slot holds.
type mark struct {
	Log   logID
	Seq   uint64
	Index uint64
	Clock clockReading
}

// encode lays out [magic 8][log 16][seq 8][index 8][now 8][boot 8][len 1][boot id][crc 4].
func (m mark) encode() []byte {
	id := m.Clock.BootID
	if len(id) > maxBootID {
		id = ""
	}
	b := append(make([]byte, 0, 128), markMagic...)
	b = append(b, m.Log[:]...)
	b = binary.BigEndian.AppendUint64(b, m.Seq)
	b = binary.BigEndian.AppendUint64(b, m.Index)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Clock.Now))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Clock.Boot))
	b = append(b, byte(len(id)))
	b = append(b, id...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// decodeMark reads a slot; ok is false for a torn or an empty one.
func decodeMark(b []byte) (m mark, ok bool) {
	const fixed = 8 + 16 + 8 + 8 + 8 + 8 + 1
	if len(b) < fixed+4 || string(b[:8]) != markMagic {
		return mark{}, false
	}
	end := fixed + int(b[fixed-1])
	if int(b[fixed-1]) > maxBootID || len(b) < end+4 ||
		crc32.ChecksumIEEE(b[:end]) != binary.BigEndian.Uint32(b[end:]) {
		return mark{}, false
	}
	copy(m.Log[:], b[8:])
	m.Seq = binary.BigEndian.Uint64(b[24:])
	m.Index = binary.BigEndian.Uint64(b[32:])
	m.Clock.Now = rtbh.Instant(binary.BigEndian.Uint64(b[40:]))
	m.Clock.Boot = time.Duration(binary.BigEndian.Uint64(b[48:]))
	m.Clock.BootID = string(b[fixed:end])
	return m, true
}

// newestMark picks the newer of the two slots that belongs to the log.
func newestMark(file []byte, log logID) (m mark) {
	for at := 0; at+slotSize <= len(file) && at < markSize; at += slotSize {
		if s, ok := decodeMark(file[at : at+slotSize]); ok && s.Log == log && s.Seq >= m.Seq {
			m = s
		}
	}
	m.Log = log
	return m
}

// markWriter keeps the mark of a running node.
type markWriter struct {
	f      *os.File
	found  bool // the file had a mark of this log when it was opened
	dirty  chan struct{}
	stop   chan struct{}
	done   chan struct{}
	failed func(error) // called with nil when it works again
	noSync atomic.Bool // for tests that kill no power

	mu   sync.Mutex
	last mark
}

// openMark reads the mark in dir and keeps the file open for writing. A
// missing file is a mark of nothing.
func openMark(dir string, log logID, failed func(error)) (*markWriter, error) {
	path := filepath.Join(dir, markFile)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read mark: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open mark: %w", err)
	}
	if len(old) < markSize {
		// The blocks have to exist before they are needed: on a full disk the
		// mark must still move.
		if _, err := f.WriteAt(make([]byte, markSize-len(old)), int64(len(old))); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("preallocate mark: %w", err)
		}
		if err := f.Sync(); err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("preallocate mark: %w", err)
		}
	}
	last := newestMark(old, log)
	w := &markWriter{
		f: f, found: last.Seq > 0, last: last, failed: failed,
		dirty: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.flush()
	return w, nil
}

// get returns the mark as last written or read.
func (w *markWriter) get() mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// set moves the mark. An error is reported and not returned: the entry is
// applied and committed, and a stale mark is safe.
func (w *markWriter) set(index uint64, clock clockReading) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := mark{Log: w.last.Log, Seq: w.last.Seq + 1, Index: index, Clock: clock}
	if _, err := w.f.WriteAt(next.encode(), int64(next.Seq%2)*slotSize); err != nil {
		w.failed(fmt.Errorf("write mark: %w", err))
		return
	}
	w.last = next
	select {
	case w.dirty <- struct{}{}:
	default:
	}
}

// flush syncs what was written, at most markFlush after it.
func (w *markWriter) flush() {
	defer close(w.done)
	for {
		select {
		case <-w.stop:
			return
		case <-w.dirty:
		}
		select {
		case <-w.stop:
			return
		case <-time.After(markFlush):
		}
		if w.noSync.Load() {
			continue
		}
		if err := datasync(w.f); err != nil {
			w.failed(fmt.Errorf("flush mark: %w", err))
		} else {
			w.failed(nil)
		}
	}
}

// close flushes a last time.
func (w *markWriter) close() error {
	close(w.stop)
	<-w.done
	if w.noSync.Load() {
		return w.f.Close()
	}
	return errors.Join(datasync(w.f), w.f.Close())
}

// A log without a mark can't say what of it was committed: nothing of it may
// be announced before the cluster has said so, not even after the boot wait.
// An old snapshot alone would bring back what was withdrawn since.
const lostMark = "lost mark"

// checkMark raises the alarm for a node whose mark is gone while its log is not.
func (n *Node) checkMark(l *life) error {
	last, err := l.disk.logs.LastIndex()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if seen, _ := n.fsm.position(); l.mark.found || last <= seen {
		return nil
	}
	n.unmarked.Store(true)
	n.alarms.Raise(alarm.StoreError, lostMark, fmt.Sprintf("%s, which says up to where this node had applied its log, was missing or damaged: "+
		"it announces nothing until the cluster has confirmed its state. If the majority is gone for good: `triggerd recover`", filepath.Join(n.opt.Dir, markFile)))
	return nil
}
