package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// ErrClosed is a port that was closed.
var ErrClosed = errors.New("the cluster port is closed")

const (
	handshakeTime = 5 * time.Second // from accept or dial to the verdicts
	maxHandshakes = 128             // at once, before the other side is known
	maxFromOne    = 16              // of these from one source (loopback excepted)
)

// Options are what a Port needs. Identity is called at every handshake.
type Options struct {
	Addr        string // host:port to listen on; "" for a port that only dials
	Credentials Credentials
	Identity    func() Identity

	// Member says whether a server id is in the membership, and whether that
	// can be said at all: a node that has just joined knows no membership yet
	// and admits whom the CA has signed. nil never knows. It is called on both
	// ends of every connection and must not block.
	Member func(serverID string) (member, known bool)

	Log    *slog.Logger    // nil discards
	Alarms *alarm.Registry // nil swallows

	// OnNewerGeneration hears of a generation that is higher than this node's
	// and signed by the CA. It runs on its own goroutine, one at a time, and
	// again with later connections until Identity has caught up. The port does
	// not wait for it, so it may close the port.
	OnNewerGeneration func(r Record, from net.Addr)
}

// Port is the node's end of all connections between members. Its methods are
// safe for concurrent use.
type Port struct {
	opt      Options
	log      *slog.Logger
	listener net.Listener // nil when it only dials
	creds    atomic.Pointer[Credentials]
	refused  *refusals
	fencing  atomic.Bool // an OnNewerGeneration is running

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines but handlers

	mu       sync.Mutex
	closed   bool
	knocks   map[net.Conn]*knock // in the handshake
	conns    map[*conn]struct{}
	raft     *raftListener
	handlers map[string]Handler
	handling sync.WaitGroup
	joining  JoinHandler
	joins    chan struct{} // a token per join request at work
	lines    map[lineKey]*line

	rhythm rhythm
}

// Listen opens the port. The caller must Close it.
func Listen(opt Options) (*Port, error) {
	if opt.Identity == nil {
		return nil, errors.New("cluster port: no identity given")
	}
	if err := opt.Credentials.check(); err != nil {
		return nil, fmt.Errorf("cluster port: %w", err)
	}
	p := &Port{
		opt: opt, log: opt.Log, refused: newRefusals(), rhythm: defaultRhythm,
		knocks: map[net.Conn]*knock{}, conns: map[*conn]struct{}{},
		handlers: map[string]Handler{}, lines: map[lineKey]*line{}, joins: make(chan struct{}, maxJoins),
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	p.creds.Store(&opt.Credentials)
	if opt.Addr != "" {
		l, err := net.Listen("tcp", opt.Addr)
		if err != nil {
			return nil, fmt.Errorf("cluster port: %w", err)
		}
		p.listener = l
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if p.listener != nil {
		p.wg.Go(p.accept)
	}
	p.wg.Go(p.sweep)
	return p, nil
}

// Addr is where the port listens; nil when it only dials.
func (p *Port) Addr() net.Addr {
	if p.listener == nil {
		return nil
	}
	return p.listener.Addr()
}

// SetCredentials replaces the certificate for connections from now on, as
// after a renewal or with a new incarnation.
func (p *Port) SetCredentials(c Credentials) error {
	if err := c.check(); err != nil {
		return err
	}
	p.creds.Store(&c)
	return nil
}

// Credentials are the ones in use.
func (p *Port) Credentials() Credentials { return *p.creds.Load() }

// Refused counts what was refused since the start, by reason; reasons that the
// other side gave begin with "by-peer:".
func (p *Port) Refused() map[string]uint64 { return p.refused.snapshot() }

// Recheck judges every open connection again and closes those that would be
// refused now. Call it when a member was removed or the identity has changed.
func (p *Port) Recheck() {
	self, ca := p.opt.Identity(), p.Credentials().CACert
	for _, c := range p.admitted() {
		if c.channel == channelJoin {
			continue
		}
		j := judgement{
			self: self, caCert: ca, heard: newHello(c.from, c.channel),
			cert: c.from.ServerID(), expect: c.dialed, member: p.opt.Member,
		}
		if r := j.judge(); r != nil {
			p.log.Info("connection to a member cut", "peer", c.from.ServerID(), "reason", r.Reason, "text", r.Text)
			_ = c.Close()
		}
	}
}

// Close closes the listener and every connection, fails pending calls and
// waits for the port's goroutines. Handlers get a second to follow their
// context.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.cancel()
	for raw := range p.knocks {
		_ = raw.Close()
	}
	p.mu.Unlock()

	var err error
	if p.listener != nil {
		err = p.listener.Close()
	}
	var closing sync.WaitGroup
	for _, c := range p.admitted() {
		closing.Go(func() { _ = c.Close() })
	}
	closing.Wait()
	p.wg.Wait()
	p.awaitHandlers(time.Second)
	return err
}

// sweep takes alarms down that nothing has raised for a while.
func (p *Port) sweep() {
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case now := <-tick.C:
			for _, subject := range p.refused.sweep(now) {
				p.opt.Alarms.Clear(alarm.PeerRefused, subject)
			}
		}
	}
}

// noteRefusal counts, logs and raises what was refused.
func (p *Port) noteRefusal(r *Refusal, addr net.Addr, direction, name string) {
	source := sourceOf(addr)
	log, subject := p.refused.note(time.Now(), r, source)
	if log {
		p.log.Warn("connection between members refused", "reason", r.label(), "source", source,
			"direction", direction, "name", name, "text", r.Text)
	}
	if subject != "" {
		p.opt.Alarms.Raise(alarm.PeerRefused, subject, r.Error())
	}
}

// noteGeneration passes a proven higher generation on.
func (p *Port) noteGeneration(r *Refusal, record Record, from net.Addr) {
	if r.Reason != NewerGeneration || p.opt.OnNewerGeneration == nil || !p.fencing.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer p.fencing.Store(false)
		p.opt.OnNewerGeneration(record, from)
	}()
}

// sourceOf is the address without its port.
func sourceOf(addr net.Addr) string {
	if a, ok := addr.(*net.TCPAddr); ok {
		return a.IP.String()
	}
	return addr.String()
}

// tune lets the kernel find a dead peer on connections that have no pings of
// their own.
func tune(raw net.Conn) {
	if t, ok := raw.(*net.TCPConn); ok {
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3})
	}
}

var _ net.Conn = (*conn)(nil)
