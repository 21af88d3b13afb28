package rtbh

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestEveryKindIsKnownToTheTests(t *testing.T) {
	for i, c := range everyCommand {
		if c.kind() != Kind(i+1) {
			t.Errorf("%s is kind %d, at place %d here", kindName(c), c.kind(), i+1)
		}
	}
	last := Kind(len(everyCommand))
	if _, err := DecodeEntry(entryWithCommand(last+1, commandVersion, nil)); !errors.Is(err, ErrUnknownEntry) {
		t.Errorf("kind %d exists and is not in everyCommand: %v", last+1, err)
	}
}

// entryWithCommand is an entry with one command spelt out in bytes.
func entryWithCommand(k Kind, version byte, body []byte) []byte {
	b := Entry{}.Encode()
	b = append(b[:len(b)-1], 1, byte(k), version)
	b = binary.AppendUvarint(b, uint64(len(body)))
	return append(b, body...)
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	for _, kind := range everyCommand {
		t.Run(kindName(kind), rapid.MakeCheck(func(t *rapid.T) {
			e := draw[Entry](t)
			v := reflect.New(reflect.TypeOf(kind)).Elem()
			drawInto(t, v)
			e.Commands = append(e.Commands, v.Interface().(Command))
			b := e.Encode()
			back, err := DecodeEntry(b)
			if err != nil {
				t.Fatalf("%+v does not decode: %v", e, err)
			}
			if !reflect.DeepEqual(e, back) {
				t.Fatalf("%+v comes back as %+v", e, back)
			}
			if !bytes.Equal(back.Encode(), b) {
				t.Fatal("and is written differently then")
			}
			n := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
			if _, err := DecodeEntry(b[:n]); err == nil {
				t.Fatalf("its first %d of %d bytes decode too", n, len(b))
			}
		}))
	}
}

func TestResultsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw[Result](t)
		back, err := DecodeResult(EncodeResult(r))
		if err != nil || !reflect.DeepEqual(r, back) {
			t.Fatalf("%+v comes back as %+v, %v", r, back, err)
		}
	})
}

// drawState draws any state that can be written, whether Apply could make it or
// not.
func drawState(t *rapid.T) *State {
	s := NewState()
	s.clusterID, s.created, s.version = draw[string](t), draw[Instant](t), draw[uint32](t)
	s.index, s.stamp, s.settings = draw[uint64](t), draw[Instant](t), draw[Settings](t)
	s.nextPending, s.auditSeq, s.auditHead, s.horizon = draw[uint64](t), draw[uint64](t), draw[[32]byte](t), draw[Instant](t)
	for range rapid.IntRange(0, 2).Draw(t, "of each") {
		put(t, s.customers, func(v Customer) string { return v.Name })
		put(t, s.users, func(v User) string { return v.Name })
		put(t, s.routeMaps, func(v RouteMap) string { return v.Name })
		put(t, s.prefixLists, func(v PrefixList) string { return v.Name })
		put(t, s.communityLists, func(v CommunityList) string { return v.Name })
		put(t, s.members, func(v Member) string { return v.Name })
		put(t, s.tokens, func(v Token) [32]byte { return v.Hash })
		put(t, s.contacts, func(v Contact) string { return v.Name })
		put(t, s.budgets, func(v Budget) [2]string { return [2]string{v.Node, v.Neighbor} })
		put(t, s.refused, func(v RefusedTries) string { return v.User })
		put(t, s.pending, func(v Pending) uint64 { return v.ID })
		b := draw[Blackhole](t)
		s.store(b.Prefix, b.Customer, &b)
		s.history.add(draw[Ended](t))
		s.audit.add(draw[AuditRecord](t))
		s.recent = append(s.recent, &remembered{id: draw[RequestID](t), typed: draw[Instant](t),
			result: Result{Index: draw[uint64](t), At: draw[Instant](t), Outcomes: draw[[]Outcome](t)}})
	}
	s.derive()
	return s
}

func put[K comparable, V any](t *rapid.T, m map[K]V, key func(V) K) {
	v := draw[V](t)
	m[key(v)] = v
}

func TestStatesComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawState(t)
		back := restored(t, s)
		back.ends, s.ends = nil, nil // a heap may be laid out in several ways
		if !reflect.DeepEqual(s, back) {
			t.Fatalf("%+v comes back as %+v", s, back)
		}
	})
}

func snapshotOf(t failer, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDamagedSnapshotsAreRefused(t *testing.T) {
	st := newStory()
	st.must(alice, network("acme", victim))
	good := snapshotOf(t, st.s)
	for n := range good {
		if _, err := DecodeState(bytes.NewReader(good[:n])); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(good), err)
		}
	}
	for i := range good {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			_, err := DecodeState(bytes.NewReader(bad))
			if newer := i == 4 && errors.Is(err, ErrUnknownEntry); !newer && !errors.Is(err, ErrSnapshot) {
				t.Fatalf("byte %d of %d flipped by %#x: %v", i, len(good), flip, err)
			}
		}
	}
}

// sealed puts a correct header in front of a body, as an attacker could who
// owns the disk.
func sealed(body []byte, version uint32, index uint64) []byte {
	b := append([]byte("RTBH"), snapshotFormat)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint64(b, index)
	b = binary.BigEndian.AppendUint64(b, uint64(len(body)))
	sum := sha256.Sum256(body)
	return append(append(b, sum[:]...), body...)
}

func TestASnapshotIsReadOnlyInTheFormThatIsWritten(t *testing.T) {
	st := newStory()
	body := st.s.body(false)
	if _, err := DecodeState(bytes.NewReader(sealed(body, st.s.version, st.s.index))); err != nil {
		t.Fatalf("the header made here is wrong: %v", err)
	}
	meta := &codec{buf: body[1:]}
	var first []byte
	meta.blob(&first)
	for what, b := range map[string][]byte{
		"no records":        {},
		"meta twice":        append(bytes.Clone(body[:1+len(body[1:])-len(meta.buf)]), body...),
		"a record repeated": append(bytes.Clone(body), body[len(body)-len(meta.buf):]...),
		"a cut record":      body[:len(body)-1],
	} {
		if _, err := DecodeState(bytes.NewReader(sealed(b, st.s.version, st.s.index))); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: %v", what, err)
		}
	}
	unknown := append(bytes.Clone(body), 100, 0)
	if _, err := DecodeState(bytes.NewReader(sealed(unknown, st.s.version, st.s.index))); !errors.Is(err, ErrUnknownEntry) {
		t.Errorf("a record of a newer binary: %v", err)
	}
	if _, err := DecodeState(bytes.NewReader(sealed(body, st.s.version, st.s.index+1))); !errors.Is(err, ErrSnapshot) {
		t.Errorf("another index in the header: %v", err)
	}
}

func TestWhatANewerBinaryWroteIsToldFromDamage(t *testing.T) {
	good := Entry{Commands: []Command{Tick{}}}.Encode()
	newer := map[string][]byte{
		"entry type":      append([]byte{9}, good[1:]...),
		"entry version":   append([]byte{1, 9}, good[2:]...),
		"command kind":    entryWithCommand(99, 1, nil),
		"command version": entryWithCommand(KindTick, 9, nil),
	}
	for what, b := range newer {
		if _, err := DecodeEntry(b); !errors.Is(err, ErrUnknownEntry) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, b := range map[string][]byte{
		"nothing":                  {},
		"more bytes after it":      append(bytes.Clone(good), 0),
		"more bytes in a command":  entryWithCommand(KindTick, 1, []byte{0}),
		"a long spelling":          entryWithCommand(KindRaiseVersion, 1, []byte{0x81, 0x00}),
		"a number too big":         entryWithCommand(KindRaiseVersion, 1, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
		"a flag of 2":              entryWithCommand(KindApprove, 1, []byte{1, 2}),
		"an address of 5 bytes":    entryWithCommand(KindWithdraw, 1, []byte{0, 5, 1, 2, 3, 4, 5, 8, 0}),
		"a mask of 33":             entryWithCommand(KindWithdraw, 1, []byte{0, 4, 1, 2, 3, 4, 33, 0}),
		"a list longer than input": entryWithCommand(KindEditCommunityList, 1, []byte{0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}),
	} {
		if _, err := DecodeEntry(b); err == nil || errors.Is(err, ErrUnknownEntry) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := DecodeResult([]byte{9}); !errors.Is(err, ErrUnknownEntry) {
		t.Errorf("a newer result: %v", err)
	}
	if _, err := DecodeResult(nil); err == nil {
		t.Error("no bytes are a result")
	}
}

// netip keeps the address of a prefix that is not valid: as bytes it must not
// turn into the valid prefix 0.0.0.0/0.
func TestAnInvalidPrefixStaysInvalid(t *testing.T) {
	e := Entry{Commands: []Command{Announce{Prefix: netip.PrefixFrom(netip.MustParseAddr("0.0.0.0"), 33)}}}
	back, err := DecodeEntry(e.Encode())
	if err != nil || back.Commands[0].(Announce).Prefix.IsValid() {
		t.Fatalf("%+v %v", back, err)
	}
}

// A few bytes that claim to be a long list must not make the reader allocate it.
func TestAClaimedLengthIsNotBelieved(t *testing.T) {
	body := binary.AppendUvarint(nil, 1<<20)
	body = append(body, make([]byte, 1<<20)...)
	body[len(body)-1<<20] = 0xff // the first item breaks off
	var clauses []Clause
	c := &codec{buf: body}
	allocated := testing.AllocsPerRun(1, func() {
		d := *c
		list(&d, &clauses, func(c *codec, v *Clause) { c.fail(errShort) })
	})
	if len(clauses) > 1 || allocated > 10 {
		t.Fatalf("%d clauses, %v allocations", len(clauses), allocated)
	}
}
