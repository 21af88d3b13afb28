package bench

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// person is a user with a key, also in a file as OpenSSH wants it.
type person struct {
	user   string
	signer ssh.Signer
	public string // as `key` takes it
	file   string // of the private key; the public one has .pub
}

func newPerson(dir, user string) (person, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return person{}, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return person{}, err
	}
	block, err := ssh.MarshalPrivateKey(private, user)
	if err != nil {
		return person{}, err
	}
	p := person{user: user, signer: signer, file: filepath.Join(dir, user), public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}
	if err := os.WriteFile(p.file, pem.EncodeToMemory(block), 0o600); err != nil {
		return person{}, err
	}
	return p, os.WriteFile(p.file+".pub", []byte(p.public+"\n"), 0o600)
}

// login opens an SSH connection.
func login(at string, who person) (*ssh.Client, error) {
	return ssh.Dial("tcp", at, &ssh.ClientConfig{
		User: who.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(who.signer)}, Timeout: 10 * time.Second,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // our own node, on loopback
	})
}

// script is the customer's lines.
func script(c change) string {
	var b strings.Builder
	for _, p := range c.prefixes {
		if c.withdraw {
			b.WriteString("no ")
		}
		b.WriteString("network " + p.String() + "\n")
	}
	return b.String()
}

// terminal is a session that is read until a prompt comes.
type terminal struct {
	client *ssh.Client
	stdin  io.WriteCloser
	output chan []byte
	read   []byte // and not used yet
}

// prompt is what stands at the end when `router bgp` waits for a line.
var prompt = []byte("(config-router)# ")

// openSession opens a shell, on a terminal or not.
func openSession(at string, who person, pty bool) (*terminal, error) {
	client, err := login(at, who)
	if err != nil {
		return nil, err
	}
	t := &terminal{client: client, output: make(chan []byte, 1024)}
	if err := t.shell(pty); err != nil {
		_ = client.Close()
		return nil, err
	}
	return t, nil
}

func (t *terminal) shell(pty bool) error {
	s, err := t.client.NewSession()
	if err != nil {
		return err
	}
	if pty {
		if err := s.RequestPty("xterm", 50, 200, ssh.TerminalModes{}); err != nil {
			return err
		}
	}
	if t.stdin, err = s.StdinPipe(); err != nil {
		return err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.Shell(); err != nil {
		return err
	}
	go func() {
		defer close(t.output)
		for {
			buf := make([]byte, 32<<10)
			n, err := out.Read(buf)
			if n > 0 {
				t.output <- buf[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return nil
}

func (t *terminal) close() { _ = t.client.Close() }

// until reads until what came satisfies the condition, and returns it.
func (t *terminal) until(ctx context.Context, good func([]byte) bool) (string, error) {
	for !good(t.read) {
		select {
		case more, ok := <-t.output:
			if !ok {
				return "", fmt.Errorf("the session ended after %q", tail(t.read))
			}
			t.read = append(t.read, more...)
		case <-ctx.Done():
			return "", fmt.Errorf("%w after %q", context.Cause(ctx), tail(t.read))
		}
	}
	said := string(t.read)
	t.read = nil
	return said, nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-80):] }

// shell is a live session on a terminal: the line stands there, Enter is pressed,
// the next prompt is the acknowledgement.
type shell struct{ *terminal }

func openShell(at string, who person) (door, error) {
	t, err := openSession(at, who, true)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Fprintf(t.stdin, "configure terminal\rrouter bgp %d\r", customerAS)
	if _, err := t.until(ctx, func(b []byte) bool { return bytes.HasSuffix(b, prompt) }); err != nil {
		t.close()
		return nil, err
	}
	return &shell{t}, nil
}

func (s *shell) prepare(c change) (func(context.Context) error, error) {
	text := strings.TrimSuffix(script(c), "\n")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if len(c.prefixes) > 1 { // pasted: nothing can stand there before
		return func(ctx context.Context) error {
			return s.enter(ctx, strings.ReplaceAll(text, "\n", "\r")+"\r", len(c.prefixes))
		}, nil
	}
	if _, err := io.WriteString(s.stdin, text); err != nil {
		return nil, err
	}
	if _, err := s.until(ctx, func(b []byte) bool { return bytes.HasSuffix(b, []byte(text)) }); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return s.enter(ctx, "\r", 1) }, nil
}

// enter types and waits for so many prompts.
func (s *shell) enter(ctx context.Context, keys string, prompts int) error {
	if _, err := io.WriteString(s.stdin, keys); err != nil {
		return err
	}
	said, err := s.until(ctx, func(b []byte) bool { return bytes.HasSuffix(b, prompt) && bytes.Count(b, prompt) >= prompts })
	return refusal(said, err)
}

// refusal finds the line that says why something was not done.
func refusal(said string, err error) error {
	if err != nil {
		return err
	}
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "%") {
			return fmt.Errorf("refused: %s", line)
		}
	}
	return nil
}

// bulk is a session without a terminal, as `ssh host < lines` has: it is open, the
// lines are sent, and the answer to an `echo` behind them is the acknowledgement.
type bulk struct {
	*terminal
	count int
}

func openBulk(at string, who person) (door, error) {
	t, err := openSession(at, who, false)
	if err != nil {
		return nil, err
	}
	b := &bulk{terminal: t}
	if _, err := fmt.Fprintf(t.stdin, "configure terminal\nrouter bgp %d\n", customerAS); err != nil {
		t.close()
		return nil, err
	}
	return b, nil
}

func (b *bulk) prepare(c change) (func(context.Context) error, error) {
	b.count++
	mark := fmt.Sprintf("done-%d", b.count)
	text := []byte(script(c) + "do echo " + mark + "\n")
	return func(ctx context.Context) error {
		sent := make(chan error, 1)
		go func() { // answers come while it is still being sent
			_, err := b.stdin.Write(text)
			sent <- err
		}()
		said, err := b.until(ctx, func(out []byte) bool {
			return bytes.HasSuffix(out, []byte(mark+"\n")) || bytes.HasSuffix(out, []byte(mark+"\r\n"))
		})
		if err := refusal(said, err); err != nil {
			return err
		}
		return <-sent
	}, nil
}

// command is OpenSSH's client with a command, login included.
type command struct {
	args []string
}

func newCommand(at string, who person) (door, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	client, err := program("ssh")
	if err != nil {
		return nil, err
	}
	return &command{[]string{client, "-F", "none", "-p", port, "-l", who.user, "-i", who.file, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", host}}, nil
}

func (c *command) prepare(ch change) (func(context.Context) error, error) {
	text := fmt.Sprintf("configure terminal; router bgp %d; ", customerAS) + strings.ReplaceAll(strings.TrimSpace(script(ch)), "\n", "; ")
	args := append(append([]string{}, c.args...), text)
	return func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ssh: %w: %s", err, bytes.TrimSpace(out))
		}
		return nil
	}, nil
}

func (c *command) close() {}
