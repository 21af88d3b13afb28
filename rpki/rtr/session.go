package rtr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// session is one connection: it asks, waits and draws the conclusions. Its
// goroutine is the only one that writes to the connection.
type session struct {
	c      *Client
	conn   net.Conn
	stream *stream
	events chan event
	done   chan struct{} // closed when run returns, so that the reader does too

	version  uint8
	settled  bool // the cache has answered in version
	asked    Type // the query that is out, or nothing
	notified bool // a Notify came while a query was out
	seen     uint64
	timer    *time.Timer
}

// nothing is the query that is out while none is: no query has its type.
const nothing = SerialNotify

func newSession(c *Client, conn net.Conn) *session {
	c.mu.Lock()
	v := c.version
	c.mu.Unlock()
	in := newStream(conn, v)
	in.count = &c.traffic
	return &session{
		c: c, conn: conn, version: v, stream: in,
		events: make(chan event), asked: nothing, done: make(chan struct{}), timer: time.NewTimer(stallTime),
	}
}

// run works until the connection ends, one way or the other.
func (s *session) run(ctx context.Context) error {
	defer s.conn.Close()
	defer close(s.done)
	defer s.timer.Stop()
	go s.read()
	s.c.set(func(st *Status) { st.State = Querying })
	if err := s.query(); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-s.events:
			err = s.handle(e)
		case <-s.timer.C:
			err = s.due()
		case <-s.c.kick:
			err = s.query()
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) read() {
	for {
		e := s.stream.next()
		select {
		case s.events <- e:
		case <-s.done:
			return
		}
		if e.bad != nil || e.err != nil {
			return
		}
	}
}

// query asks for what is new since the epoch that there is, or for everything.
func (s *session) query() error {
	if s.asked != nothing {
		s.notified = true // one at a time
		return nil
	}
	s.c.mu.Lock()
	r, have := s.c.resume, s.c.usable() != nil
	s.c.mu.Unlock()
	p := PDU{Version: s.version, Type: ResetQuery}
	if r.valid && have && r.version == s.version {
		p = PDU{Version: s.version, Type: SerialQuery, Session: r.session, Serial: r.serial}
	}
	s.asked, s.notified = p.Type, false
	s.seen = s.c.traffic.total()
	s.timer.Reset(stallTime)
	return s.send(p)
}

// due is the timer: a refresh, or a look at whether an answer still makes
// progress.
func (s *session) due() error {
	if s.asked == nothing {
		return s.query()
	}
	if n := s.c.traffic.total(); n != s.seen {
		s.seen = n
		s.timer.Reset(stallTime)
		return nil
	}
	if !s.settled {
		return fmt.Errorf("%w for %s", errSilent, stallTime)
	}
	return fmt.Errorf("the cache stopped in the middle of an answer for %s", stallTime)
}

func (s *session) handle(e event) error {
	switch {
	case e.bad != nil:
		return s.refuse(e.bad)
	case e.err != nil:
		return s.ended(e.err)
	case e.pdu.Type == ErrorReport:
		return s.reported(e.pdu)
	case e.pdu.Type == SerialNotify:
		return s.notify(e.pdu)
	}
	s.c.mu.Lock()
	s.c.silent = 0
	s.c.mu.Unlock()
	if err := s.settle(e.pdu); err != nil {
		return err
	}
	switch e.pdu.Type {
	case CacheReset:
		return s.reset()
	case CacheResponse:
		return s.response(e.pdu)
	default:
		return s.end(e)
	}
}

// settle takes over the version of the first answer. An answer in a lower
// version to a Serial Query cannot be about our session: ask anew.
func (s *session) settle(p PDU) error {
	if s.settled {
		return nil
	}
	s.settled = true
	if p.Version == s.version {
		return nil
	}
	if s.asked == SerialQuery {
		return &versionError{p.Version}
	}
	s.version = p.Version
	s.c.mu.Lock()
	s.c.speak(p.Version)
	s.c.mu.Unlock()
	return nil
}

func (s *session) reset() error {
	if s.asked == nothing {
		return s.refuse(bad(CorruptData, nil, "a Cache Reset that nobody asked for"))
	}
	s.c.forget()
	s.asked = nothing
	return s.query()
}

// response: the answer to a Serial Query must be of the session asked for. RFC
// 8210 section 5.1 ends the connection then; the old data stay in use until new
// ones are complete or they expire, since dropping them would only turn every
// route into not-found in between.
func (s *session) response(p PDU) error {
	if s.asked == nothing {
		return s.refuse(bad(CorruptData, p.Append(nil), "an answer that nobody asked for"))
	}
	s.c.mu.Lock()
	want := s.c.resume.session
	s.c.mu.Unlock()
	if s.asked == SerialQuery && p.Session != want {
		return s.refuse(bad(CorruptData, p.Append(nil), "session %d, asked for %d", p.Session, want))
	}
	return nil
}

// end makes the answer the new epoch, whole or not at all.
func (s *session) end(e event) error {
	s.c.mu.Lock()
	old, r := s.c.usable(), s.c.resume
	s.c.mu.Unlock()
	var base *Data
	if s.asked == SerialQuery {
		if old == nil { // expired while the answer came: a delta has nothing to stand on
			s.asked = nothing
			return s.query()
		}
		if newer(r.serial, e.pdu.Serial) {
			return s.refuse(bad(CorruptData, e.pdu.Append(nil), "serial %d after %d", e.pdu.Serial, r.serial))
		}
		base = old.Data
	}
	data, bad := e.draft.finish(base)
	if bad != nil {
		return s.refuse(bad)
	}
	i := s.c.o.Ceilings.intervals(s.version, e.pdu.Timers)
	now := time.Now()
	s.asked = nothing
	s.timer.Reset(i.Refresh)
	s.c.commit(&Epoch{
		Data: data, Cache: s.c.o.Name, Version: s.version, Session: e.pdu.Session, Serial: e.pdu.Serial,
		At: now, Expires: now.Add(i.Expire),
	}, i)
	if s.notified {
		return s.query()
	}
	return nil
}

// notify asks at once for what a Notify promises. During an answer it is
// remembered.
func (s *session) notify(p PDU) error {
	s.c.mu.Lock()
	r := s.c.resume
	s.c.mu.Unlock()
	switch {
	case s.asked != nothing:
		s.notified = true
		return nil
	case r.valid && p.Session != r.session:
		return s.refuse(bad(CorruptData, p.Append(nil), "a Notify of session %d, ours is %d", p.Session, r.session))
	case r.valid && p.Serial == r.serial:
		return nil
	}
	return s.query()
}

// reported: every error but one ends the session, and none is answered with
// another (RFC 8210 section 5.11).
func (s *session) reported(p PDU) error {
	err := fmt.Errorf("the cache reports %w", &ProtocolError{Code: p.Code, Text: p.Text})
	switch {
	case p.Code == NoDataAvailable:
		s.asked, s.notified = nothing, false
		s.timer.Reset(s.c.intervals().Retry)
		s.c.set(func(st *Status) { st.State, st.LastError, st.ErrorAt = NoData, err.Error(), time.Now() })
		return nil
	case p.Code == UnsupportedVersion && !s.settled && s.version > 0:
		return &versionError{min(p.Version, s.version-1)}
	}
	s.c.forget()
	return err
}

// refuse tells the cache what it did wrong and ends the session. What it says
// next must be everything.
func (s *session) refuse(bad *ProtocolError) error {
	s.c.forget()
	_ = s.send(PDU{Version: s.version, Type: ErrorReport, Code: bad.Code, Inner: bad.Inner, Text: bad.Text})
	return fmt.Errorf("the cache broke the protocol: %w", bad)
}

func (s *session) ended(err error) error {
	if !s.settled && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("the cache closed the connection")
	}
	return err
}

// sendTime is how long the cache may take to read a query of some octets.
const sendTime = 10 * time.Second

// send does not rely on write deadlines, which an SSH channel has not.
func (s *session) send(p PDU) error {
	s.c.traffic.sent(p)
	late := time.AfterFunc(sendTime, func() { s.conn.Close() })
	defer late.Stop()
	if _, err := s.conn.Write(p.Append(nil)); err != nil {
		// What the cache said before it closed counts more than that it closed.
		select {
		case e := <-s.events:
			if e.pdu.Type == ErrorReport {
				return s.reported(e.pdu)
			}
			if e.err != nil {
				return s.ended(e.err)
			}
		case <-time.After(time.Second):
		}
		return fmt.Errorf("send %s: %w", p.Type, err)
	}
	return nil
}
