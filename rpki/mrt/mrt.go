// Package mrt reads the routing tables in MRT files (RFC 6396, RFC 8050), as
// RouteViews, RIPE RIS and routers write them: TABLE_DUMP and TABLE_DUMP_V2, with
// and without ADD-PATH. Of each route it tells prefix, peer and origin.
//
// It must not know files, compression, VRPs or verdicts. rpki/rov calls it.
package mrt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/triggerd/triggerd/internal/route"
)

// Entry is one route of a table.
type Entry struct {
	route.Key
	PeerAS uint32
	Kind   route.OriginKind
	Origin uint32 // with route.OriginAS
}

// Result counts what a file had.
type Result struct {
	Records int // MRT records of any type
	Routes  int // entries handed out
	Skipped int // records that are no unicast table: updates, multicast, VPN
	Damaged int // table records that could not be read
}

// ErrTruncated is a file that ends within a record: what came before it counts.
var ErrTruncated = errors.New("the file is cut off")

// Types and subtypes (RFC 6396 section 4, RFC 8050 section 4).
const (
	headerLen   = 12
	tableDump   = 12
	tableDumpV2 = 13

	peerIndexTable = 1
	ribIPv4        = 2
	ribIPv6        = 4
	ribIPv4AddPath = 8
	ribIPv6AddPath = 10
)

// maxRecord is the longest record that is read: a prefix with thousands of peers
// needs a few hundred kilobytes.
const maxRecord = 64 << 20

// reader holds what is reused from record to record.
type reader struct {
	peers    []peer
	body     bytes.Buffer
	segments []route.Segment
	as4      []route.Segment
	asns     []uint32
	result   Result
	each     func(Entry)
	damage   error // of the first damaged record
}

type peer struct {
	addr netip.Addr
	as   uint32
}

// Read hands every route of a table to each, in the order of the file. With an
// error, the result says how far it came; ErrTruncated and damaged records leave
// everything else usable.
func Read(r io.Reader, each func(Entry)) (Result, error) {
	m := &reader{each: each}
	for {
		typ, subtype, err := m.record(r)
		if err == io.EOF {
			break
		}
		if err != nil {
			return m.result, err
		}
		m.result.Records++
		if err := m.take(typ, subtype, m.body.Bytes()); err != nil {
			m.result.Damaged++
			if m.damage == nil {
				m.damage = fmt.Errorf("record %d: %w", m.result.Records, err)
			}
		}
	}
	if m.damage != nil {
		return m.result, fmt.Errorf("%d of %d records are damaged, the first: %w", m.result.Damaged, m.result.Records, m.damage)
	}
	return m.result, nil
}

// record reads the next record into m.body. The buffer grows with what is really
// there, not with what a length says.
func (m *reader) record(r io.Reader) (typ, subtype uint16, err error) {
	var head [headerLen]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, m.cut(err)
	}
	n := binary.BigEndian.Uint32(head[8:])
	if n > maxRecord {
		return 0, 0, fmt.Errorf("record %d says it has %d octets: this is no MRT file, or a broken one", m.result.Records+1, n)
	}
	m.body.Reset()
	if _, err := io.CopyN(&m.body, r, int64(n)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, m.cut(err)
	}
	return binary.BigEndian.Uint16(head[4:]), binary.BigEndian.Uint16(head[6:]), nil
}

func (m *reader) cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w within record %d (%d routes before it were read)", ErrTruncated, m.result.Records+1, m.result.Routes)
	}
	return err
}

func (m *reader) take(typ, subtype uint16, body []byte) error {
	b := &buffer{b: body}
	switch {
	case typ == tableDump && subtype == 1:
		return m.dumpV1(b, 4)
	case typ == tableDump && subtype == 2:
		return m.dumpV1(b, 16)
	case typ == tableDumpV2 && subtype == peerIndexTable:
		return m.peerIndex(b)
	case typ == tableDumpV2 && (subtype == ribIPv4 || subtype == ribIPv4AddPath):
		return m.rib(b, 4, subtype == ribIPv4AddPath)
	case typ == tableDumpV2 && (subtype == ribIPv6 || subtype == ribIPv6AddPath):
		return m.rib(b, 16, subtype == ribIPv6AddPath)
	}
	m.result.Skipped++
	return nil
}

func (m *reader) emit(e Entry) {
	m.result.Routes++
	m.each(e)
}
