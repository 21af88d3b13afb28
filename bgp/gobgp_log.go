package bgp

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/triggerd/triggerd/bgp/bmp"
	"github.com/triggerd/triggerd/internal/route"
)

// engineEvents is told what only GoBGP's log says.
type engineEvents struct {
	dialFailed func(addr, why string) // an active connection attempt failed
	comingUp   func(addr string)      // before the first dump to a neighbor; may block, see settling

	// session is a session that comes up or has gone: nothing is written to
	// that neighbor before, or any more. written is one UPDATE that the kernel
	// took. Both are on the goroutine that writes to the neighbor, in order.
	session func(addr netip.Addr, up bool)
	written func(addr netip.Addr, announced, withdrawn []netip.Prefix)

	// received is one UPDATE of a neighbor, before any policy; it is called
	// between the two calls of session, in order, and must not block.
	received func(addr netip.Addr, updates []route.Update)

	// For the mirror, in the same order: why a session ended, and every UPDATE as it
	// was. nil: nobody looks.
	ended    func(addr netip.Addr, reason string)
	mirrored func(addr netip.Addr, d bmp.Direction, u bmp.Update)

	stalled func(waited time.Duration) // an operation waited for GoBGP's one lock
}

// Observe is called for every operation of the server (server.FSMTimingHook).
func (e engineEvents) Observe(_ server.FSMOperation, _, waited time.Duration) {
	if e.stalled != nil && waited > 0 {
		e.stalled(waited)
	}
}

// Messages of GoBGP that mean something to us. They are not an API; tests hold
// them, so that a new version that words them differently is noticed.
const (
	msgDialFailed = "failed to connect"
	msgMD5Failed  = "failed to set md5"
	msgPeerUp     = "Peer Up"
	msgPeerDown   = "Peer Down"
	msgSent       = "sent update"
	msgReceived   = "received update"
	msgWithdraw   = "the received Update message was treated as withdraw" // the next one
	msgTooEarly   = "Closed an accepted connection"
)

// engineLog is the slog.Handler behind GoBGP's logger. It passes on warnings
// and errors, and picks out the facts that GoBGP tells nobody else.
//
// It is called under GoBGP's locks: apart from comingUp, where there is none, it
// must never block and never call GoBGP.
type engineLog struct {
	*logShared
	out slog.Handler
	key string // the neighbor that this logger speaks about

	addr netip.Addr // the same
}

type logShared struct {
	events engineEvents
	quiet  atomic.Bool

	mu        sync.Mutex
	md5Failed map[string]string // neighbor to reason
	broken    map[netip.Addr]struct{}
}

func newEngineLog(log *slog.Logger, events engineEvents) *engineLog {
	return &engineLog{
		logShared: &logShared{events: events, md5Failed: map[string]string{}, broken: map[netip.Addr]struct{}{}},
		out:       log.Handler(),
	}
}

// silence stops everything from here on: the server is gone.
func (l *logShared) silence() { l.quiet.Store(true) }

// forgetMD5 returns why the password of addr could not be set, and forgets it.
func (l *logShared) forgetMD5(addr string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := l.md5Failed[addr]
	delete(l.md5Failed, addr)
	return why
}

// Enabled takes debug records too: failed connection attempts are logged there.
func (l *engineLog) Enabled(context.Context, slog.Level) bool { return !l.quiet.Load() }

func (l *engineLog) Handle(ctx context.Context, r slog.Record) error {
	switch r.Message {
	case msgDialFailed:
		if l.events.dialFailed != nil {
			l.events.dialFailed(l.key, attr(r, "Error"))
		}
	case msgSent:
		if l.events.written != nil {
			l.events.written(sentPrefixes(l.addr, r))
		}
		if l.events.mirrored != nil {
			l.events.mirrored(l.addr, bmp.Out, mirrored(r, false))
		}
		return nil
	case msgReceived:
		broken := l.takeBroken(l.addr)
		if l.events.received != nil {
			l.events.received(l.addr, receivedUpdates(l.addr, r, broken))
		}
		if l.events.mirrored != nil {
			l.events.mirrored(l.addr, bmp.In, mirrored(r, broken))
		}
		return nil
	case msgWithdraw:
		l.noteBroken(l.addr)
	case msgPeerDown:
		l.session(false)
		if l.events.ended != nil {
			l.events.ended(l.addr, attr(r, "Reason"))
		}
	case msgPeerUp:
		l.session(true)
		if l.events.comingUp != nil {
			l.events.comingUp(l.key)
		}
	case msgMD5Failed:
		l.mu.Lock()
		l.md5Failed[attr(r, "Key")] = attr(r, "Err")
		l.mu.Unlock()
	case msgTooEarly: // a neighbor that dials while we wait in Idle: it dials again
		return nil
	}
	if r.Level < slog.LevelWarn || !l.out.Enabled(ctx, r.Level) {
		return nil
	}
	return l.out.Handle(ctx, r)
}

func (l *engineLog) session(up bool) {
	l.takeBroken(l.addr)
	if l.events.session != nil {
		l.events.session(l.addr, up)
	}
}

// noteBroken remembers that the next UPDATE of the neighbor has broken
// attributes, and withdraws all that it names (RFC 7606 section 2).
func (l *logShared) noteBroken(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken[addr] = struct{}{}
}

// takeBroken tells whether this UPDATE is that one.
func (l *logShared) takeBroken(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, is := l.broken[addr]
	delete(l.broken, addr)
	return is
}

// sentPrefixes reads the record of an UPDATE that was written to a socket: IPv4
// in the fields of RFC 4271, IPv6 in the attributes of RFC 4760.
func sentPrefixes(to netip.Addr, r slog.Record) (_ netip.Addr, announced, withdrawn []netip.Prefix) {
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Any().(type) {
		case []gobgp.PathNLRI:
			if a.Key == "nlri" {
				announced = appendPrefixes(announced, v)
			} else {
				withdrawn = appendPrefixes(withdrawn, v)
			}
		case []gobgp.PathAttributeInterface:
			for _, attribute := range v {
				switch mp := attribute.(type) {
				case *gobgp.PathAttributeMpReachNLRI:
					announced = appendPrefixes(announced, mp.Value)
				case *gobgp.PathAttributeMpUnreachNLRI:
					withdrawn = appendPrefixes(withdrawn, mp.Value)
				}
			}
		}
		return true
	})
	return to, announced, withdrawn
}

func appendPrefixes(to []netip.Prefix, nlri []gobgp.PathNLRI) []netip.Prefix {
	for _, n := range nlri {
		if p, ok := n.NLRI.(*gobgp.IPAddrPrefix); ok {
			to = append(to, p.Prefix)
		}
	}
	return to
}

func (l *engineLog) WithAttrs(as []slog.Attr) slog.Handler {
	c := *l
	for _, a := range as {
		if a.Key == "Key" {
			c.key = a.Value.String()
			c.addr, _ = netip.ParseAddr(c.key)
		}
	}
	c.out = l.out.WithAttrs(as)
	return &c
}

func (l *engineLog) WithGroup(name string) slog.Handler {
	c := *l
	c.out = l.out.WithGroup(name)
	return &c
}

// attr returns the value of the attribute key of r as text.
func attr(r slog.Record, key string) (text string) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			text = a.Value.String()
			return false
		}
		return true
	})
	return text
}
