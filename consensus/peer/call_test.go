package peer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

func pair(t *testing.T) (a, b *node) {
	w := newWorld(t, "c1")
	return w.node("trigger1"), w.node("trigger2")
}

func TestHandlerKnowsWhoAsks(t *testing.T) {
	a, b := pair(t)
	b.Handle("who", func(_ context.Context, from Identity, _ []byte) ([]byte, error) {
		if from != a.identity() {
			return nil, fmt.Errorf("from %+v", from)
		}
		return []byte(from.ServerID()), nil
	})
	got, err := a.Call(context.Background(), b.addr(), "trigger2#1", "who", nil)
	must(t, err)
	if string(got) != "trigger1#1" {
		t.Fatalf("%q", got)
	}
}

// Many callers in both directions share one connection each way, and every
// answer reaches the one that asked.
func TestConcurrentCalls(t *testing.T) {
	a, b := pair(t)
	var wg sync.WaitGroup
	for i := range 40 {
		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}
		wg.Go(func() {
			for k := range 25 {
				want := bytes.Repeat([]byte(fmt.Sprintf("%d/%d ", i, k)), 1+i*k*3)
				got, err := from.Call(context.Background(), to.addr(), "", "echo", want)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("call %d/%d: %d octets, %v", i, k, len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := len(a.admitted()); n != 2 {
		t.Errorf("%d connections, want one each way", n)
	}
}

func TestLargestBodies(t *testing.T) {
	a, b := pair(t)
	big := make([]byte, MaxBody)
	_, _ = rand.Read(big)
	got, err := a.Call(context.Background(), b.addr(), "", "echo", big)
	must(t, err)
	if !bytes.Equal(got, big) {
		t.Fatal("16 MiB came back changed")
	}
	if _, err := a.Call(context.Background(), b.addr(), "", "echo", append(big, 0)); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("one octet more: %v", err)
	}
	b.Handle("huge", func(context.Context, Identity, []byte) ([]byte, error) { return append(big, 0), nil })
	_, err = a.Call(context.Background(), b.addr(), "", "huge", nil)
	var remote *RemoteError
	if !errors.As(err, &remote) || remote.Code != CodeTooLarge {
		t.Fatalf("an answer of one octet more: %v", err)
	}
	must(t, a.say(b))
}

func TestHandlersErrorArrivesAsItIs(t *testing.T) {
	a, b := pair(t)
	b.Handle("fail", func(_ context.Context, _ Identity, body []byte) ([]byte, error) {
		switch string(body) {
		case "coded":
			return nil, fmt.Errorf("wrapped: %w", &RemoteError{"not-leader", "ask trigger3"})
		case "panic":
			panic("of the handler")
		}
		return nil, errors.New("plain words, with ümläuts")
	})
	for body, want := range map[string]RemoteError{
		"coded": {"not-leader", "ask trigger3"},
		"plain": {CodeError, "plain words, with ümläuts"},
		"panic": {CodeFault, "the member failed to handle the call; its log has the details"},
	} {
		_, err := a.Call(context.Background(), b.addr(), "", "fail", []byte(body))
		var got *RemoteError
		if !errors.As(err, &got) || *got != want || errors.Is(err, ErrLost) || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", body, err)
		}
	}
	if up := b.alarms.List(); len(up) != 1 || up[0].Kind != alarm.DaemonFault {
		t.Errorf("alarms after the panic: %+v", up)
	}
	_, err := a.Call(context.Background(), b.addr(), "", "no-such", nil)
	var got *RemoteError
	if !errors.As(err, &got) || got.Code != CodeUnknownKind {
		t.Errorf("unknown kind: %v", err)
	}
	b.Handle("fail", nil)
	if _, err = a.Call(context.Background(), b.addr(), "", "fail", nil); !errors.As(err, &got) || got.Code != CodeUnknownKind {
		t.Errorf("kind taken out: %v", err)
	}
	if _, err = a.Call(context.Background(), b.addr(), "", "not a kind", nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("impossible kind: %v", err)
	}
}

// When the caller stops waiting, the handler's context ends, and what
// happened there is unknown.
func TestCancelledCallReachesTheHandler(t *testing.T) {
	a, b := pair(t)
	begun, ended := make(chan struct{}), make(chan error, 1)
	b.Handle("wait", func(ctx context.Context, _ Identity, _ []byte) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-begun; cancel() }()
	_, err := a.Call(ctx, b.addr(), "", "wait", nil)
	if !errors.Is(err, ErrLost) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("the handler saw %v", err)
	}
	must(t, a.say(b)) // the connection is still good
	if _, err := a.Call(ctx, b.addr(), "", "echo", nil); !errors.Is(err, ErrUnreachable) {
		t.Fatalf("a call that was over before it began: %v", err)
	}
}

func TestDeadlineTravels(t *testing.T) {
	a, b := pair(t)
	left := make(chan time.Duration, 1)
	b.Handle("left", func(ctx context.Context, _ Identity, _ []byte) ([]byte, error) {
		d, ok := ctx.Deadline()
		if !ok {
			return nil, errors.New("no deadline")
		}
		left <- time.Until(d)
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := a.Call(ctx, b.addr(), "", "left", nil)
	must(t, err)
	if d := <-left; d > time.Minute || d < 30*time.Second {
		t.Fatalf("the handler had %v", d)
	}
}

// A member that restarts between two calls costs no error.
func TestRestartedMemberIsDialedAgain(t *testing.T) {
	w := newWorld(t, "c1")
	a, b := w.node("trigger1"), w.node("trigger2")
	must(t, a.say(b))
	addr := b.addr()
	must(t, b.Close())
	eventually(t, "the old connection is gone", func() bool { return len(a.admitted()) == 0 })
	again := w.node("trigger2", func(o *Options) { o.Addr = addr })
	must(t, a.say(again))
}

// Two thousand calls while connections are cut at random: each ends with its
// own answer or an error that says what is known; what was "certainly not
// delivered" was not.
func TestUnreachableMeansNotDelivered(t *testing.T) {
	a, b := pair(t)
	var mu sync.Mutex
	delivered := map[string]int{}
	b.Handle("once", func(_ context.Context, _ Identity, body []byte) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		delivered[string(body[:8])]++
		return body[:8], nil
	})
	stop := make(chan struct{})
	var cutter, callers sync.WaitGroup
	cutter.Go(func() {
		for cut := range 30 {
			for _, c := range b.admitted() {
				_ = c.raw.Close()
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(cut%5+1) * time.Millisecond):
			}
		}
	})
	var ok, lost, unreachable atomic.Int64
	for i := range 20 {
		callers.Go(func() {
			for k := range 100 {
				id := fmt.Sprintf("%04d%04d", i, k)
				got, err := a.Call(context.Background(), b.addr(), "", "once", append([]byte(id), make([]byte, k*700)...))
				mu.Lock()
				n := delivered[id]
				mu.Unlock()
				switch {
				case err == nil && string(got) == id && n == 1:
					ok.Add(1)
				case errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrLost) && n == 0:
					unreachable.Add(1)
				case errors.Is(err, ErrLost) && !errors.Is(err, ErrUnreachable) && n <= 1:
					lost.Add(1)
				default:
					t.Errorf("call %s: %q, %v, delivered %d times", id, got, err, n)
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	cutter.Wait()
	t.Logf("answered %d, lost %d, unreachable %d", ok.Load(), lost.Load(), unreachable.Load())
	if ok.Load() == 0 {
		t.Error("nothing was answered")
	}
}

// A peer that speaks no frames after the handshake is cut off.
func TestGarbageInACallIsCutOff(t *testing.T) {
	w := newWorld(t, "c1")
	n, liar := w.node("trigger1"), w.node("trigger2")
	for _, garbage := range []string{strings.Repeat("\xff", 100), string(frame{kind: framePong}.append(nil)),
		string(frame{kind: frameRequest, id: 1, payload: []byte("abc")}.append(nil))} {
		c, err := liar.dial(context.Background(), n.addr(), "", channelCall)
		must(t, err)
		_, err = io.WriteString(c, garbage)
		must(t, err)
		if _, err := io.Copy(io.Discard, c); err != nil && !isTransport(err) {
			t.Errorf("%q: %v", garbage, err)
		}
	}
	must(t, liar.say(n))
}

// pipeLine is a line over a pipe, for virtual time. The far end is returned.
func pipeLine(t *testing.T) (*line, net.Conn) {
	near, far := net.Pipe()
	l := &line{ready: make(chan struct{}), nudge: make(chan struct{}, 1), pending: map[uint64]chan answer{}, used: time.Now()}
	go l.run(newWire(near, defaultRhythm), func() {})
	<-l.ready
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return l, far
}

// A peer that takes octets and answers nothing, as when its machine has lost
// power or its process is stopped.
func TestSilentPeerIsNoticedInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		go func() { _, _ = io.Copy(io.Discard, far) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := l.call(ctx, "echo", []byte("x"))
		if !errors.Is(err, ErrLost) || !errors.Is(err, errSilent) {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Fatalf("noticed after %v", took)
		}
		if _, err := l.call(ctx, "echo", nil); !errors.Is(err, errStale) {
			t.Fatalf("the line is used again: %v", err)
		}
	})
}

// The same peer with a full window: not even the request gets out.
func TestStuckPeerIsNoticedInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := pipeLine(t) // nobody reads
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := l.call(ctx, "echo", make([]byte, 1<<20))
		if !errors.Is(err, errStale) { // not sent whole: certainly not delivered
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Fatalf("noticed after %v", took)
		}
	})
}

// serveSlowly answers pings at once and requests after a while.
func serveSlowly(far net.Conn, after time.Duration) {
	p := &Port{ctx: context.Background(), rhythm: defaultRhythm, handlers: map[string]Handler{}}
	p.Handle("echo", func(ctx context.Context, _ Identity, body []byte) ([]byte, error) {
		select {
		case <-time.After(after):
		case <-ctx.Done():
		}
		return body, ctx.Err()
	})
	s := &server{port: p, w: newWire(far, defaultRhythm), open: map[uint64]context.CancelFunc{}}
	s.w.orphan = defaultRhythm.orphan
	s.run()
}

// A member that works for long but lives is waited for.
func TestSlowHandlerIsNotTakenForDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		go serveSlowly(far, 10*time.Minute)
		got, err := l.call(t.Context(), "echo", []byte("x"))
		must(t, err)
		if string(got) != "x" {
			t.Fatalf("%q", got)
		}
	})
}

// An idle line lives for five minutes, is then given up, and the other side
// does not keep what nobody pings.
func TestIdleLineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, far := pipeLine(t)
		served := make(chan struct{})
		go func() { serveSlowly(far, 0); close(served) }()
		_, err := l.call(t.Context(), "echo", nil)
		must(t, err)
		<-time.After(4 * time.Minute)
		_, err = l.call(t.Context(), "echo", nil)
		must(t, err)
		<-time.After(5*time.Minute + 10*time.Second)
		if _, err := l.call(t.Context(), "echo", nil); !errors.Is(err, errStale) {
			t.Fatalf("after five idle minutes: %v", err)
		}
		<-served
	})
}

func TestAcceptedConnectionWithoutPingsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer func() { _ = near.Close() }()
		began := time.Now()
		serveSlowly(far, 0)
		if took := time.Since(began); took != defaultRhythm.orphan {
			t.Fatalf("ended after %v", took)
		}
	})
}
