package cli

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// knock opens a TCP connection and says nothing.
func (h *house) knock(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// anyIsCut waits until the other end has closed one of the connections, and returns
// the others.
func anyIsCut(t *testing.T, all []net.Conn) (open []net.Conn) {
	t.Helper()
	cut := make(chan int, len(all))
	for i, c := range all {
		go func() {
			_, err := io.Copy(io.Discard, c)
			if isTimeout(err) {
				return // asked to stop waiting, below
			}
			cut <- i
		}()
	}
	i := <-cut
	for _, c := range all {
		_ = c.SetReadDeadline(time.Now())
	}
	return slices.Delete(slices.Clone(all), i, i+1)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// terminal is an interactive session.
type terminal struct {
	*ssh.Session
	in  io.Writer
	out *logBook
}

func (h *house) terminal(t *testing.T, client *ssh.Client, cols, rows int) *terminal {
	t.Helper()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{Session: s, out: &logBook{}}
	s.Stdout = term.out
	if term.in, err = s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", rows, cols, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	return term
}

func (term *terminal) shows(t *testing.T, text string) {
	t.Helper()
	until(t, "it shows "+text, func() bool { return strings.Contains(term.out.String(), text) })
}

func (h *house) login(t *testing.T, user string, key ssh.Signer) *ssh.Client {
	t.Helper()
	client, err := h.dial(user, ssh.PublicKeys(key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestHalfOpenConnectionsAreFew(t *testing.T) {
	h := open(t, func(o *ServerOptions) { o.Limits.HalfOpen, o.Limits.HalfOpenPerSource = 5, 3 })
	alice := h.person(t, "alice")
	working := h.login(t, "alice", alice)
	var held []net.Conn
	for range 3 {
		held = append(held, h.knock(t))
	}
	until(t, "three are held", func() bool { return h.Counters().Connections == 4 })
	held = append(held, h.knock(t)) // one goes for this one
	open := anyIsCut(t, held)
	held = held[:0]
	held = append(held, open...)
	if h.Counters().HalfOpenRefused != 1 || !strings.Contains(h.log.String(), "too many are logging in") {
		t.Error("not counted or logged:", h.Counters(), h.log)
	}
	if got := h.run(t, working, "whoami"); got != "alice by exec\n" {
		t.Errorf("the session of who was in already: %q", got)
	}
	for _, c := range held {
		c.Close()
	}
	until(t, "they have gone", func() bool { return h.Counters().HandshakeFailed == 4 })
	if got := h.whoami(t, "alice", ssh.PublicKeys(alice)); got != "alice by exec\n" {
		t.Errorf("nobody can log in afterwards: %q", got)
	}
}

// Who bounds all by a number bounds one address with it.
func TestOneSourceHasAThirdOfWhatAllHave(t *testing.T) {
	for all, want := range map[int]int{0: 100, 1: 1, 30: 10, 10000: 3333} {
		if got := (ServerLimits{HalfOpen: all}).withDefaults().HalfOpenPerSource; got != want {
			t.Errorf("of %d, one source has %d, want %d", all, got, want)
		}
	}
}

func TestTriesAreLimited(t *testing.T) {
	h := open(t, nil)
	h.person(t, "alice")
	var tries []try
	for range 20 {
		tries = append(tries, try{"alice", ssh.Password("guess")})
	}
	if _, err := h.attack(tries...); err == nil || !strings.Contains(err.Error(), "too many authentication failures") {
		t.Errorf("got %v", err)
	}
	until(t, "it is counted", func() bool { return h.Counters().LoginsRefused == 1 })
	if n := h.Counters().TriesRefused; n > 6 {
		t.Errorf("%d tries", n)
	}
}

func TestSessionsOfOneUserAreLimited(t *testing.T) {
	h := open(t, func(o *ServerOptions) { o.Sessions = NewSessionList(SessionLimits{PerUser: 2}) })
	alice := h.login(t, "alice", h.person(t, "alice"))
	first := h.terminal(t, alice, 80, 24)
	first.shows(t, "trigger1# ")
	h.terminal(t, alice, 80, 24).shows(t, "trigger1# ")
	_, err := alice.NewSession()
	if err == nil || !strings.Contains(err.Error(), "2 of this user are open") {
		t.Errorf("a third session: %v", err)
	}
	if got := h.whoami(t, "bobby", ssh.PublicKeys(h.person(t, "bobby"))); got != "bobby by exec\n" {
		t.Errorf("another user is refused too: %q", got)
	}
	if _, err := io.WriteString(first.in, "exit\r"); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	until(t, "the seat is free", func() bool { return len(h.Sessions().List()) == 1 })
	if got := h.run(t, alice, "whoami"); got != "alice by exec\n" {
		t.Errorf("got %q", got)
	}
}

func TestConnectionsOfOneUserAreLimited(t *testing.T) {
	h := open(t, func(o *ServerOptions) { o.Limits.ConnsPerUser = 2 })
	alice := h.person(t, "alice")
	h.login(t, "alice", alice)
	h.login(t, "alice", alice)
	if c, err := h.dial("alice", ssh.PublicKeys(alice)); err == nil {
		_, err = c.NewSession()
		c.Close()
		if err == nil {
			t.Error("a third connection works")
		}
	}
}

func TestOperatorClearsASession(t *testing.T) {
	h := open(t, nil)
	term := h.terminal(t, h.login(t, "alice", h.person(t, "alice")), 80, 24)
	term.shows(t, "trigger1# ")
	list := h.Sessions().List()
	if len(list) != 1 || list[0].User != "alice" || list[0].Door != "ssh" || !strings.HasPrefix(list[0].From, "127.0.0.1:") {
		t.Fatalf("who prints %+v", list)
	}
	if !h.Sessions().End(list[0].ID) || h.Sessions().End(list[0].ID+1) {
		t.Error("End does not know its sessions")
	}
	_ = term.Wait()
	term.shows(t, "\r\n% this session has been closed by an operator.\r\n")
}

func TestDisabledUserGetsNoNewSession(t *testing.T) {
	h := open(t, nil)
	client := h.login(t, "alice", h.person(t, "alice"))
	term := h.terminal(t, client, 80, 24)
	term.shows(t, "trigger1# ")
	h.put(rtbh.User{Name: "alice", Disabled: true})
	if _, err := client.NewSession(); err == nil {
		t.Error("a new session on the old connection")
	}
	if n := h.Sessions().EndUser("alice"); n != 1 {
		t.Errorf("%d sessions ended", n)
	}
	_ = term.Wait()
}

func TestShutdownTellsSessions(t *testing.T) {
	h := open(t, nil)
	client := h.login(t, "alice", h.person(t, "alice"))
	term := h.terminal(t, client, 80, 24)
	term.shows(t, "trigger1# ")
	busy := h.terminal(t, client, 80, 24)
	if _, err := io.WriteString(busy.in, "wait\r"); err != nil {
		t.Fatal(err)
	}
	busy.shows(t, "wait\r\n")
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _ = term.Wait(), busy.Wait()
	term.shows(t, "% triggerd is stopping on this node; log in at another.\r\n")
	if _, err := net.Dial("tcp", h.addr); err == nil {
		t.Error("the port is still open")
	}
}

func TestWindowSizes(t *testing.T) {
	h := open(t, nil)
	client := h.login(t, "alice", h.person(t, "alice"))
	term := h.terminal(t, client, 511, 100)
	_, _ = io.WriteString(term.in, "size\r")
	term.shows(t, "511x100\r\n")
	if err := term.WindowChange(50, 132); err != nil {
		t.Fatal(err)
	}
	until(t, "the new size is seen", func() bool { // requests and data are not in order
		_, _ = io.WriteString(term.in, "size\r")
		return strings.Contains(term.out.String(), "132x50\r\n")
	})
	zero := h.terminal(t, client, 0, 0)
	_, _ = io.WriteString(zero.in, "size\r")
	zero.shows(t, "0x0\r\n")
}

// gliderlabs would block for ever on the second window change before the shell.
func TestWindowChangesBeforeTheShellDoNoHarm(t *testing.T) {
	h := open(t, nil)
	client := h.login(t, "alice", h.person(t, "alice"))
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := s.WindowChange(24+i%10, 80); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SendRequest("env", false, bytes.Repeat([]byte("x"), 1000)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SendRequest("signal", false, ssh.Marshal(struct{ S string }{"INT"})); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.Output("whoami"); err != nil || string(out) != "alice by exec\r\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestOldAlgorithmsAreNotOffered(t *testing.T) {
	h := open(t, nil)
	ed := h.person(t, "alice")
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(old)
	if err != nil {
		t.Fatal(err)
	}
	h.put(rtbh.User{Name: "robin", Keys: []string{string(ssh.MarshalAuthorizedKey(signer.PublicKey()))}})
	sha1, err := ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	sha2, err := ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSASHA256})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		user   string
		key    ssh.Signer
		config ssh.Config
		ok     bool
	}{
		"defaults":          {"alice", ed, ssh.Config{}, true},
		"AES-CTR with SHA2": {"alice", ed, ssh.Config{Ciphers: []string{"aes256-ctr"}, MACs: []string{"hmac-sha2-256"}}, true},
		"CBC":               {"alice", ed, ssh.Config{Ciphers: []string{"aes128-cbc"}}, false},
		"HMAC-SHA1":         {"alice", ed, ssh.Config{Ciphers: []string{"aes128-ctr"}, MACs: []string{"hmac-sha1"}}, false},
		"group14 with SHA1": {"alice", ed, ssh.Config{KeyExchanges: []string{"diffie-hellman-group14-sha1"}}, false},
		"RSA with SHA2":     {"robin", sha2, ssh.Config{}, true},
		"RSA with SHA1":     {"robin", sha1, ssh.Config{}, false},
	} {
		client, err := ssh.Dial("tcp", h.addr, &ssh.ClientConfig{
			User: c.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(c.key)}, Config: c.config, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		})
		if err == nil {
			client.Close()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Others hold every place and take a new one as soon as they are cut: whoever logs
// in gets through all the same, also from their own address.
func TestALoginGetsThroughACrowdAtTheSameAddress(t *testing.T) {
	h := open(t, func(o *ServerOptions) { o.Limits.HalfOpenPerSource = 4 })
	alice := h.person(t, "alice")
	taken := uint64(0)
	for i := range 12 {
		for range 4 {
			c := h.knock(t)
			if i%2 == 0 {
				_, _ = io.WriteString(c, "SSH-2.0-slow\r\n")
			}
			taken++
		}
		until(t, "the places are taken", func() bool { return h.Counters().Connections >= taken })
		if got := h.whoami(t, "alice", ssh.PublicKeys(alice)); got != "alice by exec\n" {
			t.Errorf("got %q", got)
		}
		taken++
	}
	if n := h.Counters().HalfOpenRefused; n < 12 {
		t.Errorf("only %d were cut: the places were never all taken", n)
	}
}

// Who is cut first: the silent one, then who tries one password after the other.
func TestWhoIsFarthestFromALogin(t *testing.T) {
	began := time.Now()
	made := func(heard int64, tries int, after time.Duration) *guard {
		g := &guard{tries: tries, since: began.Add(after)}
		g.heard.Store(heard)
		return g
	}
	order := []*guard{
		made(9000, 6, 2*time.Second), made(4000, 3, time.Second), made(14, 0, 0), made(0, 0, time.Second), made(40, 0, 2*time.Second), made(3500, 2, 0),
		made(1500, 0, 2*time.Second), made(3500, 1, 0), made(3000, 0, 0), made(1<<20, 0, 0), made(5000, 0, time.Second),
	}
	for i := range order[1:] {
		if lessHopeful(order[i], order[i+1]) != order[i] || lessHopeful(order[i+1], order[i]) != order[i] {
			t.Errorf("number %d goes before number %d", i+1, i)
		}
	}
}

// A hostile crowd knocks beside a working customer.
func TestCustomerWorksBesideAnAttack(t *testing.T) {
	h := open(t, func(o *ServerOptions) { o.Limits.HalfOpenPerSource = 30 })
	alice := h.person(t, "alice")
	client := h.login(t, "alice", alice)
	var crowd sync.WaitGroup
	for i := range 200 {
		crowd.Go(func() {
			c, err := net.Dial("tcp", h.addr)
			if err != nil {
				return
			}
			defer c.Close()
			garbage := [][]byte{[]byte("GET / HTTP/1.0\r\n\r\n"), bytes.Repeat([]byte{0xff}, 70000), []byte("SSH-2.0-x\r\n\x00\x00\x00\x0c"), nil}
			_, _ = c.Write(garbage[i%len(garbage)])
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		})
	}
	for range 20 {
		if got := h.run(t, client, "whoami"); got != "alice by exec\n" {
			t.Errorf("got %q", got)
		}
	}
	crowd.Wait()
	if n := strings.Count(h.log.String(), "ssh handshake failed") + strings.Count(h.log.String(), "ssh connection cut"); n > 2*logBurst {
		t.Errorf("%d log lines about the crowd", n)
	}
	if h.Counters().LogsSuppressed == 0 {
		t.Error("no line was left out")
	}
}
