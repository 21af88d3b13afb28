package vty

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// ErrIdle ends a session in which nothing was typed for the idle time.
var ErrIdle = errors.New("vty: idle for too long")

// maxTypeAhead bounds what is read before it is used. Beyond it nothing more
// is read, and the client's own flow control holds the rest.
const maxTypeAhead = 64 << 10

// interruptAfter is how long a command runs before Ctrl-C means "stop this"
// rather than a key typed ahead for the next prompt.
const interruptAfter = time.Second

// input is the stream of typed bytes. A goroutine of its own reads them, so
// that what is typed while a command runs is kept and Ctrl-C is seen; one
// consumer takes them.
type input struct {
	ready chan struct{} // something arrived or the stream ended; capacity 1
	space chan struct{} // something was taken; capacity 1
	done  chan struct{} // the session is over

	cur    []byte // the consumer's own
	skipLF bool   // the last byte was CR: an LF or NUL belongs to it (only line uses it)

	mu        sync.Mutex
	buf       []byte
	err       error
	since     time.Time // when the running command began; zero at the prompt
	interrupt context.CancelFunc
	held      bool // Ctrl-C is an answer to a question just now
}

func newInput() *input {
	return &input{ready: make(chan struct{}, 1), space: make(chan struct{}, 1), done: make(chan struct{})}
}

// pump reads r until it ends or fails, or the session is over and the read
// returns.
func (in *input) pump(r io.Reader) {
	chunk := make([]byte, 4096)
	for {
		n, err := r.Read(chunk)
		if !in.push(chunk[:n], err) {
			return
		}
	}
}

// push adds what was read and waits until there is room for more. It returns
// false when no more is to be read.
func (in *input) push(p []byte, err error) bool {
	in.mu.Lock()
	in.buf = append(in.buf, p...)
	in.err = err
	in.stopRunning()
	full := len(in.buf) >= maxTypeAhead
	in.mu.Unlock()
	poke(in.ready)
	for full && err == nil {
		select {
		case <-in.space:
		case <-in.done:
			return false
		}
		in.mu.Lock()
		full = len(in.buf) >= maxTypeAhead
		in.mu.Unlock()
	}
	return err == nil
}

// stopRunning carries out a Ctrl-C for a command that has run for a while: it
// and all that was typed before it are gone. The lock is held.
func (in *input) stopRunning() {
	if in.interrupt == nil || in.held || time.Since(in.since) < interruptAfter {
		return
	}
	if i := bytes.LastIndexByte(in.buf, 0x03); i >= 0 {
		in.buf = in.buf[i+1:]
		in.interrupt()
	}
}

// running tells that a command is being executed, which cancel stops; nil says
// that it is over.
func (in *input) running(cancel context.CancelFunc) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.interrupt = cancel
	if cancel != nil {
		in.since = time.Now()
	}
}

// hold says whether Ctrl-C answers a question rather than stops the command.
func (in *input) hold(on bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.held = on
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fetch takes over what has arrived, without waiting.
func (in *input) fetch() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.buf) > 0 {
		in.cur, in.buf = append(in.cur, in.buf...), in.buf[:0]
		poke(in.space)
		return nil
	}
	return in.err
}

// wait returns when there is at least one byte in cur. Its errors are the
// reader's, [ErrIdle] after idle (0 = never) and that of ctx.
func (in *input) wait(ctx context.Context, idle time.Duration) error {
	_, err := in.waitOr(ctx, idle, nil)
	return err
}

// waitOr is wait, and returns true with nothing in cur when there are news before
// a byte.
func (in *input) waitOr(ctx context.Context, idle time.Duration, news <-chan struct{}) (told bool, err error) {
	var late <-chan time.Time
	for len(in.cur) == 0 {
		if err := in.fetch(); err != nil {
			return false, err
		}
		if len(in.cur) > 0 {
			return false, nil
		}
		if idle > 0 && late == nil {
			timer := time.NewTimer(idle)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-in.ready:
		case <-news:
			return true, nil
		case <-late:
			return false, ErrIdle
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return false, nil
}

// take is the next byte; there must be one in cur.
func (in *input) take() byte {
	b := in.cur[0]
	in.cur = in.cur[1:]
	return b
}

// empty tells whether nothing waits to be read right now.
func (in *input) empty() bool {
	if len(in.cur) > 0 {
		return false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.buf) == 0
}

// lines counts the lines with something in them that are already here whole.
func (in *input) lines() int {
	_ = in.fetch() // an error shows up when waiting
	n := 0
	rest := in.cur
	for {
		i := bytes.IndexAny(rest, "\r\n")
		if i < 0 {
			return n
		}
		if len(bytes.TrimSpace(rest[:i])) > 0 {
			n++
		}
		rest = rest[i+1:]
	}
}
