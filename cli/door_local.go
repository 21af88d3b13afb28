package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// LocalOptions says how the local door is to be. Path and Shells must be set.
type LocalOptions struct {
	Path        string // of the unix socket; its directory is made with mode 0700
	Shells      Shells
	Sessions    *SessionList  // shared with other doors; nil: one of its own
	Log         *slog.Logger  // nil: slog.Default
	ExecTimeout time.Duration // as for SSH; 0 = never
	Greeting    func() string // as for SSH
}

// LocalDoor is the operator's door on the machine itself: a unix socket that
// only the user triggerd runs as, usually root, can open. Who comes in is the
// operator "local"; no keys are needed, so it is also the way back when all
// keys are lost.
type LocalDoor struct {
	opts LocalOptions
	log  *slog.Logger
	l    net.Listener
}

// localUser is who comes in by the local door.
var localUser = rtbh.User{Name: "local", Role: rtbh.RoleOperator, Landing: rtbh.LandEnable}

// ListenLocal makes the socket. A socket that is left over from a process that
// has ended is replaced; one that answers, or a file that is no socket, is an
// error.
func ListenLocal(opts LocalOptions) (*LocalDoor, error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Sessions == nil {
		opts.Sessions = NewSessionList(SessionLimits{})
	}
	if err := clearSocket(opts.Path); err != nil {
		return nil, fmt.Errorf("local socket %s: %w", opts.Path, err)
	}
	l, err := net.Listen("unix", opts.Path)
	if err != nil {
		return nil, fmt.Errorf("local socket %s: %w", opts.Path, err)
	}
	if err := os.Chmod(opts.Path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("local socket %s: %w", opts.Path, err), l.Close())
	}
	return &LocalDoor{opts: opts, log: opts.Log.With("component", "local"), l: l}, nil
}

// clearSocket makes the place for the socket: a directory that nobody else can
// enter, in which there is no such file.
func clearSocket(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others can enter its directory (mode %04o): chmod 700 %s", info.Mode().Perm(), dir)
	}
	switch info, err = os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("there is a file by that name which is no socket; move it away")
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return errors.New("another triggerd answers there; stop it first")
	}
	return os.Remove(path)
}

// Serve takes sessions until ctx ends, and returns when all have ended.
func (d *LocalDoor) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { _ = d.l.Close() })
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		conn, err := d.l.Accept()
		switch {
		case ctx.Err() != nil:
			if conn != nil {
				_ = conn.Close()
			}
			return nil
		case err != nil:
			cancel(errStopping)
			return fmt.Errorf("local socket %s: %w", d.opts.Path, err)
		}
		sessions.Go(func() { d.session(ctx, conn) })
	}
}

// Close closes the socket of a door that is not served any more.
func (d *LocalDoor) Close() error {
	if err := d.l.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// session serves one connection.
func (d *LocalDoor) session(parent context.Context, conn net.Conn) {
	defer conn.Close()
	uid, err := peerUID(conn)
	if err != nil {
		d.log.Warn("local session refused", "error", err)
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	hello, err := readHello(conn, frameHello)
	if err != nil {
		d.log.Warn("local session refused", "error", err)
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	ctx, end := context.WithCancelCause(context.WithoutCancel(parent))
	defer end(nil)
	stop := context.AfterFunc(parent, func() {
		end(errStopping)
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second)) // for the last words
	})
	defer stop()
	at := sitting{tty: hello.TTY, idle: d.opts.ExecTimeout, greeting: greeted(d.opts.Greeting), login: Login{
		User: localUser, Door: rtbh.DoorLocal, Credential: "socket " + uid,
	}}
	switch {
	case hello.Script != nil:
		at.kind, at.script, at.login.AtEnable = kindExec, *hello.Script, true
	case !hello.TTY:
		at.kind = kindStdin
	default:
		at.login.Terminal = vty.NewTerminal(hello.Cols, hello.Rows)
	}
	leave, err := d.opts.Sessions.enter(&at.login, rtbh.DoorLocal.String(), end)
	if err != nil {
		d.log.Warn("local session refused", "error", err)
		return
	}
	defer leave()
	d.converse(ctx, end, conn, at)
}

// converse connects the session with the frames of conn.
func (d *LocalDoor) converse(ctx context.Context, end context.CancelCauseFunc, conn net.Conn, at sitting) {
	in, typed := io.Pipe()
	defer in.Close()
	frames := &frameWriter{w: conn}
	at.in, at.out = in, frames
	go func() {
		_ = typed.CloseWithError(receive(conn, typed, at.login.Terminal))
		end(nil) // the client has gone
	}()
	d.log.Info("local session opened", "session", at.login.Session, "credential", at.login.Credential)
	status := at.serve(ctx, d.opts.Shells, d.log)
	d.log.Info("local session closed", "session", at.login.Session, "status", status)
	_ = frames.frame(frameStatus, []byte{byte(status)}) // fails when the client has gone
}

// receive passes typed bytes on until the client goes away. The end of its
// input is passed on too, and is not the end of the session.
func receive(conn io.Reader, typed *io.PipeWriter, term *vty.Terminal) error {
	for {
		kind, payload, err := readFrame(conn)
		if err != nil {
			return err
		}
		switch kind {
		case frameData:
			// An error says that the session takes no more: go on to see the
			// client go away.
			_, _ = typed.Write(payload)
		case frameWindow:
			var h localHello
			if err := json.Unmarshal(payload, &h); err != nil {
				return fmt.Errorf("%w: %w", errFrame, err)
			}
			term.Resize(h.Cols, h.Rows)
		case frameEnd:
			_ = typed.Close()
		default:
			return errFrame
		}
	}
}

func readHello(conn io.Reader, want byte) (localHello, error) {
	var h localHello
	kind, payload, err := readFrame(conn)
	if err != nil {
		return h, err
	}
	if kind != want {
		return h, errFrame
	}
	if err := json.Unmarshal(payload, &h); err != nil {
		return h, fmt.Errorf("%w: %w", errFrame, err)
	}
	return h, nil
}
