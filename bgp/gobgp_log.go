package bgp

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
)

// engineEvents is told what only GoBGP's log says.
type engineEvents struct {
	dialFailed func(addr, why string) // an active connection attempt failed
	comingUp   func(addr string)      // before the first dump to a neighbor; may block, see settling
}

// Messages of GoBGP that mean something to us. They are not an API; tests hold
// them, so that a new version that words them differently is noticed.
const (
	msgDialFailed = "failed to connect"
	msgMD5Failed  = "failed to set md5"
	msgPeerUp     = "Peer Up"
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
}

type logShared struct {
	events engineEvents
	quiet  atomic.Bool

	mu        sync.Mutex
	md5Failed map[string]string // neighbor to reason
}

func newEngineLog(log *slog.Logger, events engineEvents) *engineLog {
	return &engineLog{
		logShared: &logShared{events: events, md5Failed: map[string]string{}},
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
	case msgPeerUp:
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

func (l *engineLog) WithAttrs(as []slog.Attr) slog.Handler {
	c := *l
	for _, a := range as {
		if a.Key == "Key" {
			c.key = a.Value.String()
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
