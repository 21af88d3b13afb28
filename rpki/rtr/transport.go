package rtr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"
)

// Transport is how a cache is reached (RFC 8210 section 9).
type Transport string

// The transports.
const (
	TCP    Transport = "tcp"
	TLS    Transport = "tls"
	SSH    Transport = "ssh"
	TCPMD5 Transport = "tcp-md5"
)

// Cache is the configuration of one cache. It is comparable.
type Cache struct {
	Addr       string     // HOST:PORT
	Preference uint8      // lower is better (RFC 8210 section 10)
	Transport  Transport  // "" is TCP
	Source     netip.Addr // local address; invalid: any
	Password   string     // of TCPMD5, at most 80 octets

	// Files of TLS, read at each connection, so that a renewed certificate needs
	// no restart. CA empty: the system's. Cert and Key empty: none is shown.
	CA, Cert, Key string
	ServerName    string // what the certificate must name; "" is the host of Addr

	// SSH: User, the private key's file, and a known_hosts file that has the
	// cache's key. There is no connection without a known key.
	User, PrivateKey, KnownHosts string
}

// Check tells what is wrong with a configuration, nil when nothing is.
func (c Cache) Check() error {
	if _, port, err := net.SplitHostPort(c.Addr); err != nil || port == "" {
		return fmt.Errorf("the address of a cache is HOST:PORT, not %q", c.Addr)
	}
	switch c.Transport {
	case "", TCP:
	case TLS:
		if (c.Cert == "") != (c.Key == "") {
			return errors.New("a TLS certificate needs its key and the other way round")
		}
	case SSH:
		if c.User == "" || c.PrivateKey == "" || c.KnownHosts == "" {
			return errors.New("SSH needs a user, a private key and a known_hosts file with the key of the cache")
		}
	case TCPMD5:
		if c.Password == "" || len(c.Password) > maxMD5 {
			return fmt.Errorf("TCP MD5 needs a password of 1 to %d octets", maxMD5)
		}
	default:
		return fmt.Errorf("%q is no transport: tcp, tls, ssh and tcp-md5 are", c.Transport)
	}
	return nil
}

const maxMD5 = 80 // TCP_MD5SIG_MAXKEYLEN

// Dialer returns the function that connects to the cache.
func (c Cache) Dialer() (func(context.Context) (net.Conn, error), error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch c.Transport {
	case TLS:
		return c.dialTLS, nil
	case SSH:
		return c.dialSSH, nil
	default:
		return c.dialTCP, nil
	}
}

// dialTCP makes a TCP connection that notices a dead cache within a minute.
func (c Cache) dialTCP(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	if c.Source.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.Source, 0))
	}
	if c.Transport == TCPMD5 {
		d.Control = md5Control(c.Password)
		d.KeepAliveConfig.Enable = false // its probes are signed too, yet some stacks drop them
	}
	return d.DialContext(ctx, "tcp", c.Addr)
}

func (c Cache) dialTLS(ctx context.Context) (net.Conn, error) {
	config, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	raw, err := c.dialTCP(ctx)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("TLS with %s: %w", c.Addr, err)
	}
	return conn, nil
}

func (c Cache) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(c.Addr)
	}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("the CA of the cache: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", c.CA)
		}
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("our certificate for the cache: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
