package cli

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/internal/config"
)

// ServerOptions says how an SSH server is to be. Users and Shells must be set.
type ServerOptions struct {
	Listen     []string // host:port each
	HostKeyDir string   // where the host keys are, or are to be made
	Users      UserStore
	Shells     Shells
	Refusals   Refusals      // hears of refused logins of known users; nil: nobody does
	Sessions   *SessionList  // shared with other doors; nil: one of its own
	Log        *slog.Logger  // nil: slog.Default
	Greeting   func() string // printed before the first prompt on a terminal, lines ended by "\n"; nil: nothing

	ExecTimeout time.Duration // idle time after which a session is closed; 0 = never
	Limits      ServerLimits
}

// ServerLimits bounds what strangers can take up. A zero stands for the default.
type ServerLimits struct {
	AuthTries         int           // of one connection; default 6
	Handshake         time.Duration // from accept to login; default 20 s
	HalfOpen          int           // connections that have not logged in; default 300
	HalfOpenPerSource int           // of one IPv4 address or IPv6 /64; default a third of HalfOpen
	ConnsPerUser      int           // connections that have logged in; default 40
	NoSession         time.Duration // how long a connection may have no session; default 60 s
	SessionTime       time.Duration // longest time of one session; 0 = no limit
	Keepalive         time.Duration // between questions to the client; gone after 3 without answer; default 30 s
}

func (l ServerLimits) withDefaults() ServerLimits {
	number := func(n *int, d int) {
		if *n == 0 {
			*n = d
		}
	}
	duration := func(n *time.Duration, d time.Duration) {
		if *n == 0 {
			*n = d
		}
	}
	number(&l.AuthTries, 6)
	number(&l.HalfOpen, config.DefaultStartups)
	number(&l.HalfOpenPerSource, max(1, l.HalfOpen/3))
	number(&l.ConnsPerUser, 40)
	duration(&l.Handshake, 20*time.Second)
	duration(&l.NoSession, time.Minute)
	duration(&l.Keepalive, 30*time.Second)
	return l
}

// Server is the SSH door of a node.
type Server struct {
	opts  ServerOptions
	log   *slog.Logger
	quiet *quietLog // for what strangers can cause without end
	keys  *doorkeeper
	hosts []gossh.Signer
	ssh   *ssh.Server
	count counters

	mu        sync.Mutex
	listeners []net.Listener
	guards    map[*guard]struct{}
	entering  map[net.Addr]*guard // not logged in yet, by the very value that RemoteAddr returns
	closing   bool
	serving   sync.WaitGroup // accept loops
	seated    sync.WaitGroup // sessions
}

// NewServer loads or makes the host keys. Start opens the door.
func NewServer(opts ServerOptions) (*Server, error) {
	signers, err := LoadHostKeys(opts.HostKeyDir)
	if err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Sessions == nil {
		opts.Sessions = NewSessionList(SessionLimits{})
	}
	opts.Limits = opts.Limits.withDefaults()
	log := opts.Log.With("component", "ssh")
	s := &Server{
		opts: opts, log: log, quiet: newQuietLog(log), keys: newDoorkeeper(opts.Users),
		guards: map[*guard]struct{}{}, entering: map[net.Addr]*guard{},
	}
	if s.hosts, err = hostSigners(signers); err != nil {
		return nil, err
	}
	s.ssh = &ssh.Server{
		HostSigners:              make([]ssh.Signer, 0, len(s.hosts)),
		ConnCallback:             s.admit,
		ServerConfigCallback:     s.config,
		ConnectionFailedCallback: s.failed,
		ChannelHandlers:          map[string]ssh.ChannelHandler{"session": s.openSession, "default": s.rejectChannel},
		RequestHandlers:          map[string]ssh.RequestHandler{}, // no forwarding of any kind
	}
	for _, h := range s.hosts {
		s.ssh.AddHostKey(h)
	}
	return s, nil
}

// hostSigners turns keys into SSH signers.
func hostSigners(keys []crypto.Signer) ([]gossh.Signer, error) {
	var out []gossh.Signer
	for _, k := range keys {
		signer, err := gossh.NewSignerFromSigner(k)
		if err != nil {
			return nil, fmt.Errorf("SSH host key: %w", err)
		}
		out = append(out, signer)
	}
	return out, nil
}

// Start listens on all addresses and serves in the background until Shutdown
// or Close. When one address cannot be had, none is used.
func (s *Server) Start(ctx context.Context) error {
	var config net.ListenConfig
	var open []net.Listener
	for _, addr := range s.opts.Listen {
		l, err := config.Listen(ctx, "tcp", addr)
		if err != nil {
			for _, l := range open {
				_ = l.Close()
			}
			return fmt.Errorf("SSH: listening on %s: %w", addr, err)
		}
		open = append(open, l)
	}
	s.mu.Lock()
	s.listeners = open
	s.mu.Unlock()
	for _, l := range open {
		s.serving.Go(func() { s.serve(l) })
	}
	return nil
}

// serve accepts connections until the listener is closed.
func (s *Server) serve(l net.Listener) {
	err := s.ssh.Serve(l)
	s.mu.Lock()
	closing := s.closing
	s.mu.Unlock()
	if !closing && !errors.Is(err, ssh.ErrServerClosed) {
		s.log.Error("ssh listener failed", "address", l.Addr().String(), "error", err)
	}
}

// Addrs are the addresses listened on, with the ports that were chosen for
// port 0.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []net.Addr
	for _, l := range s.listeners {
		out = append(out, l.Addr())
	}
	return out
}

// HostKeys are the public host keys, one "type base64" line each, as a
// known_hosts file has them behind the name.
func (s *Server) HostKeys() []string {
	var out []string
	for _, h := range s.hosts {
		line := gossh.MarshalAuthorizedKey(h.PublicKey())
		out = append(out, string(line[:len(line)-1]))
	}
	return out
}

// Sessions is the list of who is logged in.
func (s *Server) Sessions() *SessionList { return s.opts.Sessions }

// errStopping is what sessions are told when the node stops.
var errStopping = errors.New("triggerd is stopping on this node; log in at another")

// Shutdown closes the listeners, tells every session that the node stops, and
// waits until all have ended or ctx has. Connections still open then are cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopListening()
	s.mu.Lock()
	for g := range s.guards {
		g.stop(errStopping)
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		s.seated.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, s.Close())
}

// Close cuts all connections at once.
func (s *Server) Close() error {
	s.stopListening()
	s.mu.Lock()
	open := make([]*guard, 0, len(s.guards))
	for g := range s.guards {
		g.stop(errStopping)
		open = append(open, g)
	}
	s.mu.Unlock()
	for _, g := range open {
		_ = g.Close()
	}
	err := s.ssh.Close()
	s.serving.Wait()
	s.seated.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

func (s *Server) stopListening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for _, l := range s.listeners {
		_ = l.Close()
	}
}
