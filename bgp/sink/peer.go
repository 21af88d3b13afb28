package sink

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// peer is one speaker that sends us routes, over its sessions.
type peer struct {
	conf  Config
	name  string
	table *table

	serving sync.Mutex // one session at a time

	mu    sync.Mutex
	conn  net.Conn // of the running session, also before it is established
	up    bool
	grace *time.Timer // ends the stale routes
}

func newPeer(c Config, name string) *peer {
	return &peer{conf: c, name: name, table: newTable(name, c.NoTable)}
}

func (p *peer) emit(events ...Event) {
	for _, e := range events {
		if e.Kind == Down {
			p.conf.Log.Debug("BGP session down", "peer", e.Peer, "error", e.Err)
		}
		if p.conf.OnEvent != nil {
			p.conf.OnEvent(e)
		}
	}
}

func (p *peer) established() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

var errNotUp = errors.New("the BGP session is not established")

func (p *peer) send(raw []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.up {
		return errNotUp
	}
	return write(p.conn, raw)
}

// writeWait is long: a speaker that takes in a whole table pauses now and then.
const writeWait = 30 * time.Second

func write(conn net.Conn, raw []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	_, err := conn.Write(raw)
	return err
}

// serve runs one session on conn until it ends, and returns why.
func (p *peer) serve(ctx context.Context, conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	p.takeOver(conn)
	p.serving.Lock()
	defer p.serving.Unlock()
	stop := context.AfterFunc(ctx, func() {
		_ = write(conn, Message(msgNotification, []byte{codeCease, ceaseShutdown}))
		_ = conn.Close()
	})
	defer stop()

	s := session{peer: p, conn: conn, r: bufio.NewReaderSize(conn, 1<<16)}
	err := s.run()
	var bad *malformed
	if errors.As(err, &bad) {
		_ = write(conn, Message(msgNotification, []byte{bad.code, bad.subcode}))
		err = fmt.Errorf("%w: %w", &Notification{Code: bad.code, Subcode: bad.subcode, Sent: true}, err)
	}
	p.ended(&s, err)
	return err
}

// takeOver closes the session that runs, if any, for a new connection.
func (p *peer) takeOver(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.conn = conn
}

// began notes that the session is up and decides about stale routes: those of
// a family that the peer did not preserve go at once (RFC 4724 section 4.2).
func (p *peer) began(s *session) {
	p.mu.Lock()
	p.conn, p.up = s.conn, true
	p.mu.Unlock()
	p.emit(Event{Kind: Established, Peer: p.name, At: time.Now()})
	g := s.theirs.graceful
	p.emit(p.table.drop(time.Now(), func(r Route) bool {
		if !r.Stale {
			return false
		}
		return g == nil || (familyIs(r, ipv4) && !g.forwarding[ipv4]) || (familyIs(r, ipv6) && !g.forwarding[ipv6])
	})...)
}

// ended drops the routes of a session, or keeps them as stale.
func (p *peer) ended(s *session, why error) {
	p.mu.Lock()
	wasUp := p.up
	p.up = false
	if p.conn == s.conn {
		p.conn = nil
	}
	p.mu.Unlock()
	if !wasUp {
		return
	}
	if keep := p.graceFor(s, why); keep > 0 {
		p.table.markStale()
		p.startTimer(keep)
		return
	}
	p.emit(p.table.drop(time.Now(), func(Route) bool { return true })...)
}

// graceFor returns how long routes are kept: not at all after a NOTIFICATION
// of either side (RFC 4724 section 4.2; RFC 8538 is not spoken here).
func (p *peer) graceFor(s *session, why error) time.Duration {
	var n *Notification
	if p.conf.Graceful == 0 || s.theirs.graceful == nil || errors.As(why, &n) {
		return 0
	}
	return min(p.conf.Graceful, s.theirs.graceful.time)
}

func (p *peer) startTimer(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.grace != nil {
		p.grace.Stop()
	}
	p.grace = time.AfterFunc(d, func() {
		if p.established() {
			return // End-of-RIB decides
		}
		p.emit(p.table.drop(time.Now(), func(r Route) bool { return r.Stale })...)
	})
}

func (p *peer) stopTimer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.grace != nil {
		p.grace.Stop()
	}
}
