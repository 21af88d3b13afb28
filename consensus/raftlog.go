package consensus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// raftLogger passes Raft's own log on. Raft reports a dead peer several times
// a second and this package says everything that matters in its own words, so
// its lines are for debugging; only its errors come through, each message at
// most once a minute.
type raftLogger struct {
	hclog.Logger // answers what is not overridden with nothing
	log          *slog.Logger
	args         []any
	seen         *lastSeen
}

type lastSeen struct {
	mu sync.Mutex
	at map[string]time.Time
}

func newRaftLogger(log *slog.Logger) hclog.Logger {
	return &raftLogger{
		Logger: hclog.NewNullLogger(), log: log.With("part", "raft"),
		seen: &lastSeen{at: map[string]time.Time{}},
	}
}

// fresh tells whether a message was not seen in the last minute.
func (s *lastSeen) fresh(msg string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if last, ok := s.at[msg]; ok && now.Sub(last) < time.Minute {
		return false
	}
	s.at[msg] = now
	return true
}

func (l *raftLogger) Log(level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	if level == hclog.Error && l.seen.fresh(msg) {
		to = slog.LevelInfo
	}
	if !l.log.Enabled(context.Background(), to) {
		return
	}
	all := append(append([]any(nil), l.args...), args...)
	for i, a := range all {
		switch v := a.(type) {
		case error:
			all[i] = v.Error()
		case hclog.Format:
			all[i] = fmt.Sprintf(v[0].(string), v[1:]...)
		case fmt.Stringer:
			all[i] = v.String()
		}
	}
	l.log.Log(context.Background(), to, msg, all...)
}

func (l *raftLogger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }
func (l *raftLogger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }
func (l *raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *raftLogger) With(args ...any) hclog.Logger {
	c := *l
	c.args = append(append([]any(nil), l.args...), args...)
	return &c
}

func (l *raftLogger) Named(string) hclog.Logger      { return l }
func (l *raftLogger) ResetNamed(string) hclog.Logger { return l }
