package sink

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// openWait is how long the other side may take until it is established.
const openWait = 10 * time.Second

// session is one connection, from OPEN to its end. Its states are those of RFC
// 4271 section 8 from OpenSent on, as a straight line: there is one connection,
// and it is ours to close.
type session struct {
	peer   *peer
	conn   net.Conn
	r      *bufio.Reader
	theirs open
	hold   time.Duration // negotiated; 0 = no keepalives
}

func (s *session) run() error {
	if err := s.handshake(); err != nil {
		return err
	}
	s.peer.began(s)
	done := make(chan struct{})
	defer close(done)
	if s.hold > 0 {
		s.peer.conf.Log.Debug("BGP session up", "peer", s.peer.name, "as", s.theirs.as, "hold", s.hold)
		go s.keepalives(done)
	}
	// Nothing is announced: say so at once, a restarting speaker waits for it.
	if err := s.endOfRIB(); err != nil {
		return err
	}
	return s.receive()
}

func (s *session) ours() open {
	c := s.peer.conf
	o := open{
		as: c.LocalAS, hold: c.Hold, id: c.RouterID,
		families: map[family]bool{ipv4: !c.NoIPv4, ipv6: !c.NoIPv6},
	}
	if c.Graceful > 0 {
		o.graceful = &graceful{time: c.Graceful, forwarding: map[family]bool{}}
		for f, on := range o.families {
			if on {
				o.graceful.forwarding[f] = false
			}
		}
	}
	return o
}

// handshake exchanges OPEN and KEEPALIVE (OpenSent, OpenConfirm).
func (s *session) handshake() error {
	if err := write(s.conn, Message(msgOpen, s.ours().encode())); err != nil {
		return err
	}
	if err := s.conn.SetReadDeadline(time.Now().Add(openWait)); err != nil {
		return err
	}
	body, err := s.expect(msgOpen)
	if err != nil {
		return err
	}
	if s.theirs, err = parseOpen(body); err != nil {
		return err
	}
	if want := s.peer.conf.RemoteAS; want != 0 && s.theirs.as != want {
		return badOpen(2, "the peer is AS %d, not %d", s.theirs.as, want)
	}
	s.hold = min(s.peer.conf.Hold, s.theirs.hold)
	if err := write(s.conn, Message(msgKeepalive, nil)); err != nil {
		return err
	}
	_, err = s.expect(msgKeepalive)
	return err
}

// expect reads the next message, which must be of one kind.
func (s *session) expect(want uint8) ([]byte, error) {
	kind, body, err := readMessage(s.r)
	switch {
	case err != nil:
		return nil, err
	case kind == msgNotification:
		return nil, parseNotification(body)
	case kind != want:
		return nil, &malformed{codeFSM, 0, fmt.Sprintf("message of type %d instead of %d", kind, want)}
	}
	return body, nil
}

func (s *session) keepalives(done <-chan struct{}) {
	t := time.NewTicker(max(s.hold/3, time.Second))
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			if s.peer.send(Message(msgKeepalive, nil)) != nil {
				return // the reader sees the broken connection too
			}
		}
	}
}

// endOfRIB sends the marker of every family that both sides speak.
func (s *session) endOfRIB() error {
	ours := s.ours()
	if ours.families[ipv4] && s.theirs.families[ipv4] {
		if err := s.peer.send(Message(msgUpdate, make([]byte, 4))); err != nil {
			return err
		}
	}
	if ours.families[ipv6] && s.theirs.families[ipv6] {
		return s.peer.send(Message(msgUpdate, []byte{0, 0, 0, 6, 0x80, attrMPUnreach, 3, 0, byte(ipv6), safiUnicast}))
	}
	return nil
}

// receive is the Established state.
func (s *session) receive() error {
	for {
		var deadline time.Time
		if s.hold > 0 {
			deadline = time.Now().Add(s.hold)
		}
		if err := s.conn.SetReadDeadline(deadline); err != nil {
			return err
		}
		kind, body, err := readMessage(s.r)
		at := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return &malformed{codeHold, 0, "hold timer expired"}
		case err != nil:
			return err
		}
		if err := s.handle(kind, body, at); err != nil {
			return err
		}
	}
}

func (s *session) handle(kind uint8, body []byte, at time.Time) error {
	switch kind {
	case msgKeepalive, msgRefresh:
		return nil // a refresh has nothing to send again
	case msgNotification:
		return parseNotification(body)
	case msgUpdate:
		u, err := parseUpdate(body, s.theirs.fourOctet)
		if err != nil {
			return err
		}
		s.peer.emit(s.peer.table.apply(u, at)...)
		return nil
	default:
		return &malformed{codeFSM, 0, fmt.Sprintf("message of type %d while established", kind)}
	}
}
