package soak

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// How long a client waits. A node answers a write within 5 s, so who waits longer
// waits for a node that is frozen.
const (
	loginPatience = 3 * time.Second
	linePatience  = 8 * time.Second
)

// errNotSent is certain: the line did not reach the node.
var errNotSent = errors.New("not sent")

// person is a user with a key.
type person struct {
	user   string
	signer ssh.Signer
	public string // as `key` takes it
}

func newPerson(user string) (person, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return person{}, fmt.Errorf("making a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return person{}, fmt.Errorf("making a key: %w", err)
	}
	return person{user: user, signer: signer, public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}, nil
}

// hostKeys learns each node's host key once; it has to stay the same over every
// restart.
type hostKeys struct {
	mu    sync.Mutex
	known map[string][]byte
}

func (h *hostKeys) check(node string, key ssh.PublicKey) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if was, ok := h.known[node]; ok && !bytes.Equal(was, key.Marshal()) {
		return fmt.Errorf("%s has another host key than before", node)
	}
	h.known[node] = key.Marshal()
	return nil
}

// door is one client's connection to one node, made when it is needed. It is for
// one goroutine.
type door struct {
	who    person
	node   *node
	keys   *hostKeys
	client *ssh.Client
}

// runs runs one command line and returns what was said and the exit status: 0
// accepted, 1 refused, 2 not confirmed. The error is errNotSent, or says why
// there was no answer.
func (d *door) runs(line string) (said string, status int, err error) {
	if err := d.connect(); err != nil {
		return "", 0, fmt.Errorf("%w: %w", errNotSent, err)
	}
	late := time.AfterFunc(linePatience, func() { _ = d.client.Close() })
	defer late.Stop()
	session, err := d.client.NewSession()
	if err != nil {
		d.close()
		return "", 0, fmt.Errorf("%w: %w", errNotSent, err)
	}
	defer session.Close()
	out, err := session.CombinedOutput(line)
	said = strings.TrimSpace(string(out))
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return said, 0, nil
	case errors.As(err, &exit) && exit.Signal() == "":
		return said, exit.ExitStatus(), nil
	}
	d.close()
	return said, 0, fmt.Errorf("no answer: %w", err)
}

func (d *door) connect() error {
	if d.client != nil {
		return nil
	}
	addr := d.node.conf.SSH.Listen[0]
	conn, err := net.DialTimeout("tcp", addr, loginPatience)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(loginPatience))
	c, channels, requests, err := ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		User: d.who.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(d.who.signer)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { return d.keys.check(d.node.name, key) },
	})
	if err != nil {
		_ = conn.Close()
		return err
	}
	_ = conn.SetDeadline(time.Time{})
	d.client = ssh.NewClient(c, channels, requests)
	return nil
}

func (d *door) close() {
	if d.client != nil {
		_ = d.client.Close()
		d.client = nil
	}
}
