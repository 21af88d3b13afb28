package cli

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Counters are what has happened at the SSH door since the start.
type Counters struct {
	Connections     uint64 `json:"connections"`     // TCP connections taken
	HalfOpenRefused uint64 `json:"halfOpenRefused"` // connections cut before their login: too many were logging in
	HandshakeFailed uint64 `json:"handshakeFailed"` // connections that ended without a login try
	TriesRefused    uint64 `json:"triesRefused"`    // keys and passwords that were not right
	LoginsRefused   uint64 `json:"loginsRefused"`   // connections that ended with only such tries
	Logins          uint64 `json:"logins"`
	SessionsRefused uint64 `json:"sessionsRefused"` // beyond a limit
	ForwardsRefused uint64 `json:"forwardsRefused"` // channels other than a session
	Silent          uint64 `json:"silent"`          // connections cut for not answering
	LogsSuppressed  uint64 `json:"logsSuppressed"`  // log lines left out because there were too many
}

// counters are the Counters while they count.
type counters struct {
	connections, halfOpenRefused, handshakes, tries, refused, logins, sessionsRefused, forwardsRefused, silent atomic.Uint64
}

// Counters reads the counters.
func (s *Server) Counters() Counters {
	c := &s.count
	return Counters{
		Connections: c.connections.Load(), HalfOpenRefused: c.halfOpenRefused.Load(),
		HandshakeFailed: c.handshakes.Load(), TriesRefused: c.tries.Load(), LoginsRefused: c.refused.Load(),
		Logins: c.logins.Load(), SessionsRefused: c.sessionsRefused.Load(),
		ForwardsRefused: c.forwardsRefused.Load(), Silent: c.silent.Load(), LogsSuppressed: s.quiet.suppressed.Load(),
	}
}

// quietLog logs what strangers can cause as often as they like: at most a
// burst of lines at once and one every refill, and it says how many it left out.
type quietLog struct {
	log        *slog.Logger
	suppressed atomic.Uint64

	mu      sync.Mutex
	tokens  int
	last    time.Time
	omitted int
}

const (
	logBurst  = 20
	logRefill = 500 * time.Millisecond
)

func newQuietLog(log *slog.Logger) *quietLog {
	return &quietLog{log: log, tokens: logBurst, last: time.Now()}
}

// allow takes a token and returns how many lines were left out before.
func (q *quietLog) allow() (omitted int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := int(time.Since(q.last) / logRefill); n > 0 {
		q.tokens = min(q.tokens+n, logBurst)
		q.last = time.Now()
	}
	if q.tokens == 0 {
		q.omitted++
		q.suppressed.Add(1)
		return 0, false
	}
	q.tokens--
	omitted, q.omitted = q.omitted, 0
	return omitted, true
}

func (q *quietLog) warn(msg string, args ...any) { q.put(slog.LevelWarn, msg, args) }
func (q *quietLog) info(msg string, args ...any) { q.put(slog.LevelInfo, msg, args) }

func (q *quietLog) put(level slog.Level, msg string, args []any) {
	omitted, ok := q.allow()
	if !ok {
		return
	}
	if omitted > 0 {
		args = append(args, "omitted_before", omitted)
	}
	q.log.Log(context.Background(), level, msg, args...)
}

// shortQuote makes what a stranger sent fit for a log: quoted, and not long.
func shortQuote(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
