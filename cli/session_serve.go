package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// sessionKind is the way in which a session is used.
type sessionKind uint8

const (
	kindShell sessionKind = iota // lines typed at a terminal
	kindExec                     // one script, given with the request
	kindStdin                    // lines from a pipe
)

// door is the rtbh door of a kind over SSH.
func (k sessionKind) door() rtbh.Door {
	return [...]rtbh.Door{rtbh.DoorSSH, rtbh.DoorExec, rtbh.DoorStdin}[k]
}

// sitting is one session as a door hands it over: the login and the streams.
type sitting struct {
	login    Login
	kind     sessionKind
	tty      bool   // the client's end is a terminal: CRLF line ends
	script   string // of kindExec
	in       io.Reader
	out      io.Writer
	greeting string
	idle     time.Duration // 0 = for ever
}

// greeted is the text of a greeting that may be missing.
func greeted(greeting func() string) string {
	if greeting == nil {
		return ""
	}
	return greeting()
}

// serve makes the interpreter and runs the session to its end. It returns the
// exit status for the client.
func (s sitting) serve(ctx context.Context, shells Shells, log *slog.Logger) int {
	status, err := s.guarded(ctx, shells, log)
	switch {
	case errors.Is(err, vty.ErrIdle):
		log.Info("session timed out", "user", s.login.User.Name, "session", s.login.Session)
		status = max(status, 1)
	case err != nil:
		status = max(status, 1)
	}
	return status
}

// guarded runs the session so that a fault in one command ends that session
// only, never the process, which announces everybody's blackholes.
func (s sitting) guarded(ctx context.Context, shells Shells, log *slog.Logger) (status int, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			log.Error("session failed", "user", s.login.User.Name, "session", s.login.Session,
				"fault", fault, "stack", string(debug.Stack()))
			_, _ = io.WriteString(s.out, "\r\n% Internal error; this session ends. What the last line did is not known.\r\n")
			status = int(vty.NotConfirmed)
		}
	}()
	return s.run(ctx, shells(s.login))
}

func (s sitting) run(ctx context.Context, shell vty.Interpreter) (int, error) {
	switch s.kind {
	case kindExec:
		return vty.RunScript(ctx, s.script, s.out, shell, s.tty), nil
	case kindStdin:
		return vty.RunLines(ctx, s.in, s.out, shell, s.idle)
	}
	session := vty.Session{
		In: s.in, Out: s.out, Shell: shell, Term: s.login.Terminal, Idle: s.idle, Greeting: s.greeting,
	}
	return 0, session.Run(ctx)
}
