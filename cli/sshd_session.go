package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/cli/vty"
)

// errSessionTime is what a session is told that has lasted as long as it may.
var errSessionTime = errors.New("this session has lasted as long as it may; log in again")

// rejectChannel refuses every channel but a session: nothing is forwarded.
func (s *Server) rejectChannel(_ *ssh.Server, conn *gossh.ServerConn, ch gossh.NewChannel, _ ssh.Context) {
	s.count.forwardsRefused.Add(1)
	_ = ch.Reject(gossh.Prohibited, "this server forwards nothing")
}

// openSession serves one session channel.
func (s *Server) openSession(_ *ssh.Server, conn *gossh.ServerConn, ch gossh.NewChannel, ctx ssh.Context) {
	g, _ := ctx.Value(guardKey{}).(*guard)
	id, err := identityOf(conn)
	if err != nil || g == nil {
		s.log.Error("ssh session without identity refused", "error", err)
		_ = ch.Reject(gossh.Prohibited, "no identity")
		return
	}
	// The connection may be old: the user may have been disabled since.
	user, ok := s.keys.enabled(id.user)
	if !ok {
		_ = ch.Reject(gossh.Prohibited, "this user may no longer log in")
		return
	}
	sess := &sshSession{srv: s, guard: g}
	sess.ctx, sess.end = context.WithCancelCause(g.ctx)
	defer sess.end(nil)
	if limit := s.opts.Limits.SessionTime; limit > 0 {
		timer := time.AfterFunc(limit, func() { sess.end(errSessionTime) })
		defer timer.Stop()
	}
	sess.login = Login{User: user, From: g.from, Credential: id.credential, Client: softwareOf(conn.ClientVersion())}
	leave, err := s.opts.Sessions.enter(&sess.login, "ssh", sess.end)
	if err != nil {
		s.count.sessionsRefused.Add(1)
		s.quiet.warn("ssh session refused", "user", shortQuote(id.user), "from", g.from.String(), "reason", err.Error())
		_ = ch.Reject(gossh.ResourceShortage, err.Error())
		return
	}
	defer leave()
	s.seated.Add(1)
	defer s.seated.Done()
	g.join()
	defer g.leave(1)
	g.keepalive.Do(func() { go g.ask(conn) })
	// A server value of its own gives this session its own handler.
	own := &ssh.Server{Handler: sess.handle}
	ssh.DefaultSessionHandler(own, conn, &screened{ch, sess}, ctx)
	sess.handling.Wait()
}

// softwareOf is a client's version line (RFC 4253 section 4.2), of which a client
// may make anything, as far as it can be shown.
func softwareOf(version []byte) string {
	const most = 64
	return clean(strings.ToValidUTF8(string(version[:min(len(version), most)]), "?"))
}

// sshSession is one session channel.
type sshSession struct {
	srv      *Server
	guard    *guard
	login    Login
	ctx      context.Context
	end      context.CancelCauseFunc
	handling sync.WaitGroup

	ch   gossh.Channel
	exec bool // the request that started it was exec
	term *vty.Terminal
}

// handle runs once the client has asked for a shell or a command.
func (x *sshSession) handle(sess ssh.Session) {
	defer x.handling.Done()
	_, _, tty := sess.Pty()
	x.login.Terminal = x.term
	at := sitting{
		kind: kindStdin, tty: tty, in: x.ch, out: x.output(), idle: x.srv.opts.ExecTimeout,
		greeting: greeted(x.srv.opts.Greeting),
	}
	switch {
	case x.exec:
		at.kind, at.script = kindExec, sess.RawCommand()
	case tty:
		at.kind = kindShell
	}
	x.login.Door = at.kind.door()
	x.login.AtEnable = at.kind == kindExec
	x.srv.opts.Sessions.rename(x.login.Session, x.login.Door.String())
	at.login = x.login
	log := x.srv.log
	log.Info("ssh session opened", "user", x.login.User.Name, "from", x.login.From.String(),
		"session", x.login.Session, "door", x.login.Door.String(), "credential", x.login.Credential)
	status := at.serve(x.ctx, x.srv.opts.Shells, log)
	log.Info("ssh session closed", "user", x.login.User.Name, "session", x.login.Session, "status", status)
	_ = sess.Exit(status) // fails when the client has gone
}

// output is the channel for writing. A client that takes nothing for a long
// time, though it still answers keepalives, is cut off.
func (x *sshSession) output() io.Writer {
	patience := x.srv.opts.ExecTimeout
	if patience == 0 {
		patience = time.Hour
	}
	return &impatient{w: x.ch, patience: max(patience, time.Minute), cut: func() {
		x.end(errors.New("the client takes no output"))
		_ = x.ch.Close()
	}}
}

// impatient is a writer that gives up on a write after a while.
type impatient struct {
	w        io.Writer
	patience time.Duration
	cut      func()
}

func (i *impatient) Write(p []byte) (int, error) {
	t := time.AfterFunc(i.patience, i.cut)
	defer t.Stop()
	return i.w.Write(p)
}

// screened is a session channel whose requests are screened before gliderlabs
// sees them.
type screened struct {
	gossh.NewChannel
	sess *sshSession
}

// Accept opens the channel.
func (c *screened) Accept() (gossh.Channel, <-chan *gossh.Request, error) {
	ch, reqs, err := c.NewChannel.Accept()
	if err != nil {
		return nil, nil, err
	}
	c.sess.ch = ch
	passed := make(chan *gossh.Request)
	c.sess.handling.Go(func() { c.sess.screen(reqs, passed) })
	return ch, passed, nil
}

// screen passes on the requests for a terminal and for one shell or command,
// looks after the window's size itself (gliderlabs would block for ever when
// nobody reads its window channel) and refuses all others: environment, agent,
// X11, subsystems, signals.
func (x *sshSession) screen(reqs <-chan *gossh.Request, passed chan<- *gossh.Request) {
	defer close(passed)
	defer x.end(nil) // the channel is closed
	late := time.AfterFunc(x.srv.opts.Limits.Handshake, func() { _ = x.ch.Close() })
	defer late.Stop()
	started := false
	for req := range reqs {
		switch req.Type {
		case "pty-req":
			if !started && x.term == nil {
				x.term = vty.NewTerminal(windowOf(req.Payload, true))
			}
			passed <- req
		case "window-change":
			x.term.Resize(windowOf(req.Payload, false))
		case "shell", "exec":
			if started {
				_ = req.Reply(false, nil)
				continue
			}
			started = true
			late.Stop()
			x.exec = req.Type == "exec"
			x.handling.Add(1) // handle will run
			passed <- req
		default:
			_ = req.Reply(false, nil)
		}
	}
}

// windowOf reads columns and rows from a pty-req (RFC 4254 section 6.2) or
// window-change (section 6.7) payload; 0 when it is malformed.
func windowOf(payload []byte, pty bool) (cols, rows int) {
	if pty {
		var req struct {
			Term                 string
			Cols, Rows, Wpx, Hpx uint32
			Modes                string
		}
		if gossh.Unmarshal(payload, &req) != nil {
			return 0, 0
		}
		return sane(req.Cols), sane(req.Rows)
	}
	var req struct{ Cols, Rows, Wpx, Hpx uint32 }
	if gossh.Unmarshal(payload, &req) != nil {
		return 0, 0
	}
	return sane(req.Cols), sane(req.Rows)
}

// sane is a size in cells, 0 where it is beyond belief.
func sane(n uint32) int {
	if n > 1<<16 {
		return 0
	}
	return int(n)
}
