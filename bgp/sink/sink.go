package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Config is what a [Sink] says of itself. LocalAS and RouterID must be set.
type Config struct {
	LocalAS  uint32
	RouterID netip.Addr    // IPv4
	RemoteAS uint32        // required of every peer; 0 takes any
	Hold     time.Duration // hold time offered; 0 = 90 s
	NoIPv4   bool          // leave a family out
	NoIPv6   bool
	NoTable  bool // keep no routes: only OnEvent hears of them, and nothing is withdrawn with a session
	// Graceful, when not 0, makes the sink a helper of graceful restart: it
	// keeps the routes of a peer that vanished without a NOTIFICATION for the
	// peer's restart time, at most for Graceful.
	Graceful time.Duration
	Pause    time.Duration // before dialing again; 0 = 200 ms
	// OnEvent, if set, is called for everything that happens, one after the
	// other for one peer. It must not call Close.
	OnEvent func(Event)
	Log     *slog.Logger // nil discards
}

// Kind is what happened.
type Kind uint8

// The kinds of events.
const (
	Established Kind = iota // a session came up
	Down                    // a session ended, or an attempt failed; Err says why
	Announce                // a route was announced or replaced
	Withdraw                // a route was withdrawn, or dropped with its session
	EndOfRIB                // the peer finished its first dump of a family
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"established", "down", "announce", "withdraw", "end-of-rib"}[min(k, EndOfRIB)]
}

// Event is one thing that happened on a session.
type Event struct {
	Kind  Kind
	Peer  string
	At    time.Time // when its message was read from the socket
	Route Route     // with Announce; with Withdraw only prefix, peer and time
	IPv6  bool      // with EndOfRIB: the family
	Err   error     // with Down
}

// Sink receives routes over any number of sessions.
type Sink struct {
	conf   Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu        sync.Mutex
	peers     map[string]*peer
	listeners []net.Listener
	closed    bool
}

// ErrClosed is a call on a closed sink.
var ErrClosed = errors.New("the BGP sink is closed")

// New makes a sink without sessions.
func New(c Config) (*Sink, error) {
	if c.LocalAS == 0 || !c.RouterID.Is4() {
		return nil, errors.New("a BGP sink needs an AS number and an IPv4 router-id")
	}
	if c.Hold == 0 {
		c.Hold = 90 * time.Second
	}
	if c.Pause == 0 {
		c.Pause = 200 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Sink{conf: c, ctx: ctx, cancel: cancel, peers: map[string]*peer{}}, nil
}

// Dial keeps a session with the speaker at to, under name, until Close. from
// is the local address; the zero value leaves it to the system.
func (s *Sink) Dial(name string, to netip.AddrPort, from netip.Addr) error {
	p, err := s.peer(name)
	if err != nil {
		return err
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	s.work.Go(func() {
		for s.ctx.Err() == nil {
			conn, err := d.DialContext(s.ctx, "tcp", to.String())
			if err == nil {
				err = p.serve(s.ctx, conn)
			}
			p.emit(Event{Kind: Down, Peer: name, At: time.Now(), Err: err})
			s.sleep(s.conf.Pause)
		}
	})
	return nil
}

func (s *Sink) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// Listen accepts sessions on addr (port 0 for a free one) and returns the real
// address. A peer is named by its IP address; a new connection of a peer takes
// the place of the old one, as after a crash that the old one did not notice.
func (s *Sink) Listen(addr netip.AddrPort) (netip.AddrPort, error) {
	l, err := net.Listen("tcp", addr.String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listening for BGP: %w", err)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = l.Close()
		return netip.AddrPort{}, ErrClosed
	}
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	s.work.Go(func() { s.accept(l) })
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

func (s *Sink) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed
		}
		name := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().String()
		p, err := s.peer(name)
		if err != nil {
			_ = conn.Close()
			return
		}
		s.work.Go(func() {
			err := p.serve(s.ctx, conn)
			p.emit(Event{Kind: Down, Peer: name, At: time.Now(), Err: err})
		})
	}
}

func (s *Sink) peer(name string) (*peer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	p, ok := s.peers[name]
	if !ok {
		p = newPeer(s.conf, name)
		s.peers[name] = p
	}
	return p, nil
}

func (s *Sink) all() []*peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*peer, 0, len(s.peers))
	for _, p := range s.peers {
		all = append(all, p)
	}
	return all
}

// Routes returns the routes of all peers, sorted by prefix and peer.
func (s *Sink) Routes() []Route {
	out := []Route{}
	for _, p := range s.all() {
		out = append(out, p.table.list()...)
	}
	slices.SortFunc(out, compareRoutes)
	return out
}

// Up returns the names of the peers whose session is established, sorted.
func (s *Sink) Up() []string {
	out := []string{}
	for _, p := range s.all() {
		if p.established() {
			out = append(out, p.name)
		}
	}
	slices.Sort(out)
	return out
}

// Send writes raw octets into the established session of a peer: for feeding
// a speaker with routes, or with nonsense.
func (s *Sink) Send(name string, raw []byte) error {
	s.mu.Lock()
	p, ok := s.peers[name]
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("no BGP peer %q", name)
	}
	return p.send(raw)
}

// Close ends all sessions with a CEASE and waits for them.
func (s *Sink) Close() {
	s.mu.Lock()
	s.closed = true
	listeners := s.listeners
	s.listeners = nil
	s.mu.Unlock()
	s.cancel()
	for _, l := range listeners {
		_ = l.Close()
	}
	s.work.Wait()
	for _, p := range s.all() {
		p.stopTimer()
	}
}
