package consensus

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func drawMark(t *rapid.T, label string) mark {
	var m mark
	copy(m.Log[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, label+" log"))
	m.Seq = rapid.Uint64().Draw(t, label+" seq")
	m.Index = rapid.Uint64().Draw(t, label+" index")
	m.Clock.Now = rtbh.Instant(rapid.Int64().Draw(t, label+" now"))
	m.Clock.Boot = time.Duration(rapid.Int64().Draw(t, label+" boot"))
	m.Clock.BootID = rapid.StringN(0, -1, maxBootID).Draw(t, label+" boot id")
	return m
}

func TestMarkReadsBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMark(t, "mark")
		if got, ok := decodeMark(m.encode()); !ok || got != m {
			t.Fatalf("wrote %+v, read %+v (%v)", m, got, ok)
		}
	})
}

// A write of the mark is torn at any byte: the mark is the old one or the new
// one, never something else, and never gone.
func TestTornMarkCostsOneStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := logID{1}
		file := make([]byte, markSize)
		seq := rapid.Uint64Range(1, 1<<40).Draw(t, "seq")
		old := mark{Log: log, Seq: seq, Index: seq * 3, Clock: clockReading{BootID: "boot"}}
		next := mark{Log: log, Seq: seq + 1, Index: seq*3 + 7, Clock: clockReading{BootID: "boot"}}
		copy(file[int(old.Seq%2)*slotSize:], old.encode())
		older := mark{Log: log, Seq: seq - 1, Index: 1}
		copy(file[int(next.Seq%2)*slotSize:], older.encode())
		b := next.encode()
		torn := rapid.IntRange(0, len(b)).Draw(t, "torn at")
		copy(file[int(next.Seq%2)*slotSize:], b[:torn])
		got := newestMark(file, log)
		if got != old && got != next {
			t.Fatalf("torn at %d of %d: %+v", torn, len(b), got)
		}
		if torn == len(b) && got != next {
			t.Fatal("a whole write does not count")
		}
	})
}

func TestMarkOfAnotherLogCountsForNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := openMark(dir, logID{1}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	w.set(42, clockReading{})
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	for log, want := range map[logID]uint64{{1}: 42, {2}: 0} {
		w, err := openMark(dir, log, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		if got := w.get().Index; got != want {
			t.Errorf("log %v: mark at %d, want %d", log[:1], got, want)
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The file's blocks exist from the start, and it never grows: on a full disk
// the mark still moves.
func TestMarkNeverGrows(t *testing.T) {
	dir := t.TempDir()
	w, err := openMark(dir, logID{1}, func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(100) {
		w.set(i, clockReading{BootID: "0b5b5f0e-7d3a-4c3f-8a58-1d2b3c4d5e6f"})
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, markFile)); err != nil || len(b) != markSize {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func FuzzDecodeMark(f *testing.F) {
	f.Add(mark{Log: logID{1}, Seq: 3, Index: 4, Clock: clockReading{5, 6, "boot"}}.encode())
	f.Add([]byte(markMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := decodeMark(b); ok && !bytes.HasPrefix(b, m.encode()) {
			t.Errorf("%+v does not encode to what it was read from", m)
		}
	})
}

func FuzzDecodeAttempt(f *testing.F) {
	f.Add(attempt{verdict: done, result: rtbh.Result{Index: 3}}.encode())
	f.Add(refusedBecause(ErrNoLeader).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := decodeAttempt(b); a.verdict != done && a.err == nil {
			t.Error("no result and no reason")
		}
	})
}

func FuzzReadSnapshot(f *testing.F) {
	var b bytes.Buffer
	if err := (&snapshot{state: rtbh.NewState(), seen: 7}).write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, s, err := readSnapshot(bytes.NewReader(b)); err == nil && s == nil {
			t.Error("no state and no error")
		}
	})
}
