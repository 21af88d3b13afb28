package rtr

import (
	"bufio"
	"fmt"
	"io"
)

// event is what a stream tells its session: everything but the records.
type event struct {
	pdu   PDU            // when bad and err are nil
	draft *draft         // with End of Data: what came since Cache Response
	bad   *ProtocolError // the other side broke the protocol; the stream has ended
	err   error          // the connection ended; the stream has ended
}

// stream reads one connection. It keeps the records of an answer to itself
// until End of Data, and holds every PDU to the version agreed on.
type stream struct {
	in     *bufio.Reader
	report bool  // the PDU being read is an Error Report
	asked  uint8 // the version of our query
	agreed bool
	draft  *draft
	count  *traffic // of PDUs read; the session also sees a stall by it
	limit  int      // most records in one answer
}

// maxRecords bounds the memory that a cache can take: some ten times all VRPs
// that exist.
const maxRecords = 8_000_000

func newStream(r io.Reader, asked uint8) *stream {
	return &stream{in: bufio.NewReaderSize(r, 2*MaxPDU), asked: asked, limit: maxRecords, count: &traffic{}}
}

// next returns the next event; after one with bad or err there is no other. A
// broken Error Report is no fault to report: none is ever answered with another
// (RFC 8210 section 5.11).
func (s *stream) next() event {
	e := s.read()
	if e.bad != nil && s.report {
		e.bad, e.err = nil, fmt.Errorf("the cache sent a broken Error Report: %w", e.bad)
	}
	return e
}

func (s *stream) read() event {
	for {
		raw, e := s.raw()
		if raw == nil {
			return e
		}
		s.count.received(Type(raw[1]))
		if err := s.checkVersion(raw); err != nil {
			return event{bad: err}
		}
		var out event
		var told bool
		switch t := Type(raw[1]); t {
		case IPv4Prefix, IPv6Prefix, RouterKeyPDU, ASPAPDU:
			if err := s.record(raw, t); err != nil {
				out, told = event{bad: err}, true
			}
		default:
			out, told = s.control(raw)
		}
		s.in.Discard(len(raw)) // what raw shows is gone with it
		if told {
			return out
		}
	}
}

// raw returns the octets of one PDU, which stay in the buffer.
func (s *stream) raw() ([]byte, event) {
	head, err := s.in.Peek(headerLen)
	if err != nil {
		if len(head) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, event{err: err}
	}
	s.report = Type(head[1]) == ErrorReport
	if head[0] > Version2 && !s.report {
		return nil, event{bad: bad(UnsupportedVersion, head, "version %d", head[0])}
	}
	n, perr := lengthOf(head)
	if perr != nil {
		return nil, event{bad: perr}
	}
	raw, err := s.in.Peek(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, event{err: err}
	}
	return raw, event{}
}

// checkVersion holds the cache to one version (RFC 8210 section 7): the first
// answer may come in a lower one than asked, and settles it. Serial Notifies
// before it count for nothing, and an Error Report may have any version.
func (s *stream) checkVersion(raw []byte) *ProtocolError {
	v, t := raw[0], Type(raw[1])
	switch {
	case t == ErrorReport, t == SerialNotify && !s.agreed, v == s.asked:
		if v == s.asked && t != SerialNotify && !(t == ErrorReport && raw[3] == byte(UnsupportedVersion)) {
			s.agreed = true // No Data Available settles it too
		}
		return nil
	case !s.agreed && v < s.asked:
		s.asked, s.agreed = v, true
		return nil
	}
	return bad(UnexpectedVersion, raw, "a %s in version %d, in a session of version %d", t, v, s.asked)
}

func (s *stream) record(raw []byte, t Type) *ProtocolError {
	if s.draft == nil {
		return bad(CorruptData, raw, "a %s outside of an answer", t)
	}
	if len(s.draft.four)+len(s.draft.six)+len(s.draft.others) >= s.limit {
		return bad(InternalError, raw, "more than %d records in one answer", s.limit)
	}
	return s.draft.take(raw)
}

// control handles every PDU that is not a record; false: nothing to tell.
func (s *stream) control(raw []byte) (event, bool) {
	if raw[0] > Version2 { // an Error Report of a later version is read as one of ours
		raw = append([]byte{Version2}, raw[1:]...)
	}
	p, err := decode(raw)
	if err != nil {
		return event{bad: err}, true
	}
	out := event{pdu: p}
	switch p.Type {
	case SerialNotify:
		return out, s.agreed
	case CacheResponse:
		if s.draft != nil {
			return event{bad: bad(CorruptData, raw, "a Cache Response within an answer")}, true
		}
		s.draft = &draft{session: p.Session, version: p.Version}
	case EndOfData:
		if s.draft == nil || s.draft.session != p.Session {
			return event{bad: bad(CorruptData, raw, "an End of Data of session %d that answers nothing", p.Session)}, true
		}
		out.draft, s.draft = s.draft, nil
	case CacheReset:
		if s.draft != nil {
			return event{bad: bad(CorruptData, raw, "a Cache Reset within an answer")}, true
		}
	case ErrorReport:
		s.count.reported(p.Code)
		s.draft = nil
	default: // queries are ours to send
		return event{bad: bad(InvalidRequest, raw, "a cache does not send a %s", p.Type)}, true
	}
	return out, true
}
