package rtbh

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func seedGolden(f *testing.F, glob string) {
	files, _ := filepath.Glob(filepath.Join("testdata", glob))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if b, err := unhex(text); err == nil {
			f.Add(b)
		}
	}
}

// Whatever decodes must be written as the very bytes that it was read from, or
// two nodes could hold one value with two digests. And no entry that decodes may
// make Apply or Authorize panic.
func FuzzDecodeEntry(f *testing.F) {
	seedGolden(f, "entry-*.hex")
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeEntry(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Fatalf("%x is written as %x", b, e.Encode())
		}
		st := newStory()
		st.s.Apply(st.index+1, e)
		for _, at := range []Instant{e.Stamp, e.Typed, st.now} {
			for _, c := range e.Commands {
				st.s.Authorize(e.Actor, c, at)
			}
			st.s.Desired(at)
			st.s.NextEnd(at)
		}
		back := restored(t, st.s)
		if back.Digest() != st.s.Digest() {
			t.Fatal("the state that it makes does not come back")
		}
	})
}

func FuzzDecodeResult(f *testing.F) {
	f.Add(EncodeResult(goldenResult()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeResult(b); err == nil && !bytes.Equal(EncodeResult(r), b) {
			t.Fatalf("%x is written as %x", b, EncodeResult(r))
		}
	})
}

// The body is given a right header, since no fuzzer finds a SHA-256.
func FuzzDecodeState(f *testing.F) {
	f.Add([]byte{}, uint32(0), uint64(0))
	s := newStory().s
	f.Add(s.body(false), s.version, s.index)
	g := goldenState()
	f.Add(g.body(false), g.version, g.index)
	f.Fuzz(func(t *testing.T, body []byte, version uint32, index uint64) {
		for _, b := range [][]byte{body, sealed(body, version, index)} {
			s, err := DecodeState(bytes.NewReader(b))
			if err != nil {
				continue
			}
			if !bytes.Equal(snapshotOf(t, s), b) {
				t.Fatal("written differently than it was read")
			}
			s.Apply(s.index+1, Entry{Stamp: s.stamp, Actor: thenode, Commands: []Command{Clear{}, Tick{}}})
			s.Desired(s.stamp)
			s.NextEnd(Instant(binary.BigEndian.Uint64(append(make([]byte, 8), body...)[len(body):])))
		}
	})
}
