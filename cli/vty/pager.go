package vty

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"time"
	"unicode/utf8"
)

// ErrQuit is what writing a command's output returns once the reader has
// answered ` --More-- ` with q or Ctrl-C.
var ErrQuit = errors.New("vty: the reader has seen enough")

// more is Quagga's, and so is the way in which it is rubbed out.
const (
	more      = " --More-- "
	moreErase = "\b\b\b\b\b\b\b\b\b\b          \b\b\b\b\b\b\b\b\b\b"
)

// pager is the output of one command on a terminal: it makes line ends of
// "\n", cleans what would drive the terminal, and stops at full pages. Used by
// one goroutine at a time.
type pager struct {
	ctx  context.Context
	w    *bufio.Writer
	in   *input
	term *Terminal
	keys *decoder
	idle time.Duration

	held  string // echo to be shown before the first output (see Outcome.Hush)
	left  int    // rows until the page is full; below 0: no paging
	col   int
	cols  int
	tail  []byte // an unfinished UTF-8 character
	clean []byte // scratch
	err   error
}

// start makes ready for a command whose line has just been ended: that line
// end is the first row of the first page.
func (p *pager) start(held string) {
	p.held, p.err, p.col, p.tail = held, nil, 0, p.tail[:0]
	p.page(1)
}

// page begins a page of which used rows are taken already.
func (p *pager) page(used int) {
	rows := p.term.Rows()
	p.cols = p.term.Columns()
	p.left = -1
	if rows > 0 {
		p.left = max(rows-1-used, 1)
	}
}

// Write prints b. See [Interpreter].
func (p *pager) Write(b []byte) (int, error) {
	n := len(b)
	if p.err == nil {
		p.release()
		if len(p.tail) > 0 {
			b = append(p.tail, b...)
		}
		var used int
		p.clean, used = appendClean(p.clean[:0], b, false)
		p.tail = append([]byte(nil), b[used:]...)
		p.put(p.clean)
	}
	if p.err == nil && p.in.empty() {
		p.err = p.w.Flush()
	}
	if p.err != nil {
		return 0, p.err
	}
	return n, nil
}

// release shows an echo that was held back.
func (p *pager) release() {
	if p.held != "" {
		_, _ = p.w.WriteString(p.held)
		p.held = ""
	}
}

// put writes clean text, counting rows.
func (p *pager) put(b []byte) {
	for len(b) > 0 && p.err == nil {
		if p.left == 0 && !p.more() {
			return
		}
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.text(b)
			return
		}
		p.text(b[:i])
		if p.err != nil {
			return
		}
		_, _ = p.w.WriteString("\r\n")
		p.col = 0
		p.left--
		b = b[i+1:]
	}
}

// text writes part of one line, counting the rows that it wraps into.
func (p *pager) text(b []byte) {
	if p.left < 0 || p.cols == 0 {
		_, _ = p.w.Write(b)
		p.col += len(b) // only whether it is 0 matters then
		return
	}
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if w := cells(r); p.col+w > p.cols {
			p.col = 0
			p.left--
			if p.left == 0 && !p.more() {
				return
			}
		}
		p.col += cells(r)
		_, _ = p.w.Write(b[:n])
		b = b[n:]
	}
}

// more stops at a full page. It returns false when the output is to end. Lines
// that are waiting already were typed or pasted ahead: they are not answers,
// so the rest is printed without stopping.
func (p *pager) more() bool {
	if p.in.lines() > 0 {
		p.left = -1
		return true
	}
	_, _ = p.w.WriteString(more)
	if p.err = p.w.Flush(); p.err != nil {
		return false
	}
	p.in.hold(true)
	quit, err := p.answer()
	p.in.hold(false)
	if err != nil {
		p.err = err
		return false
	}
	_, _ = p.w.WriteString(moreErase)
	if quit {
		p.err = ErrQuit
		return false
	}
	if p.left == 0 {
		p.page(0)
	}
	return true
}

// answer reads what is typed at ` --More-- `. All that arrives together is one
// key, as in Quagga, up to a q or Ctrl-C; only a paste of several lines is not
// an answer and is kept.
func (p *pager) answer() (quit bool, err error) {
	for answered := false; !answered; {
		if err := p.in.wait(p.ctx, p.idle); err != nil {
			return false, err
		}
		if p.in.lines() > 1 {
			p.left = -1
			return false, nil
		}
		for len(p.in.cur) > 0 {
			b := p.in.take()
			if p.keys.belongsToCR(b) {
				continue
			}
			answered = true
			p.keys.afterCR = b == '\r'
			if b == 'q' || b == 'Q' || b == 0x03 {
				return true, nil
			}
		}
	}
	return false, nil
}

// finish ends the output: the prompt that follows begins a row, except after
// q, where it takes the place of ` --More-- `.
func (p *pager) finish() {
	if p.err == nil && len(p.tail) > 0 {
		p.clean, _ = appendClean(p.clean[:0], p.tail, true)
		p.put(p.clean)
	}
	if p.err == nil && p.col > 0 {
		_, _ = p.w.WriteString("\r\n")
	}
}
