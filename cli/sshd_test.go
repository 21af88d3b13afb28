package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// book is a UserStore to write into.
type book struct {
	mu    sync.Mutex
	users map[string]rtbh.User
	cas   []string
}

func (b *book) User(name string) (rtbh.User, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.users[name]
	return u, ok
}

func (b *book) UserCAs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cas
}

func (b *book) put(u rtbh.User) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users[u.Name] = u
}

// parrot is an interpreter that says who it thinks is there.
type parrot struct {
	login Login
	mode  string
}

func (p *parrot) Prompt() string                     { return "trigger1" + p.mode + "# " }
func (p *parrot) Describe(string) string             { return "  whoami  Say who\n" }
func (p *parrot) Complete(string) (string, []string) { return "", nil }
func (p *parrot) Interrupt()                         { p.mode = "" }
func (p *parrot) End()                               { p.mode = "" }

func (p *parrot) Execute(ctx context.Context, line string, out io.Writer) vty.Outcome {
	switch {
	case line == "whoami":
		fmt.Fprintf(out, "%s by %s\n", p.login.User.Name, p.login.Door)
	case line == "size":
		fmt.Fprintf(out, "%dx%d\n", p.login.Terminal.Columns(), p.login.Terminal.Rows())
	case line == "conf t":
		p.mode = "(config)"
	case line == "exit":
		return vty.Outcome{Close: true}
	case line == "maybe":
		return vty.Outcome{Status: vty.NotConfirmed}
	case line == "wait":
		<-ctx.Done()
		return vty.Outcome{Status: vty.NotConfirmed}
	case line == "flood":
		for {
			if _, err := out.Write(make([]byte, 4096)); err != nil {
				return vty.Outcome{}
			}
		}
	case line == "panic":
		panic("a fault in a command")
	case strings.HasPrefix(line, "network "):
	default:
		fmt.Fprintf(out, "%% Unknown command: %s\n", line)
		return vty.Outcome{Status: vty.Refused}
	}
	return vty.Outcome{}
}

// logBook collects log lines.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// house is a server under test and what is known about it.
type house struct {
	*Server
	*book
	log  *logBook
	addr string
}

// open starts a server on the loopback.
func open(t *testing.T, tweak func(*ServerOptions)) *house {
	t.Helper()
	h := &house{book: &book{users: map[string]rtbh.User{}}, log: &logBook{}}
	opts := ServerOptions{
		Listen: []string{"127.0.0.1:0"}, HostKeyDir: t.TempDir(), Users: h.book,
		Shells: func(l Login) vty.Interpreter { return &parrot{login: l} },
		Log:    slog.New(slog.NewTextHandler(h.log, nil)), Greeting: func() string { return "Hello.\n" },
	}
	if tweak != nil {
		tweak(&opts)
	}
	s, err := NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.keys.floor = 0
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Server = s
	if addrs := s.Addrs(); len(addrs) > 0 {
		h.addr = addrs[0].String()
	}
	return h
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("still waiting until %s", what)
		case <-tick.C:
		}
	}
}

// newKey makes a key pair and the public key as a user's record has it.
func newKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " comment of " + t.Name()
}

// person adds a user with a key of its own.
func (h *house) person(t *testing.T, name string) ssh.Signer {
	t.Helper()
	signer, line := newKey(t)
	h.put(rtbh.User{Name: name, Keys: []string{line}})
	return signer
}

func (h *house) dial(user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", h.addr, &ssh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second,
	})
}

// whoami logs in and asks the session who it is for.
func (h *house) whoami(t *testing.T, user string, auth ...ssh.AuthMethod) string {
	t.Helper()
	client, err := h.dial(user, auth...)
	if err != nil {
		t.Fatalf("%s cannot log in: %v", user, err)
	}
	defer client.Close()
	return h.run(t, client, "whoami")
}

func (h *house) run(t *testing.T, client *ssh.Client, script string) string {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	out, err := session.Output(script)
	var status *ssh.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return string(out)
}

func TestUserLogsInWithItsKey(t *testing.T) {
	h := open(t, nil)
	alice := h.person(t, "alice")
	if got := h.whoami(t, "alice", ssh.PublicKeys(alice)); got != "alice by exec\n" {
		t.Errorf("got %q", got)
	}
	until(t, "the login is counted and the session gone", func() bool {
		return h.Counters().Logins == 1 && len(h.Sessions().List()) == 0
	})
	if log := h.log.String(); !strings.Contains(log, "ssh login") || !strings.Contains(log, "ssh session opened") || !strings.Contains(log, "user=alice") {
		t.Error("no trace in the log:", log)
	}
}

func TestStrangersStayOutside(t *testing.T) {
	h := open(t, nil)
	alice := h.person(t, "alice")
	mallory, line := newKey(t)
	h.put(rtbh.User{Name: "gone", Keys: []string{line}, Disabled: true})
	for name, try := range map[string]struct {
		user string
		auth []ssh.AuthMethod
	}{
		"a wrong key":                {"alice", []ssh.AuthMethod{ssh.PublicKeys(mallory)}},
		"an unknown user":            {"nobody", []ssh.AuthMethod{ssh.PublicKeys(alice)}},
		"no name":                    {"", []ssh.AuthMethod{ssh.PublicKeys(alice)}},
		"a disabled user":            {"gone", []ssh.AuthMethod{ssh.PublicKeys(mallory)}},
		"a password where none is":   {"alice", []ssh.AuthMethod{ssh.Password("x")}},
		"an empty password":          {"alice", []ssh.AuthMethod{ssh.Password("")}},
		"the key, then no signature": {"alice", []ssh.AuthMethod{ssh.PublicKeys(liar{alice})}},
	} {
		t.Run(name, func(t *testing.T) {
			if client, err := h.dial(try.user, try.auth...); err == nil {
				client.Close()
				t.Fatal("got in")
			}
		})
	}
	until(t, "all are counted", func() bool { return h.Counters().LoginsRefused+h.Counters().HandshakeFailed == 7 })
}

// liar signs something else.
type liar struct{ ssh.Signer }

func (l liar) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return l.Signer.Sign(r, append([]byte("x"), data...))
}

func TestUnknownUserNamesAreLoggedHarmlessly(t *testing.T) {
	h := open(t, nil)
	alice := h.person(t, "alice")
	name := "x\x1b[2J\nlevel=ERROR msg=\"all is lost\"" + strings.Repeat("A", 300)
	if _, err := h.dial(name, ssh.PublicKeys(alice)); err == nil {
		t.Fatal("got in")
	}
	until(t, "it is logged", func() bool { return strings.Contains(h.log.String(), "ssh login refused") })
	if log := h.log.String(); strings.ContainsAny(log, "\x1b") || strings.Count(log, "\n") != 1 || len(log) > 600 {
		t.Errorf("the log has it raw: %q", log)
	}
}

func TestNothingIsForwardedAndNoSubsystemRuns(t *testing.T) {
	h := open(t, nil)
	client, err := h.dial("alice", ssh.PublicKeys(h.person(t, "alice")))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if c, err := client.Dial("tcp", target.Addr().String()); err == nil {
		c.Close()
		t.Error("a connection was forwarded")
	}
	if l, err := client.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
		t.Error("a listener was opened")
	}
	for _, kind := range []string{"direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com"} {
		if ch, _, err := client.OpenChannel(kind, nil); err == nil {
			ch.Close()
			t.Error("channel opened:", kind)
		}
	}
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "env"} {
		if ok, err := session.SendRequest(kind, true, nil); ok || err != nil {
			t.Error("request granted:", kind, err)
		}
	}
	if err := session.RequestSubsystem("sftp"); err == nil {
		t.Error("sftp runs")
	}
	if got, err := session.Output("whoami"); err != nil || string(got) != "alice by exec\n" {
		t.Errorf("after all that the session does not work: %q, %v", got, err)
	}
}
