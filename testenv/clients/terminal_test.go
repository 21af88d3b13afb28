package clients

import (
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/testenv"
)

// terminal is somebody who types at a terminal and sees every byte.
type terminal struct {
	t       testing.TB
	session *ssh.Session
	in      io.Writer
	shown   output
	ended   chan struct{}
	seen    int // of what is shown, bytes that were looked at
}

// terminal logs in at a trigger with a terminal of this size.
func (p *person) terminal(trigger, cols, rows int) *terminal {
	t := p.dev.t
	t.Helper()
	client, err := ssh.Dial("tcp", p.dev.line.Triggers[trigger].SSH, &ssh.ClientConfig{
		User: p.name, Auth: []ssh.AuthMethod{ssh.PublicKeys(p.signer())}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	term := &terminal{t: t, ended: make(chan struct{})}
	if term.session, err = client.NewSession(); err != nil {
		t.Fatal(err)
	}
	term.session.Stdout = &term.shown
	if term.in, err = term.session.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := term.session.RequestPty("vt100", rows, cols, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := term.session.Shell(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(term.ended)
		_ = term.session.Wait() // the end of the session is what counts
	}()
	return term
}

// keys sends bytes as they are.
func (term *terminal) keys(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.in, keys); err != nil {
		term.t.Fatalf("typing %q: %v", keys, err)
	}
}

// until waits for text in what has been shown since the last look, and returns
// what stands before it.
func (term *terminal) until(text string) string {
	term.t.Helper()
	at := -1
	testenv.Eventually(quiet{term.t}, "the terminal shows "+text, func() (bool, string) {
		fresh := term.shown.String()[term.seen:]
		at = strings.Index(fresh, text)
		return at >= 0, fresh
	})
	before := term.shown.String()[term.seen : term.seen+at]
	term.seen += at + len(text)
	return before
}

// types types a line at a prompt and returns what comes before the next prompt.
func (term *terminal) types(line string) string {
	term.t.Helper()
	term.keys(line + "\r")
	term.until("\r\n")
	return term.until("# ")
}

// close waits until the server has ended the session, and returns what came last.
func (term *terminal) close() string {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(testenv.Patience):
		term.t.Fatalf("the session goes on: %q", term.shown.String()[term.seen:])
	}
	return term.shown.String()[term.seen:]
}

// quiet leaves out the log lines of waits that succeed: there is one for each key.
type quiet struct{ testing.TB }

func (quiet) Logf(string, ...any) {}
