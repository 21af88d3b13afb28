package cli

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// eager is one end of a net.Pipe whose writes never wait for the reader: both
// ends of an SSH connection begin by writing.
type eager struct {
	net.Conn
	queue chan []byte
	done  chan struct{}
}

func newEager(c net.Conn) *eager {
	e := &eager{Conn: c, queue: make(chan []byte, 1<<12), done: make(chan struct{})}
	go func() {
		for {
			select {
			case p := <-e.queue:
				_, _ = c.Write(p) // fails once the other end has gone
			case <-e.done:
				return
			}
		}
	}()
	return e
}

func (e *eager) Write(p []byte) (int, error) {
	select {
	case e.queue <- append([]byte(nil), p...):
		return len(p), nil
	case <-e.done:
		return 0, net.ErrClosed
	}
}

// inVirtualTime runs f with a server that is reached through pipes only, inside
// a synctest bubble: its clocks tick when everybody waits.
func inVirtualTime(t *testing.T, tweak func(*ServerOptions), f func(t *testing.T, h *house, knock func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(o *ServerOptions) {
			o.Listen = nil
			if tweak != nil {
				tweak(o)
			}
		})
		f(t, h, func() net.Conn {
			ours, theirs := net.Pipe()
			go h.ssh.HandleConn(theirs)
			e := newEager(ours)
			t.Cleanup(func() {
				_ = ours.Close()
				close(e.done)
			})
			return e
		})
	})
}

// loginOver logs alice in over a connection.
func (h *house) loginOver(t *testing.T, conn net.Conn) (ssh.Conn, <-chan ssh.NewChannel, <-chan *ssh.Request) {
	t.Helper()
	c, channels, requests, err := ssh.NewClientConn(conn, "", &ssh.ClientConfig{
		User: "alice", Auth: []ssh.AuthMethod{ssh.PublicKeys(h.person(t, "alice"))}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, channels, requests
}

// lasts is how long it takes until the server closes the connection.
func lasts(c io.Reader) time.Duration {
	begin := time.Now()
	_, _ = io.Copy(io.Discard, c)
	return time.Since(begin)
}

func TestWhoDoesNotLogInIsCut(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, h *house, knock func() net.Conn) {
		if d := lasts(knock()); d != 20*time.Second {
			t.Errorf("a silent connection lasts %s", d)
		}
		synctest.Wait() // all pipes have one address: the server tells them apart one at a time
		slow := knock()
		go func() {
			for _, b := range []byte("SSH-2.0-a client that types its greeting by hand") {
				time.Sleep(time.Second) // virtual: this is the slow client
				_, _ = slow.Write([]byte{b})
			}
		}()
		if d := lasts(slow); d != 20*time.Second {
			t.Errorf("a slow one lasts %s", d)
		}
		time.Sleep(time.Minute) // the slow one goes on typing
		synctest.Wait()
		if n := h.Counters().HandshakeFailed; n != 2 {
			t.Errorf("%d were counted", n)
		}
	})
}

func TestTheLoginGraceTimeIsTheOperators(t *testing.T) {
	inVirtualTime(t, func(o *ServerOptions) { o.Limits.Handshake = 45 * time.Second }, func(t *testing.T, h *house, knock func() net.Conn) {
		if d := lasts(knock()); d != 45*time.Second {
			t.Errorf("a silent connection lasts %s", d)
		}
		synctest.Wait()
	})
}

func TestWhoHasLoggedInHasTime(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, h *house, knock func() net.Conn) {
		client := ssh.NewClient(h.loginOver(t, knock()))
		term := h.terminal(t, client, 80, 24)
		time.Sleep(48 * time.Hour)
		_, _ = io.WriteString(term.in, "whoami\r")
		synctest.Wait()
		if got, want := term.out.String(), "Hello.\r\ntrigger1# whoami\r\nalice by ssh\r\ntrigger1# "; got != want {
			t.Errorf("after two days it shows %q", got)
		}
		_ = client.Close()
	})
}

func TestConnectionWithoutSessionIsClosed(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, h *house, knock func() net.Conn) {
		client := ssh.NewClient(h.loginOver(t, knock()))
		begin := time.Now()
		if err := client.Wait(); err == nil || time.Since(begin) != time.Minute {
			t.Errorf("closed after %s: %v", time.Since(begin), err)
		}
	})
}

func TestChannelOnWhichNothingIsAskedForIsClosed(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, h *house, knock func() net.Conn) {
		client := ssh.NewClient(h.loginOver(t, knock()))
		ch, requests, err := client.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		if d := lasts(ch); d != 20*time.Second {
			t.Errorf("it lasts %s", d)
		}
		synctest.Wait()
		if n := len(h.Sessions().List()); n != 0 {
			t.Errorf("%d sessions", n)
		}
		_ = client.Close()
	})
}

func TestSilentClientIsCut(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, h *house, knock func() net.Conn) {
		conn, _, _ := h.loginOver(t, knock()) // nobody answers the server's questions
		ch, _, err := conn.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ch.SendRequest("shell", true, nil); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_ = conn.Wait()
		if d := time.Since(begin); d != 4*30*time.Second || h.Counters().Silent != 1 {
			t.Errorf("cut after %s, %d counted", d, h.Counters().Silent)
		}
		synctest.Wait()
		if n := len(h.Sessions().List()); n != 0 {
			t.Errorf("its session goes on: %d", n)
		}
	})
}

func TestIdleSessionIsTimedOut(t *testing.T) {
	tweak := func(o *ServerOptions) { o.ExecTimeout = 10 * time.Minute }
	inVirtualTime(t, tweak, func(t *testing.T, h *house, knock func() net.Conn) {
		client := ssh.NewClient(h.loginOver(t, knock()))
		term := h.terminal(t, client, 80, 24)
		time.Sleep(9 * time.Minute)
		_, _ = io.WriteString(term.in, "w")
		begin := time.Now()
		if err := term.Wait(); err == nil || time.Since(begin) != 10*time.Minute {
			t.Errorf("ended after %s: %v", time.Since(begin), err)
		}
		if got, want := term.out.String(), "Hello.\r\ntrigger1# w\r\nVty connection is timed out.\r\n"; got != want {
			t.Errorf("shows %q, want %q", got, want)
		}
		_ = client.Close()
	})
}

func TestSessionLastsNoLongerThanItMay(t *testing.T) {
	tweak := func(o *ServerOptions) { o.Limits.SessionTime = time.Hour }
	inVirtualTime(t, tweak, func(t *testing.T, h *house, knock func() net.Conn) {
		client := ssh.NewClient(h.loginOver(t, knock()))
		term, begin := h.terminal(t, client, 80, 24), time.Now()
		if err := term.Wait(); err == nil || time.Since(begin) != time.Hour {
			t.Errorf("ended after %s: %v", time.Since(begin), err)
		}
		if !strings.Contains(term.out.String(), "% this session has lasted as long as it may; log in again.\r\n") {
			t.Errorf("shows %q", term.out)
		}
		_ = client.Close()
	})
}

// A client that answers but takes no output must not hold its session for ever.
func TestClientThatTakesNoOutputIsCut(t *testing.T) {
	tweak := func(o *ServerOptions) { o.ExecTimeout = 10 * time.Minute }
	inVirtualTime(t, tweak, func(t *testing.T, h *house, knock func() net.Conn) {
		client := ssh.NewClient(h.loginOver(t, knock()))
		ch, requests, err := client.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		if _, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ S string }{"flood"})); err != nil {
			t.Fatal(err)
		}
		time.Sleep(9 * time.Minute)
		if n := len(h.Sessions().List()); n != 1 {
			t.Fatalf("%d sessions", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(h.Sessions().List()); n != 0 {
			t.Errorf("the session goes on: %d", n)
		}
		_ = client.Close()
	})
}
