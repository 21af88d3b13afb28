package cli

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// guardKey is where the guard of a connection lies in gliderlabs' context.
type guardKey struct{}

// guard is one TCP connection and the clocks that run against it: it has to
// log in, then to have a session, and to answer.
type guard struct {
	net.Conn
	srv    *Server
	from   netip.AddrPort
	source netip.Prefix
	since  time.Time
	heard  atomic.Int64    // bytes from the client
	ctx    context.Context // ends with the connection; its cause is told to sessions
	stop   context.CancelCauseFunc

	closed    sync.Once
	keepalive sync.Once

	mu       sync.Mutex
	user     string              // of the last try, or who has logged in
	known    bool                // that user exists
	tries    int                 // refused
	keys     map[string]struct{} // known users as whom keys were refused; at most as many as tries
	loggedIn bool
	sessions int
	lonely   *time.Timer // closes a connection without a session
}

// admit takes a new connection. Where as many are logging in as may, another one
// goes for it; see leastHopeful.
func (s *Server) admit(ctx ssh.Context, conn net.Conn) net.Conn {
	g := &guard{Conn: conn, srv: s, since: time.Now()}
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		g.from = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	g.source = sourceOf(g.from)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	victim, all, same := s.leastHopeful(g.source)
	g.ctx, g.stop = context.WithCancelCause(context.Background())
	s.guards[g] = struct{}{}
	s.entering[conn.RemoteAddr()] = g
	s.mu.Unlock()
	s.count.connections.Add(1)
	if victim != nil {
		s.count.halfOpenRefused.Add(1)
		s.quiet.warn("ssh connection cut: too many are logging in", "from", victim.from.String(), "open", all, "from_source", same)
		_ = victim.Close()
	}
	_ = conn.SetDeadline(time.Now().Add(s.opts.Limits.Handshake))
	ctx.SetValue(guardKey{}, g)
	return g
}

// leastHopeful is the connection that has to go before another one may log in, nil
// while there is room: of the newcomer's source when that has its share, of all
// otherwise. It is the one that is farthest from a login, and of these the oldest.
// Who holds connections open without going on, or tries one password after the
// other, shuts out neither others nor, where it shares their address, those who do
// log in: that takes a moment, and says more with every step. The lock is held.
func (s *Server) leastHopeful(source netip.Prefix) (victim *guard, all, same int) {
	var least, leastSame *guard
	for g := range s.guards {
		if g.in() {
			continue
		}
		all++
		least = lessHopeful(least, g)
		if g.source == source {
			same++
			leastSame = lessHopeful(leastSame, g)
		}
	}
	switch {
	case same >= s.opts.Limits.HalfOpenPerSource:
		return leastSame, all, same
	case all >= s.opts.Limits.HalfOpen:
		return least, all, same
	}
	return nil, all, same
}

func lessHopeful(a, b *guard) *guard {
	if a == nil {
		return b
	}
	mine, others := a.hope(), b.hope()
	if mine < others || mine == others && a.since.Before(b.since) {
		return a
	}
	return b
}

// What a client has said is counted in bytes. Below keyExchange it has not begun to
// do anything, and all such clients are equal: a fresh one must not go before those
// that sent a version line long ago. Beyond enough it has said all that a login takes.
// tryCosts is what a refused key or password takes away: more than it says.
const (
	keyExchange = 1000
	enough      = 4000
	tryCosts    = 1500
)

// hope is how far the client has come. One with a few wrong keys is still ahead of a
// silent one, one that tries one password after the other is not.
func (g *guard) hope() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	said := min(g.heard.Load(), enough)
	if said < keyExchange {
		said = 0
	}
	return said - tryCosts*int64(g.tries)
}

// Read counts what the client says. Until it has logged in each read is acknowledged
// at once: a login would otherwise stand still twice, for 40 ms each.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.heard.Add(int64(n))
	if err == nil && !g.in() {
		acknowledge(g.Conn)
	}
	return n, err
}

// in tells whether the connection has logged in.
func (g *guard) in() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.loggedIn
}

// SetDeadline and its kin do nothing: gliderlabs calls them before each read
// and write and would undo the handshake's deadline.
func (g *guard) SetDeadline(time.Time) error      { return nil }
func (g *guard) SetReadDeadline(time.Time) error  { return nil }
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection.
func (g *guard) Close() error {
	err := g.Conn.Close()
	g.closed.Do(func() {
		g.stop(nil)
		g.mu.Lock()
		if g.lonely != nil {
			g.lonely.Stop()
		}
		g.mu.Unlock()
		g.srv.mu.Lock()
		delete(g.srv.guards, g)
		g.srv.mu.Unlock()
	})
	return err
}

// tried hears of each authentication try.
func (s *Server) tried(g *guard, user, method string, err error) {
	if g == nil {
		return
	}
	if err != nil {
		if method != "none" { // with which clients ask what there is
			s.count.tries.Add(1)
			_, known := s.opts.Users.User(user)
			g.mu.Lock()
			g.tries++
			g.user, g.known = user, known
			g.mu.Unlock()
			if known {
				g.refused(user, method)
			}
		}
		return
	}
	s.entered(g.RemoteAddr())
	g.mu.Lock()
	g.user, g.known, g.loggedIn = user, true, true
	g.mu.Unlock()
	if n := s.connectionsOf(user); n > s.opts.Limits.ConnsPerUser {
		s.count.sessionsRefused.Add(1)
		s.quiet.warn("ssh connection refused: the user has too many", "user", shortQuote(user), "from", g.from.String(), "open", n-1)
		_ = g.Close()
		return
	}
	s.count.logins.Add(1)
	s.log.Info("ssh login", "user", user, "from", g.from.String(), "method", method)
	_ = g.Conn.SetDeadline(time.Time{})
	g.leave(0)
}

// refused counts a refused try of a known user: a password at once, keys only when
// the connection ends without a login. A client offers one key after the other
// until one fits, and that is no attack.
func (g *guard) refused(user, method string) {
	if method == "password" {
		if r := g.srv.opts.Refusals; r != nil {
			r.Refused(user, g.from.String(), "wrong password")
		}
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys == nil {
		g.keys = map[string]struct{}{}
	}
	g.keys[user] = struct{}{}
}

// entered takes a connection off the list of those that are logging in.
func (s *Server) entered(addr net.Addr) *guard {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.entering[addr]
	delete(s.entering, addr)
	return g
}

// connectionsOf counts the connections that user has logged in with.
func (s *Server) connectionsOf(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for g := range s.guards {
		g.mu.Lock()
		if g.loggedIn && g.user == user {
			n++
		}
		g.mu.Unlock()
	}
	return n
}

// failed hears that a connection ended before its login.
func (s *Server) failed(conn net.Conn, err error) {
	g := s.entered(conn.RemoteAddr())
	if g == nil {
		return
	}
	g.mu.Lock()
	user, known, tries := g.user, g.known, g.tries
	keys := g.keys
	g.mu.Unlock()
	if s.opts.Refusals != nil {
		for name := range keys {
			s.opts.Refusals.Refused(name, g.from.String(), "no key or certificate of this user")
		}
	}
	if tries == 0 {
		s.count.handshakes.Add(1)
		s.quiet.info("ssh handshake failed", "from", g.from.String(), "error", shortQuote(err.Error()))
		return
	}
	s.count.refused.Add(1)
	s.quiet.warn("ssh login refused", "user", shortQuote(user), "known", known, "from", g.from.String(), "tries", tries)
}

// join and leave count the sessions of the connection; without one it is
// closed after a while.
func (g *guard) join() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions++
	if g.lonely != nil {
		g.lonely.Stop()
	}
}

func (g *guard) leave(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sessions -= n
	if g.sessions == 0 {
		g.lonely = time.AfterFunc(g.srv.opts.Limits.NoSession, func() { _ = g.Close() })
	}
}

// missed is how many keepalive periods a client may leave unanswered.
const missed = 3

// ask keeps asking whether the client is still there, and closes the
// connection when it is not: its sessions would otherwise block for ever.
func (g *guard) ask(conn *gossh.ServerConn) {
	every := g.srv.opts.Limits.Keepalive
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-tick.C:
		}
		late := time.AfterFunc(missed*every, func() {
			g.srv.count.silent.Add(1)
			_ = g.Close()
		})
		_, _, err := conn.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			return
		}
	}
}
