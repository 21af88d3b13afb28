package peer

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// Connections that say nothing hold a bounded number of places, and however
// many there are, a member comes through.
func TestSilentConnectionsAreBounded(t *testing.T) {
	w := newWorld(t, "c1")
	n, member := w.node("trigger1"), w.node("trigger2")
	first := connect(t, n)
	eventually(t, "the first one waits", func() bool { return n.waiting() == 1 })
	for range maxHandshakes + 9 {
		connect(t, n)
	}
	eventually(t, "the oldest are displaced", func() bool { return n.Refused()["too-many"] == 10 })
	if got := n.waiting(); got != maxHandshakes {
		t.Errorf("%d wait, want %d", got, maxHandshakes)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest is still there: %v", err)
	}
	must(t, member.say(n))
	if up := n.alarms.List(); len(up) != 0 {
		t.Errorf("alarms %+v", up)
	}
}

// waiting is how many accepted connections are in the handshake.
func (n *node) waiting() int {
	n.Port.mu.Lock()
	defer n.Port.mu.Unlock()
	return len(n.knocks)
}

// One source cannot displace the others.
func TestOneSourceDisplacesItself(t *testing.T) {
	p := &Port{knocks: map[net.Conn]*knock{}}
	enter := func(source string) net.Conn {
		a, b := net.Pipe()
		t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
		must(t, p.enter(a, source))
		return a
	}
	displaced := func(c net.Conn) bool { return p.knocks[c].displaced }
	member, first := enter("192.0.2.1"), enter("198.51.100.1")
	for range maxFromOne - 1 {
		enter("198.51.100.1")
	}
	if displaced(first) {
		t.Fatal("displaced below the limit")
	}
	enter("198.51.100.1")
	if !displaced(first) || displaced(member) {
		t.Fatalf("first of the many: %v, the member: %v", displaced(first), displaced(member))
	}
	if !p.leave(first) || p.leave(member) {
		t.Fatal("who was displaced is not told")
	}
}

func TestRemovedMemberIsCutOff(t *testing.T) {
	w := newWorld(t, "c1")
	removed := make(chan struct{})
	n := w.node("trigger1", func(o *Options) {
		o.Member = func(id string) (bool, bool) {
			select {
			case <-removed:
				return id != "trigger2#1", true
			default:
				return true, true
			}
		}
	})
	out, stays := w.node("trigger2"), w.node("trigger3")
	raft := n.RaftListener()
	c, err := out.DialRaft(n.addr(), "trigger1#1", 5*time.Second)
	must(t, err)
	defer func() { _ = c.Close() }()
	accepted, err := raft.Accept()
	must(t, err)
	kept, err := stays.DialRaft(n.addr(), "trigger1#1", 5*time.Second)
	must(t, err)
	defer func() { _ = kept.Close() }()
	_, err = raft.Accept()
	must(t, err)
	must(t, out.say(n))

	n.Recheck() // nothing has changed
	must(t, out.say(n))
	close(removed)
	n.Recheck()
	if _, err := accepted.Read(make([]byte, 1)); err == nil {
		t.Fatal("the removed member's Raft connection lives")
	}
	eventually(t, "calls are refused", func() bool {
		var r *Refusal
		return errors.As(out.say(n), &r) && r.Reason == NotMember
	})
	must(t, stays.say(n))
	if got := len(n.admitted()); got != 2 { // stays: Raft and calls
		t.Fatalf("%d connections are open", got)
	}
}

func TestNewCertificateIsShownFromNowOn(t *testing.T) {
	w := newWorld(t, "c1")
	n, other := w.node("trigger1"), w.node("trigger2")
	must(t, n.SetCredentials(w.credentials("trigger1#2")))
	if err := n.SetCredentials(Credentials{}); err == nil {
		t.Fatal("took empty credentials")
	}
	wantRefusal(t, other.say(n), WrongName, false) // the identity has not followed
	id := w.identity("trigger1")
	id.Incarnation = 2
	n.become(id)
	must(t, other.say(n))
}

// Close ends everything at once, whatever it was doing.
func TestCloseIsPrompt(t *testing.T) {
	w := newWorld(t, "c1")
	a, b := w.node("trigger1"), w.node("trigger2")
	started := make(chan struct{})
	b.Handle("wait", func(ctx context.Context, _ Identity, _ []byte) ([]byte, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_ = connect(t, b) // in the handshake
	raft := b.RaftListener()
	c, err := a.DialRaft(b.addr(), "", 5*time.Second)
	must(t, err)
	_, err = raft.Accept()
	must(t, err)
	lost := make(chan error, 1)
	go func() {
		_, err := a.Call(context.Background(), b.addr(), "", "wait", nil)
		lost <- err
	}()
	<-started
	began := time.Now()
	must(t, b.Close())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := <-lost; !errors.Is(err, ErrLost) {
		t.Errorf("the pending call: %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the Raft connection lives")
	}
	if _, err := raft.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if _, err := b.Call(context.Background(), a.addr(), "", "echo", nil); !errors.Is(err, ErrUnreachable) || !errors.Is(err, ErrClosed) {
		t.Errorf("a call on the closed port: %v", err)
	}
	if _, err := b.DialRaft(a.addr(), "", time.Second); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a dial on the closed port: %v", err)
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	p, err := Listen(Options{Addr: n.addr(), Credentials: w.credentials("trigger2#1"), Identity: n.identity})
	if err == nil {
		_ = p.Close()
		t.Fatal("listened twice")
	}
}
