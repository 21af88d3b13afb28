package rtbh

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A snapshot is: magic, format, cluster version, index, length of the body,
// digest of the body, body. The body is the state's records, each with its
// kind and length in front, in a fixed order.
var snapshotMagic = [4]byte{'R', 'T', 'B', 'H'}

const (
	snapshotFormat = 1
	maxSnapshot    = 4 << 30
)

// ErrSnapshot means that a snapshot is damaged and must not be used.
var ErrSnapshot = errors.New("snapshot is damaged")

// recordKind numbers what stands in a snapshot. Values are frozen.
type recordKind uint8

const (
	recordMeta recordKind = iota + 1
	recordCustomer
	recordUser
	recordRouteMap
	recordPrefixList
	recordCommunityList
	recordMember
	recordToken
	recordContact
	recordBudget
	recordRefused
	recordPending
	recordBlackhole
	recordEnded
	recordAudit
	recordRemembered
)

func (c *codec) meta(s *State) {
	text(c, &s.clusterID)
	signed(c, &s.created)
	number(c, &s.version)
	number(c, &s.index)
	signed(c, &s.stamp)
	c.settings(&s.settings)
	number(c, &s.nextPending)
	number(c, &s.auditSeq)
	c.fixed(s.auditHead[:])
	signed(c, &s.horizon)
}

// writeRecords appends one record per value.
func writeRecords[T any](c *codec, kind recordKind, all []T, walk func(*codec, *T)) {
	body := &codec{writing: true, bare: c.bare}
	for i := range all {
		body.buf = body.buf[:0]
		walk(body, &all[i])
		number(c, &kind)
		c.blob(&body.buf)
		if len(c.buf) >= longBuf {
			c.drain()
		}
	}
}

// recordBytes is what most records need, so that the buffer seldom has to grow.
const recordBytes = 160

// body returns the state's records, for a digest without the texts of refusals.
func (s *State) body(bare bool) []byte {
	c := &codec{writing: true, bare: bare, buf: make([]byte, 0, 4096+recordBytes*(s.holeCount+s.history.len()+s.audit.len()))}
	s.writeAll(c)
	return c.buf
}

func (s *State) writeAll(c *codec) {
	writeRecords(c, recordMeta, []State{*s}, (*codec).meta)
	writeRecords(c, recordCustomer, s.Customers(), (*codec).customer)
	writeRecords(c, recordUser, s.Users(), (*codec).user)
	writeRecords(c, recordRouteMap, s.RouteMaps(), (*codec).routeMap)
	writeRecords(c, recordPrefixList, s.PrefixLists(), (*codec).prefixList)
	writeRecords(c, recordCommunityList, s.CommunityLists(), (*codec).communityList)
	writeRecords(c, recordMember, s.Members(), (*codec).member)
	writeRecords(c, recordToken, s.Tokens(), (*codec).token)
	writeRecords(c, recordContact, s.Contacts(), (*codec).contact)
	writeRecords(c, recordBudget, s.Budgets(), (*codec).budget)
	writeRecords(c, recordRefused, s.Refused(), (*codec).refusedTries)
	writeRecords(c, recordPending, s.Pending(), (*codec).pending)
	writeRecords(c, recordBlackhole, s.sortedHoles(""), func(c *codec, b **Blackhole) { c.blackhole(*b) })
	for part := range s.history.parts() {
		writeRecords(c, recordEnded, part, (*codec).ended)
	}
	for part := range s.audit.parts() {
		writeRecords(c, recordAudit, part, (*codec).audit)
	}
	writeRecords(c, recordRemembered, s.recent, func(c *codec, m **remembered) { c.remembered(*m) })
}

// Digest returns SHA-256 over the whole state. Two nodes at the same index have
// the same digest, or one of them is broken. The words of refusals do not
// count: during an upgrade two versions may word the same rule differently.
func (s *State) Digest() (d [32]byte) {
	h := sha256.New()
	c := &codec{writing: true, bare: true, into: h, buf: make([]byte, 0, longBuf+longBuf/4)}
	s.writeAll(c)
	c.drain()
	h.Sum(d[:0])
	return d
}

// Encode writes a snapshot.
func (s *State) Encode(w io.Writer) error {
	body := s.body(false)
	digest := sha256.Sum256(body)
	h := append([]byte(nil), snapshotMagic[:]...)
	h = append(h, snapshotFormat)
	h = binary.BigEndian.AppendUint32(h, s.version)
	h = binary.BigEndian.AppendUint64(h, s.index)
	h = binary.BigEndian.AppendUint64(h, uint64(len(body)))
	h = append(h, digest[:]...)
	for _, b := range [][]byte{h, body} {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("writing snapshot: %w", err)
		}
	}
	return nil
}

// DecodeState reads a snapshot. The error wraps [ErrSnapshot] when it is damaged
// and [ErrUnknownEntry] when a newer binary wrote it.
func DecodeState(r io.Reader) (*State, error) {
	h := make([]byte, 4+1+4+8+8+32)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, fmt.Errorf("snapshot header: %w: %w", ErrSnapshot, err)
	}
	if !bytes.Equal(h[:4], snapshotMagic[:]) {
		return nil, fmt.Errorf("not a snapshot of triggerd: %w", ErrSnapshot)
	}
	if h[4] != snapshotFormat {
		return nil, fmt.Errorf("snapshot format %d: %w", h[4], ErrUnknownEntry)
	}
	index, size := binary.BigEndian.Uint64(h[9:]), binary.BigEndian.Uint64(h[17:])
	if size > maxSnapshot {
		return nil, fmt.Errorf("snapshot of %d bytes: %w", size, ErrSnapshot)
	}
	var body bytes.Buffer
	if n, err := io.CopyN(&body, r, int64(size)); err != nil {
		return nil, fmt.Errorf("snapshot ends after %d of %d bytes: %w: %w", n, size, ErrSnapshot, err)
	}
	if sha256.Sum256(body.Bytes()) != [32]byte(h[25:]) {
		return nil, fmt.Errorf("digest of the snapshot at index %d differs: %w", index, ErrSnapshot)
	}
	s, err := decodeBody(body.Bytes())
	if err != nil {
		return nil, err
	}
	if version := binary.BigEndian.Uint32(h[5:]); s.index != index || s.version != version {
		return nil, fmt.Errorf("header says index %d and version %d, state %d and %d: %w", index, version, s.index, s.version, ErrSnapshot)
	}
	// What was read must be what this binary would write, or its digest would
	// differ from everybody else's.
	if !bytes.Equal(s.body(false), body.Bytes()) {
		return nil, fmt.Errorf("state at index %d reads back differently: %w", index, ErrSnapshot)
	}
	return s, nil
}

func decodeBody(b []byte) (*State, error) {
	s := NewState()
	clear(s.routeMaps)
	s.settings = Settings{}
	c := &codec{buf: b}
	for n := 0; len(c.buf) > 0 && c.err == nil; n++ {
		var kind recordKind
		number(c, &kind)
		length := uint64(0)
		c.u64(&length)
		record := &codec{buf: c.take(length), words: c.words}
		if c.err != nil {
			break
		}
		if err := s.readRecord(record, kind); err != nil {
			return nil, fmt.Errorf("snapshot record %d: %w", n, err)
		}
		c.words = record.words
	}
	if c.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, c.err)
	}
	s.derive()
	return s, nil
}

// read walks one value out of its record.
func read[T any](c *codec, walk func(*codec, *T)) T {
	var v T
	walk(c, &v)
	return v
}

// readRecord puts one record into the state.
func (s *State) readRecord(c *codec, kind recordKind) error {
	switch kind {
	case recordMeta:
		c.meta(s)
	case recordCustomer:
		v := read(c, (*codec).customer)
		s.customers[v.Name] = v
	case recordUser:
		v := read(c, (*codec).user)
		s.users[v.Name] = v
	case recordRouteMap:
		v := read(c, (*codec).routeMap)
		s.routeMaps[v.Name] = v
	case recordPrefixList:
		v := read(c, (*codec).prefixList)
		s.prefixLists[v.Name] = v
	case recordCommunityList:
		v := read(c, (*codec).communityList)
		s.communityLists[v.Name] = v
	case recordMember:
		v := read(c, (*codec).member)
		s.members[v.Name] = v
	case recordToken:
		v := read(c, (*codec).token)
		s.tokens[v.Hash] = v
	case recordContact:
		v := read(c, (*codec).contact)
		s.contacts[v.Name] = v
	case recordBudget:
		v := read(c, (*codec).budget)
		s.budgets[[2]string{v.Node, v.Neighbor}] = v
	case recordRefused:
		v := read(c, (*codec).refusedTries)
		s.refused[v.User] = v
	case recordPending:
		v := read(c, (*codec).pending)
		s.pending[v.ID] = v
	case recordBlackhole:
		v := read(c, (*codec).blackhole)
		s.store(v.Prefix, v.Customer, &v)
	case recordEnded:
		s.history.add(read(c, (*codec).ended))
	case recordAudit:
		s.audit.add(read(c, (*codec).audit))
	case recordRemembered:
		v := read(c, (*codec).remembered)
		s.recent = append(s.recent, &v)
	default:
		return fmt.Errorf("kind %d: %w", kind, ErrUnknownEntry)
	}
	if err := c.done(); err != nil {
		return fmt.Errorf("kind %d: %w: %w", kind, ErrSnapshot, err)
	}
	return nil
}
