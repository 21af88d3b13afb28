package peer

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// Answers to calls that are over, twice over or never made are dropped.
func TestStrayAnswersAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		go func() {
			for f := (frame{}); f.kind != frameRequest; { // pings go before it
				var err error
				if f, err = readFrame(far); err != nil {
					return
				}
			}
			for _, id := range []uint64{99, 1, 1, 1} {
				_, _ = far.Write(frame{kind: frameReply, id: id, payload: []byte("x")}.append(nil))
			}
		}()
		got, err := l.call(t.Context(), "echo", nil)
		if err != nil || string(got) != "x" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// A large message does not hold up a small one that comes after it.
func TestSmallMessagePassesALargeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		var small, large int
		reader, goOn := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(reader)
			for n := 1; ; n++ {
				f, err := readFrame(far)
				if err != nil {
					return
				}
				if n == 20 {
					<-goOn // the large one is under way, the small one comes
				}
				if f.kind != frameRequest || f.more {
					continue
				}
				if f.id == 1 {
					large = n
				} else {
					small = n
				}
				if small > 0 && large > 0 {
					return
				}
			}
		}()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = l.call(ctx, "echo", make([]byte, 8<<20)) }()
		synctest.Wait()
		go func() { _, _ = l.call(ctx, "echo", []byte("x")) }()
		synctest.Wait()
		close(goOn)
		<-reader
		if small > 40 {
			t.Fatalf("the small one came as frame %d, the large one ended with frame %d", small, large)
		}
	})
}

// Few large messages are under way at once: what the other side must keep of
// unfinished ones stays below what it accepts.
func TestFewLargeMessagesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const calls = 20
		for range calls {
			go func() { _, _ = l.call(ctx, "echo", make([]byte, 20*chunkSize)) }()
		}
		var p partials
		for whole := 0; whole < calls; {
			f, err := readFrame(far)
			must(t, err)
			if f.kind != frameRequest {
				continue
			}
			_, done, err := p.add(f)
			must(t, err)
			if done {
				whole++
			}
			if len(p.parts) > bigAtOnce {
				t.Fatalf("%d messages are unfinished", len(p.parts))
			}
		}
	})
}

// A message that is given up half way leaves nothing behind at the other side,
// also when frames of it were queued when it was.
func TestGivenUpMessageIsForgotten(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			l, far := pipeLine(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			gaveUp := make(chan error, 1)
			go func() {
				_, err := l.call(ctx, "echo", make([]byte, 1<<20))
				gaveUp <- err
			}()
			s := &server{open: map[uint64]context.CancelFunc{}}
			must(t, far.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
			for n, cancels := 0, 0; ; n++ {
				f, err := readFrame(far)
				if errors.Is(err, os.ErrDeadlineExceeded) && cancels == 1 {
					break
				}
				must(t, err)
				if n == 5 {
					cancel()
					if err := <-gaveUp; !errors.Is(err, ErrUnreachable) {
						t.Fatal(err)
					}
				}
				if f.kind == frameCancel {
					cancels++
				}
				if f.kind != framePing {
					must(t, s.take(f))
				}
			}
			if s.partials.size != 0 || len(s.partials.parts) != 0 {
				t.Fatalf("%d octets stay", s.partials.size)
			}
		})
	}
}

// An error that only says that the caller's time is over is not sent: it
// would look like a refusal, and the outcome is not known.
func TestTimeoutInTheHandlerIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = near.Close() }()
		go serveSlowly(far, time.Minute)
		ask := frame{kind: frameRequest, id: 1, payload: request{wait: time.Second, kind: "echo"}.encode()}
		_, err := near.Write(ask.append(nil))
		must(t, err)
		<-time.After(2 * time.Second)
		_, err = near.Write(frame{kind: framePing}.append(nil))
		must(t, err)
		f, err := readFrame(near)
		must(t, err)
		if f.kind != framePong {
			t.Fatalf("got %+v", f)
		}
	})
}

// A large message on a slow connection is not silence: pings pass it.
func TestLargeMessageOnASlowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		served := make(chan struct{})
		go func() { serveSlowly(slowConn{far}, 0); close(served) }()
		want := make([]byte, 4<<20) // half a minute each way
		began := time.Now()
		got, err := l.call(t.Context(), "echo", want)
		must(t, err)
		if len(got) != len(want) || time.Since(began) < 30*time.Second {
			t.Fatalf("%d octets after %v", len(got), time.Since(began))
		}
		l.w.fail(net.ErrClosed)
		<-served
	})
}

// slowConn takes and gives 128 KiB a second, about 1 Mbit/s.
type slowConn struct{ net.Conn }

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	<-time.After(time.Duration(n) * time.Second / (128 << 10))
	return n, err
}

func (c slowConn) Write(b []byte) (int, error) {
	<-time.After(time.Duration(len(b)) * time.Second / (128 << 10))
	return c.Conn.Write(b)
}
