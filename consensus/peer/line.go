package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var errStale = errors.New("the connection had ended") // before a call was sent on it

// lineKey is whom a line reaches.
type lineKey struct{ addr, serverID string }

// line is the one connection over which this node calls a member. All calls
// share it; it is dialed when first needed.
type line struct {
	ready chan struct{} // closed when dialed
	err   error         // why it could not be dialed; read after ready
	w     *wire         // set when ready without err
	nudge chan struct{} // a call has begun

	mu      sync.Mutex
	ended   bool
	next    uint64
	pending map[uint64]chan answer
	used    time.Time

	partials partials // of the reading goroutine
}

type answer struct {
	body []byte
	err  error
}

// line finds the line to a member or begins to dial one (fresh). nil when the
// port is closed.
func (p *Port) line(key lineKey) (l *line, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false
	}
	if l := p.lines[key]; l != nil {
		return l, false
	}
	l = &line{ready: make(chan struct{}), nudge: make(chan struct{}, 1), pending: map[uint64]chan answer{}, used: time.Now()}
	p.lines[key] = l
	p.wg.Go(func() { p.runLine(key, l) })
	return l, true
}

// runLine dials and then reads answers until the connection ends. The dial
// has its own time limit: several calls may wait for it.
func (p *Port) runLine(key lineKey, l *line) {
	c, err := p.dial(p.ctx, key.addr, key.serverID, channelCall)
	if err != nil {
		p.dropLine(key, l)
		l.err = err
		close(l.ready)
		return
	}
	l.run(newWire(c, p.rhythm), func() { p.dropLine(key, l) })
}

// run uses w until it ends and returns when the line's goroutines have. drop
// is called before the waiting calls hear of the end.
func (l *line) run(w *wire, drop func()) {
	l.w = w
	close(l.ready)
	var helpers sync.WaitGroup
	helpers.Go(w.write)
	helpers.Go(l.keep)
	w.read(l.take)
	drop()
	l.end(w.err)
	helpers.Wait()
}

func (p *Port) dropLine(key lineKey, l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lines[key] == l {
		delete(p.lines, key)
	}
}

func (l *line) call(ctx context.Context, kind string, body []byte) ([]byte, error) {
	id, got, err := l.begin()
	if err != nil {
		return nil, err
	}
	defer l.finish(id)
	req := request{kind: kind, body: body}
	if deadline, ok := ctx.Deadline(); ok {
		req.wait = max(time.Until(deadline), time.Millisecond)
	}
	complete, err := l.w.send(ctx, frameRequest, id, req.encode())
	if !complete {
		if ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %w", errStale, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	select {
	case a := <-got:
		return a.body, a.err
	case <-ctx.Done():
		l.w.cancel(id)
		return nil, fmt.Errorf("%w: %w", ErrLost, ctx.Err())
	}
}

func (l *line) begin() (uint64, chan answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return 0, nil, errStale
	}
	l.next++
	got := make(chan answer, 1)
	l.pending[l.next] = got
	select {
	case l.nudge <- struct{}{}:
	default:
	}
	return l.next, got, nil
}

func (l *line) finish(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, id)
	l.used = time.Now()
}

// take hands a frame to the call that waits for it. Answers to calls that
// have stopped waiting are dropped.
func (l *line) take(f frame) error {
	switch f.kind {
	case framePong:
		return nil
	case frameReply, frameError:
	default:
		return errFrame
	}
	message, whole, err := l.partials.add(f)
	if err != nil || !whole {
		return err
	}
	a := answer{body: message}
	if f.kind == frameError {
		remote, err := decodeError(message)
		if err != nil {
			return err
		}
		a = answer{err: remote}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if got, ok := l.pending[f.id]; ok {
		got <- a
		delete(l.pending, f.id)
	}
	return nil
}

// end fails what is pending.
func (l *line) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for id, got := range l.pending {
		got <- answer{err: fmt.Errorf("%w: %w", ErrLost, err)}
		delete(l.pending, id)
	}
}

// busy says whether a call waits, and whether the line has been idle for so
// long that it ends now.
func (l *line) busy(idle time.Duration) (busy, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy = len(l.pending) > 0
	if !busy && time.Since(l.used) >= idle {
		l.ended = true
	}
	return busy, l.ended
}
