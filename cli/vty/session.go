package vty

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// MaxLine is the longest line, in bytes, that is taken. A longer one is
// refused and dropped up to its end.
const MaxLine = 16 << 10

// TimedOut is what Quagga prints when a session has been idle for too long.
const TimedOut = "Vty connection is timed out."

// Session is one interactive session on a terminal.
type Session struct {
	In       io.Reader
	Out      io.Writer // gets CRLF line ends
	Shell    Interpreter
	Term     *Terminal     // must not be nil
	Idle     time.Duration // without a key; 0 = for ever
	Greeting string        // printed first, lines ended by "\n"
}

// Run serves the session until it ends: nil after `exit` and at the end of the
// input, else [ErrIdle] or the error of ctx, In or Out. A goroutine may still
// be waiting in In.Read then; the caller closes In to end it.
func (s *Session) Run(ctx context.Context) error {
	in := newInput()
	defer close(in.done)
	defer close(s.Term.ended)
	go in.pump(s.In)
	w := bufio.NewWriterSize(s.Out, 4096)
	r := &run{
		Session: s, ctx: ctx, in: in, w: w,
		ed:   editor{w: w},
		page: pager{ctx: ctx, w: w, in: in, term: s.Term, idle: s.Idle},
	}
	r.page.keys = &r.keys
	if f, ok := s.Shell.(Foreseer); ok {
		f.Foresee(func() []string { return in.ahead(r.keys.afterCR, plainKeys(r.keys.paste)) })
	}
	err := r.loop()
	if last := lastWords(ctx, err); last != "" {
		_, _ = fmt.Fprintf(w, "\r\n%s\r\n", last)
	}
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// lastWords is what the user is told when the session ends from outside: that
// it was idle, or the cause that ctx was cancelled with.
func lastWords(ctx context.Context, err error) string {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(err, ErrIdle):
		return TimedOut
	case cause == nil, errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded):
		return ""
	}
	return "% " + printable(cause.Error()) + "."
}

// run is a session that is going on.
type run struct {
	*Session
	ctx  context.Context
	in   *input
	w    *bufio.Writer
	keys decoder
	ed   editor
	page pager

	size    int  // bytes of the line
	tooLong bool // the line is being dropped
	hush    bool // the next line may be a secret
	closed  bool
	hist    browser
	search  *search
}

func (r *run) loop() error {
	for line := range strings.Lines(r.Greeting) {
		_, _ = r.w.WriteString(printable(strings.TrimRight(line, "\r\n")) + "\r\n")
	}
	r.prompt()
	for !r.closed {
		if r.in.empty() {
			if err := r.w.Flush(); err != nil {
				return err
			}
		}
		if err := r.key(); err != nil {
			return err
		}
		if r.hush && len(r.ed.line) == 0 {
			r.ed.mute = r.in.lines() > 0
		}
		first, second := r.keys.next(r.in.take())
		r.press(first)
		if second.kind != keyNone && !r.closed {
			r.press(second)
		}
		if r.page.err != nil && !errors.Is(r.page.err, ErrQuit) {
			return r.page.err
		}
	}
	return nil
}

// prompt starts a new line.
func (r *run) prompt() {
	r.size, r.tooLong, r.search = 0, false, nil
	r.hist.reset()
	r.ed.mute = false
	r.ed.begin(r.Shell.Prompt(), r.Term.Columns())
}

// press does what one key means.
func (r *run) press(k key) {
	if k.kind == keyNone {
		return
	}
	r.ed.resize(r.Term.Columns())
	if r.tooLong && k.kind != keyEnter && k.kind != keyInterrupt {
		return
	}
	if r.search != nil && !r.searching(k) {
		return
	}
	if r.ed.mute && k.kind != keyEnter && k.kind != keyText {
		r.unmute()
	}
	switch k.kind {
	case keyText:
		r.text(k)
	case keyEnter:
		r.enter()
	case keyHelp:
		r.describe()
	case keyTab:
		r.complete()
	case keyOlder, keyNewer:
		r.browse(k.kind == keyOlder)
	case keySearch:
		r.startSearch()
	case keyRedraw:
		r.ed.newline()
		r.ed.resume(r.Shell.Prompt(), r.Term.Columns())
	case keyInterrupt:
		r.ed.newline()
		r.Shell.Interrupt()
		r.prompt()
	case keyStop:
		r.ed.newline()
		r.Shell.End()
		r.prompt()
	case keyCtrlD:
		r.ctrlD()
	default:
		r.ed.edit(k)
	}
}

// unmute shows a line after all that was taken for a secret.
func (r *run) unmute() {
	r.ed.mute = false
	_, _ = r.w.WriteString(string(r.ed.line))
}

// text adds a character, or gives the line up when it has become too long.
func (r *run) text(k key) {
	if r.size += len(string(k.r)); r.size > MaxLine {
		// Deleted characters count too, until somebody comes near the limit.
		if r.size = len(string(r.ed.line)); r.size >= MaxLine {
			r.tooLong = true
			return
		}
	}
	r.ed.insert(k.r)
}

// ctrlD deletes a character, and on an empty line leaves the mode as `exit`.
func (r *run) ctrlD() {
	if len(r.ed.line) > 0 {
		r.ed.edit(key{kind: keyDelete})
		return
	}
	r.ed.newline()
	r.execute("exit", "")
	if r.closed {
		r.ed.begin(r.Shell.Prompt(), r.Term.Columns()) // as Quagga does
		return
	}
	r.prompt()
}

// enter executes the line.
func (r *run) enter() {
	if r.tooLong {
		r.ed.mute = false
		r.ed.newline()
		_, _ = fmt.Fprintf(r.w, "%% Line too long: at most %d bytes are taken; nothing was done.\r\n", MaxLine)
		r.prompt()
		return
	}
	line, held := string(r.ed.line), ""
	if r.ed.mute {
		held, r.ed.mute = line+"\r\n", false
	} else {
		r.ed.newline()
	}
	if strings.TrimSpace(line) == "" {
		if held != "" {
			_, _ = r.w.WriteString("\r\n")
		}
		r.prompt()
		return
	}
	if out := r.execute(line, held); !out.Forget {
		r.Term.remember(line)
	}
	if !r.closed {
		r.prompt()
	}
}

// execute runs one line. held is its echo when that has not been shown.
func (r *run) execute(line, held string) Outcome {
	if held == "" {
		if err := r.w.Flush(); err != nil {
			r.page.err = err
			return Outcome{Forget: true}
		}
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	r.page.start(held)
	r.in.running(cancel)
	out := r.Shell.Execute(ctx, line, &r.page)
	r.in.running(nil)
	if out.Forget && r.page.held != "" {
		r.page.held = "\r\n" // Enter shows, the secret does not
	}
	r.page.release()
	r.page.finish()
	r.hush = out.Hush
	r.closed = out.Close
	return out
}
