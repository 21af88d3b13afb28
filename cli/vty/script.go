package vty

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// errTooLong is a piped line beyond MaxLine.
var errTooLong = errors.New("vty: line too long")

// plain is the output of a command where there is no terminal: "\n" line ends,
// no paging, the same cleaning.
type plain struct {
	w     *bufio.Writer
	crlf  bool
	held  string
	tail  []byte
	clean []byte
	open  bool // the last line has no end yet
	err   error
}

// Write prints b.
func (p *plain) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	p.release()
	n := len(b)
	if len(p.tail) > 0 {
		b = append(p.tail, b...)
	}
	var used int
	p.clean, used = appendClean(p.clean[:0], b, false)
	p.tail = append([]byte(nil), b[used:]...)
	p.put()
	if p.err != nil {
		return 0, p.err
	}
	return n, nil
}

// put writes what has been cleaned.
func (p *plain) put() {
	if len(p.clean) == 0 {
		return
	}
	p.open = p.clean[len(p.clean)-1] != '\n'
	if p.crlf {
		p.clean = bytes.ReplaceAll(p.clean, []byte("\n"), []byte("\r\n"))
	}
	_, p.err = p.w.Write(p.clean)
}

// release shows an echo that was held back.
func (p *plain) release() {
	if p.held != "" {
		p.line(p.held)
		p.held = ""
	}
}

// line prints a line of our own.
func (p *plain) line(s string) {
	end := "\n"
	if p.crlf {
		end = "\r\n"
	}
	_, p.err = p.w.WriteString(s + end)
}

// finish ends the output of one command.
func (p *plain) finish() {
	if len(p.tail) > 0 {
		p.clean, _ = appendClean(p.clean[:0], p.tail, true)
		p.tail = p.tail[:0]
		p.put()
	}
	if p.open {
		p.open = false
		p.line("")
	}
}

// RunScript executes the lines of `ssh host "line; line"` (see [SplitScript])
// and stops at the first that is not accepted. There is no banner, no prompt
// and no echo. crlf is for a client that asked for a terminal all the same. It
// returns the exit status.
func RunScript(ctx context.Context, script string, out io.Writer, shell Interpreter, crlf bool) int {
	p := &plain{w: bufio.NewWriter(out), crlf: crlf}
	defer func() { _ = p.w.Flush() }() // a client that has gone needs no answer
	for _, line := range SplitScript(script) {
		if ctx.Err() != nil {
			return int(NotConfirmed)
		}
		o := p.run(ctx, line, shell)
		if o.Status != OK || o.Close || p.err != nil {
			return o.ExitStatus()
		}
	}
	return int(OK)
}

// run executes one line.
func (p *plain) run(ctx context.Context, line string, shell Interpreter) Outcome {
	if len(line) > MaxLine {
		p.line(tooLong)
		return Outcome{Status: Refused}
	}
	o := shell.Execute(ctx, line, p)
	if !o.Forget {
		p.release()
	}
	p.held = ""
	p.finish()
	return o
}

var tooLong = fmt.Sprintf("%% Line too long: at most %d bytes are taken; nothing was done.", MaxLine)

// RunLines executes piped input line by line. Prompt and line are echoed, it
// goes on after errors, and a last line needs no line end. It returns the exit
// status of the worst line, and [ErrIdle] when nothing came for idle (0 = for
// ever). in may still be read when it returns; the caller closes it.
func RunLines(ctx context.Context, in io.Reader, out io.Writer, shell Interpreter, idle time.Duration) (int, error) {
	src := newInput()
	defer close(src.done)
	go src.pump(in)
	if f, ok := shell.(Foreseer); ok {
		f.Foresee(func() []string { return src.ahead(src.skipLF, func([]byte) bool { return true }) })
	}
	p := &plain{w: bufio.NewWriter(out)}
	worst, hush := OK, false
	for {
		if src.empty() {
			if err := p.w.Flush(); err != nil {
				return int(worst), err
			}
		}
		line, err := src.line(ctx, idle)
		if err != nil && !errors.Is(err, errTooLong) {
			if last := lastWords(ctx, err); last != "" {
				p.line(last)
			}
			if ferr := p.w.Flush(); errors.Is(err, io.EOF) {
				err = ferr
			}
			return int(worst), err
		}
		o := p.echoed(ctx, line, err, hush, shell)
		worst, hush = max(worst, o.Status), o.Hush
		if o.Close || p.err != nil {
			return int(worst), errors.Join(p.err, p.w.Flush())
		}
	}
}

// echoed echoes prompt and line and executes the line.
func (p *plain) echoed(ctx context.Context, line string, tooLongErr error, hush bool, shell Interpreter) Outcome {
	echo := printable(shell.Prompt() + line)
	switch {
	case tooLongErr != nil:
		p.line(echo)
		p.line(tooLong)
		return Outcome{Status: Refused}
	case strings.TrimSpace(line) == "":
		p.line(echo)
		return Outcome{Hush: hush}
	case hush:
		p.held = echo
	default:
		p.line(echo)
	}
	return p.run(ctx, line, shell)
}

// line reads one line, ended by LF, CR, CR LF or the end of the input. Of one
// that is too long it returns the beginning and errTooLong.
func (in *input) line(ctx context.Context, idle time.Duration) (string, error) {
	var line []byte
	long := false
	for {
		err := in.wait(ctx, idle)
		if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
			return "", err
		}
		end := err != nil
		for len(in.cur) > 0 && !end {
			b := in.take()
			switch {
			case in.skipLF && (b == '\n' || b == 0):
				in.skipLF = false
				continue
			case b == '\r' || b == '\n':
				end = true
			case len(line) < MaxLine:
				line = append(line, b)
			default:
				long = true
			}
			in.skipLF = b == '\r'
		}
		switch {
		case end && long:
			return string(line[:64]), errTooLong
		case end:
			return string(line), nil
		}
	}
}
