package peer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// Handler answers one kind of call. from is who the caller proved to be; body
// is the handler's to keep. ctx ends when the caller stops waiting, the
// connection breaks or the port closes, and the handler must then return.
// Handlers run concurrently.
type Handler func(ctx context.Context, from Identity, body []byte) ([]byte, error)

// Handle sets the handler of a kind of call; nil takes it out.
func (p *Port) Handle(kind string, h Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h == nil {
		delete(p.handlers, kind)
		return
	}
	p.handlers[kind] = h
}

// server is the accepting side of one connection for calls.
type server struct {
	port     *Port
	from     Identity
	w        *wire
	partials partials

	mu   sync.Mutex
	open map[uint64]context.CancelFunc
}

// serveCalls runs until the connection ends.
func (p *Port) serveCalls(c *conn) {
	s := &server{port: p, from: c.from, w: newWire(c, p.rhythm), open: map[uint64]context.CancelFunc{}}
	s.w.orphan = p.rhythm.orphan
	s.run()
}

func (s *server) run() {
	var writer sync.WaitGroup
	writer.Go(s.w.write)
	s.w.read(s.take)
	s.cancelAll()
	writer.Wait()
}

func (s *server) take(f frame) error {
	switch f.kind {
	case framePing:
		s.w.urge(framePong)
		return nil
	case frameCancel:
		s.partials.drop(partialKey{frameRequest, f.id})
		s.cancel(f.id)
		return nil
	case frameRequest:
	default:
		return errFrame
	}
	message, whole, err := s.partials.add(f)
	if err != nil || !whole {
		return err
	}
	req, err := decodeRequest(message)
	if err != nil {
		return err
	}
	return s.start(f.id, req)
}

// start runs the handler on its own goroutine.
func (s *server) start(id uint64, req request) error {
	ctx, ok, err := s.openCall(id, req.wait)
	if err != nil {
		return err
	}
	if !ok {
		busy := encodeError(&RemoteError{CodeBusy, "the member handles too many calls at once"})
		_, err := s.w.send(context.Background(), frameError, id, busy)
		return err
	}
	handler, ok := s.port.handler(req.kind)
	if !ok {
		handler = unknownKind(req.kind)
	}
	run := func() {
		defer s.cancel(id)
		s.answer(ctx, id, req, handler)
	}
	if !s.port.handle(run) {
		s.cancel(id)
		return ErrClosed
	}
	return nil
}

// openCall makes the context of a call; ok is false when too many are open.
// An id that is open already is a breach of protocol.
func (s *server) openCall(id uint64, wait time.Duration) (ctx context.Context, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.open[id]; twice {
		return nil, false, errFrame
	}
	if len(s.open) >= maxOpen {
		return nil, false, nil
	}
	if wait > 0 {
		ctx, s.open[id] = context.WithTimeout(s.port.ctx, wait)
	} else {
		ctx, s.open[id] = context.WithCancel(s.port.ctx)
	}
	return ctx, true, nil
}

// answer calls the handler and sends what it returns.
func (s *server) answer(ctx context.Context, id uint64, req request, h Handler) {
	body, err := s.guarded(ctx, req, h)
	if err == nil && len(body) > MaxBody {
		err = &RemoteError{CodeTooLarge, fmt.Sprintf("the answer to %q is larger than %d MiB", req.kind, MaxBody>>20)}
	}
	if s.isCancelled(id) {
		return
	}
	if err != nil && ctx.Err() != nil {
		// The caller has stopped waiting or this port is closing. An error that
		// only says so must not look like a refusal: the outcome is unknown.
		return
	}
	// Once begun, an answer is sent whole, so it does not follow ctx; the end
	// of the wire ends it.
	if err != nil {
		_, _ = s.w.send(context.Background(), frameError, id, encodeError(asRemote(err)))
		return
	}
	_, _ = s.w.send(context.Background(), frameReply, id, body)
}

// guarded keeps a panic in a handler from ending the process, and with it
// every BGP session, because of something that another member sent.
func (s *server) guarded(ctx context.Context, req request, h Handler) (body []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.port.log.Error("handler of a member's call panicked", "kind", req.kind, "from", s.from.ServerID(),
				"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			s.port.opt.Alarms.Raise(alarm.DaemonFault, "call "+req.kind, fmt.Sprintf("the handler panicked: %v", r))
			body, err = nil, &RemoteError{CodeFault, "the member failed to handle the call; its log has the details"}
		}
	}()
	return h(ctx, s.from, req.body)
}

// cancel ends a call's context; it does nothing for one that is over.
func (s *server) cancel(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, ok := s.open[id]; ok {
		end()
		delete(s.open, id)
	}
}

func (s *server) isCancelled(id uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, open := s.open[id]
	return !open
}

func (s *server) cancelAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, end := range s.open {
		end()
		delete(s.open, id)
	}
}

func (p *Port) handler(kind string) (Handler, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.handlers[kind]
	return h, ok
}

// handle runs a handler that Close waits for, for a while; false when closed.
func (p *Port) handle(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.handling.Go(f)
	return true
}

func (p *Port) awaitHandlers(limit time.Duration) {
	over := make(chan struct{})
	go func() { p.handling.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(limit):
		p.log.Warn("handlers of members' calls still run after the cluster port was closed")
	}
}

func unknownKind(kind string) Handler {
	return func(context.Context, Identity, []byte) ([]byte, error) {
		return nil, &RemoteError{CodeUnknownKind, fmt.Sprintf("this member does not know calls of kind %q: upgrade it", tame(kind, maxWord))}
	}
}

func asRemote(err error) *RemoteError {
	var r *RemoteError
	if errors.As(err, &r) {
		return r
	}
	return &RemoteError{CodeError, err.Error()}
}

// encodeError is the code's length (1), the code, the text; at most one frame.
func encodeError(e *RemoteError) []byte {
	code, text := e.Code, e.Text
	code = code[:min(len(code), maxWord)]
	text = text[:min(len(text), chunkSize-maxWord-1)]
	b := append([]byte{byte(len(code))}, code...)
	return append(b, text...)
}

func decodeError(b []byte) (*RemoteError, error) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return nil, errFrame
	}
	n := 1 + int(b[0])
	return &RemoteError{Code: string(b[1:n]), Text: string(b[n:])}, nil
}
