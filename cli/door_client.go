package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// LocalClient is `triggerd cli`: the other end of a [LocalDoor].
type LocalClient struct {
	Path   string
	Stdin  io.Reader // a terminal (an *os.File that is one) gives an interactive session
	Stdout io.Writer
	Script *string // lines to run instead of reading Stdin; nil = read Stdin
}

// ErrNoDoor is wrapped when nobody answers at the socket.
var ErrNoDoor = errors.New("triggerd does not answer at its local socket")

// Run has one session and returns its exit status: 0 accepted, 1 refused, 2
// not confirmed. An error says that there was no session, or that it was cut.
func (c LocalClient) Run(ctx context.Context) (status int, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.Path)
	if err != nil {
		return 1, fmt.Errorf("%w: is it running, and are you the user that it runs as? (%w)", ErrNoDoor, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	frames := &frameWriter{w: conn}
	hello := localHello{Script: c.Script}
	tty, isTTY := terminalOf(c.Stdin)
	if isTTY && c.Script == nil {
		hello.TTY = true
		hello.Cols, hello.Rows, _ = term.GetSize(tty)
		restore, err := raw(tty)
		if err != nil {
			return 1, err
		}
		defer restore()
		defer watchWindow(tty, frames)()
	}
	if err := frames.hello(frameHello, hello); err != nil {
		return 1, err
	}
	if c.Script == nil {
		go c.send(frames)
	}
	return c.show(conn)
}

// send passes on what is typed. The server notices when the process ends.
func (c LocalClient) send(frames *frameWriter) {
	_, _ = io.Copy(frames, c.Stdin)
	_ = frames.frame(frameEnd, nil)
}

// show prints the session's output until it tells its status.
func (c LocalClient) show(conn io.Reader) (int, error) {
	for {
		kind, payload, err := readFrame(conn)
		if err != nil {
			return 2, fmt.Errorf("the session was cut: %w", err)
		}
		switch {
		case kind == frameData:
			if _, err := c.Stdout.Write(payload); err != nil {
				return 1, err
			}
		case kind == frameStatus && len(payload) == 1:
			return int(payload[0]), nil
		default:
			return 1, errFrame
		}
	}
}

// terminalOf is the file descriptor of r when that is a terminal.
func terminalOf(r io.Reader) (int, bool) {
	f, ok := r.(*os.File)
	if !ok {
		return 0, false
	}
	fd := int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// raw makes the terminal pass every key on, and returns what undoes that.
func raw(fd int) (restore func(), err error) {
	was, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("setting the terminal: %w", err)
	}
	return func() { _ = term.Restore(fd, was) }, nil
}

// watchWindow tells the server when the window changes, until stopped.
func watchWindow(fd int, frames *frameWriter) (stop func()) {
	changed := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-changed:
			case <-done:
				return
			}
			if cols, rows, err := term.GetSize(fd); err == nil {
				_ = frames.hello(frameWindow, localHello{TTY: true, Cols: cols, Rows: rows})
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(done)
	}
}
