package peer

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// rhythm is how fast silence is noticed.
type rhythm struct {
	silence  time.Duration // without an octet from the other side the connection is dead
	ping     time.Duration // between pings while a call waits
	idlePing time.Duration // between pings while none does
	idle     time.Duration // a connection without calls is closed after this
	orphan   time.Duration // an accepting side closes when nothing came for this long
}

var defaultRhythm = rhythm{
	silence: 2 * time.Second, ping: 400 * time.Millisecond, idlePing: 5 * time.Second,
	idle: 5 * time.Minute, orphan: 15 * time.Second,
}

var (
	errSilent = errors.New("the other side has gone silent")
	errIdle   = errors.New("not used for a while")
)

// wire sends and receives frames over one connection, for either side of the
// calls. One goroutine writes; whoever made the wire runs read.
type wire struct {
	conn   net.Conn
	rhythm rhythm
	out    chan frame
	big    chan struct{} // holds a token per message of several frames
	done   chan struct{}
	orphan time.Duration // a read that takes longer ends the wire; 0 = none does
	heard  atomic.Uint64 // reads that brought octets

	mu      sync.Mutex
	urgent  []frameKind   // ping and pong that are due; each at most once
	cancels []uint64      // messages that nobody waits for any more, not yet said
	wake    chan struct{} // there is something of these

	once sync.Once
	err  error // why it ended; read after done
}

func newWire(c net.Conn, r rhythm) *wire {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		if tcp, ok := t.NetConn().(*net.TCPConn); ok {
			// What lies in the kernel's buffer delays a ping behind it: this
			// much must pass in less than silence.
			_ = tcp.SetWriteBuffer(64 << 10)
		}
	}
	return &wire{
		conn: c, rhythm: r, done: make(chan struct{}),
		out: make(chan frame, 8), big: make(chan struct{}, bigAtOnce), wake: make(chan struct{}, 1),
	}
}

// fail ends the wire; the first reason stays.
func (w *wire) fail(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
		_ = w.conn.Close()
	})
}

// Read notes that the other side lives.
func (w *wire) Read(b []byte) (int, error) {
	if w.orphan > 0 {
		if err := w.conn.SetReadDeadline(time.Now().Add(w.orphan)); err != nil {
			return 0, err
		}
	}
	n, err := w.conn.Read(b)
	if n > 0 {
		w.heard.Add(1)
	}
	return n, err
}

// read hands every frame to take until the connection breaks or take fails.
func (w *wire) read(take func(frame) error) {
	r := bufio.NewReaderSize(w, 2*chunkSize)
	for {
		f, err := readFrame(r)
		if err == nil {
			err = take(f)
		}
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// write sends what comes through out until the wire ends, and what is urgent
// before it. It flushes when nothing more is waiting, so that a burst shares
// packets.
func (w *wire) write() {
	b := bufio.NewWriterSize(deadlineWriter{w}, 2*chunkSize)
	var scratch []byte
	for {
		select {
		case <-w.wake:
			scratch = w.appendUrgent(scratch[:0])
		default:
			select {
			case <-w.done:
				return
			case <-w.wake:
				scratch = w.appendUrgent(scratch[:0])
			case f := <-w.out:
				scratch = f.append(scratch[:0])
			}
		}
		_, err := b.Write(scratch)
		if err == nil && len(w.out) == 0 {
			err = b.Flush()
		}
		if err != nil {
			w.fail(err)
			return
		}
	}
}

// appendUrgent adds the frames that pass those in out.
func (w *wire) appendUrgent(b []byte) []byte {
	w.mu.Lock()
	kinds, ids := w.urgent, w.cancels
	w.urgent, w.cancels = nil, nil
	w.mu.Unlock()
	for _, k := range kinds {
		b = frame{kind: k}.append(b)
	}
	if len(ids) == 0 {
		return b
	}
	// Frames of the cancelled messages may still be queued, and must go first.
	for range len(w.out) {
		b = (<-w.out).append(b)
	}
	for _, id := range ids {
		b = frame{kind: frameCancel, id: id}.append(b)
	}
	return b
}

// deadlineWriter gives every write the time after which a side that takes
// nothing counts as silent.
type deadlineWriter struct{ w *wire }

func (d deadlineWriter) Write(b []byte) (int, error) {
	if err := d.w.conn.SetWriteDeadline(time.Now().Add(d.w.rhythm.silence)); err != nil {
		return 0, err
	}
	return d.w.conn.Write(b)
}

// send queues a message. complete is true when its last frame is queued: from
// then on the other side may act on it.
func (w *wire) send(ctx context.Context, kind frameKind, id uint64, message []byte) (complete bool, err error) {
	frames := split(kind, id, message)
	if len(frames) > 1 {
		select {
		case w.big <- struct{}{}:
			defer func() { <-w.big }()
		case <-ctx.Done():
			return false, ctx.Err()
		case <-w.done:
			return false, w.err
		}
	}
	for i, f := range frames {
		if err := w.put(ctx, f); err != nil {
			if i > 0 && kind == frameRequest {
				w.cancel(id)
			}
			return false, err
		}
	}
	return true, nil
}

func (w *wire) put(ctx context.Context, f frame) error {
	if ctx.Err() != nil { // select would choose at random
		return ctx.Err()
	}
	select {
	case w.out <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.done:
		return w.err
	}
}

// cancel tells the other side that nobody waits for id any more. It never
// waits for room.
func (w *wire) cancel(id uint64) {
	w.mu.Lock()
	w.cancels = append(w.cancels, id)
	w.mu.Unlock()
	w.rouse()
}

// urge sends a ping or a pong ahead of everything in the queue, so that a long
// message on its way does not look like silence. It never waits for room.
func (w *wire) urge(kind frameKind) {
	w.mu.Lock()
	if !slices.Contains(w.urgent, kind) {
		w.urgent = append(w.urgent, kind)
	}
	w.mu.Unlock()
	w.rouse()
}

func (w *wire) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
