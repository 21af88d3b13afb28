package rtr

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// subsystem is the SSH subsystem of the protocol (RFC 8210 section 9.1).
const subsystem = "rpki-rtr"

func (c Cache) dialSSH(ctx context.Context) (net.Conn, error) {
	config, err := c.sshConfig()
	if err != nil {
		return nil, err
	}
	raw, err := c.dialTCP(ctx)
	if err != nil {
		return nil, err
	}
	// The handshake knows no context: closing the connection ends it.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn, err := openSubsystem(raw, c.Addr, config)
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("SSH with %s: %w", c.Addr, err)
	}
	return conn, nil
}

func (c Cache) sshConfig() (*ssh.ClientConfig, error) {
	pem, err := os.ReadFile(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("our SSH key for the cache: %w", err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return nil, fmt.Errorf("our SSH key %s: %w", c.PrivateKey, err)
	}
	known, err := knownhosts.New(c.KnownHosts)
	if err != nil {
		return nil, fmt.Errorf("known_hosts: %w", err)
	}
	return &ssh.ClientConfig{
		User: c.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: known, Timeout: dialTime,
	}, nil
}

func openSubsystem(raw net.Conn, addr string, config *ssh.ClientConfig) (net.Conn, error) {
	conn, channels, requests, err := ssh.NewClientConn(raw, addr, config)
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(conn, channels, requests)
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := session.RequestSubsystem(subsystem); err != nil {
		return nil, fmt.Errorf("subsystem %s: %w", subsystem, err)
	}
	return &sshConn{Conn: raw, client: client, in: in, out: out}, nil
}

// sshConn is an SSH channel as a net.Conn. It has no deadlines: those of the
// connection below would end the whole transport.
type sshConn struct {
	net.Conn
	client *ssh.Client
	in     io.WriteCloser
	out    io.Reader
}

func (c *sshConn) Read(b []byte) (int, error)  { return c.out.Read(b) }
func (c *sshConn) Write(b []byte) (int, error) { return c.in.Write(b) }
func (c *sshConn) Close() error                { return c.client.Close() }

func (c *sshConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *sshConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *sshConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
