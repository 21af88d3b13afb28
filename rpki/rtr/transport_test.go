package rtr_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// door is a listener on this machine that hands connections to a cache.
func door(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

func ready(t *testing.T) *rtrtest.Cache {
	cache := rtrtest.New(7)
	cache.Set(data(a, c))
	t.Cleanup(cache.Drop)
	return cache
}

func fetch(t *testing.T, c rtr.Cache) (*rtr.Epoch, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return rtr.Fetch(ctx, c)
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACacheIsReachedOverTCP(t *testing.T) {
	cache := ready(t)
	e, err := fetch(t, rtr.Cache{Addr: door(t, cache.Serve)})
	if err != nil || e.Data.VRPs.Len() != 2 || e.Version != 2 {
		t.Fatal(e, err)
	}
}

func TestAFetchTriesLowerVersionsToo(t *testing.T) {
	for _, unknown := range []rtrtest.Unknown{rtrtest.Report, rtrtest.Lower, rtrtest.Silent} {
		cache := ready(t)
		cache.Max, cache.Unknown = 0, unknown
		e, err := fetch(t, rtr.Cache{Addr: door(t, cache.Serve)})
		if err != nil || e.Data.VRPs.Len() != 2 || e.Version != 0 {
			t.Error(unknown, e, err)
		}
	}
}

func TestAFetchSaysWhyThereIsNothing(t *testing.T) {
	empty := rtrtest.New(7)
	if _, err := fetch(t, rtr.Cache{Addr: door(t, empty.Serve)}); err == nil || !strings.Contains(err.Error(), "no data yet") {
		t.Error(err)
	}
	if _, err := fetch(t, rtr.Cache{Addr: door(t, func(c net.Conn) { c.Close() })}); err == nil {
		t.Error("a cache that only closes gave something")
	}
}

// certificate makes a key pair signed by another, or by itself.
func certificate(t *testing.T, name string, parent *tls.Certificate) (tls.Certificate, []byte, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: parent == nil, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	issuer, signer := template, any(key)
	if parent != nil {
		issuer, signer = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func TestACacheIsReachedOverTLSWithCertificatesOnBothSides(t *testing.T) {
	ca, caPEM, _ := certificate(t, "ca", nil)
	server, _, _ := certificate(t, "cache.example", &ca)
	_, ourPEM, ourKey := certificate(t, "router.example", &ca)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	cache := ready(t)
	addr := door(t, func(c net.Conn) {
		cache.Serve(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}))
	})
	good := rtr.Cache{
		Addr: addr, Transport: rtr.TLS, ServerName: "cache.example", CA: write(t, "ca", caPEM),
		Cert: write(t, "cert", ourPEM), Key: write(t, "key", ourKey),
	}
	if e, err := fetch(t, good); err != nil || e.Data.VRPs.Len() != 2 {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*rtr.Cache){
		"another name":   func(c *rtr.Cache) { c.ServerName = "other.example" },
		"another CA":     func(c *rtr.Cache) { _, p, _ := certificate(t, "ca2", nil); c.CA = write(t, "ca2", p) },
		"no certificate": func(c *rtr.Cache) { c.Cert, c.Key = "", "" },
		"no CA file":     func(c *rtr.Cache) { c.CA = "/nonexistent" },
		"no PEM":         func(c *rtr.Cache) { c.CA = write(t, "x", []byte("x")) },
	} {
		c := good
		change(&c)
		if _, err := fetch(t, c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// sshCache serves a cache as the subsystem of an SSH server.
func sshCache(t *testing.T, cache *rtrtest.Cache, host ssh.Signer, client ssh.PublicKey) string {
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(client.Marshal()) {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	return door(t, func(raw net.Conn) {
		_, channels, requests, err := ssh.NewServerConn(raw, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for c := range channels {
			channel, asked, err := c.Accept()
			if err != nil {
				return
			}
			for r := range asked {
				right := r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "rpki-rtr")
				r.Reply(right, nil)
				if right {
					go cache.Serve(channelConn{channel, raw})
				}
			}
		}
	})
}

type channelConn struct {
	ssh.Channel
	net.Conn
}

func (c channelConn) Read(b []byte) (int, error)  { return c.Channel.Read(b) }
func (c channelConn) Write(b []byte) (int, error) { return c.Channel.Write(b) }
func (c channelConn) Close() error                { return c.Channel.Close() }

func sshKey(t *testing.T) (ssh.Signer, []byte) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, pem.EncodeToMemory(block)
}

func TestACacheIsReachedOverSSHWhenItsKeyIsKnown(t *testing.T) {
	host, _ := sshKey(t)
	ours, ourPEM := sshKey(t)
	other, _ := sshKey(t)
	addr := sshCache(t, ready(t), host, ours.PublicKey())
	line := func(key ssh.PublicKey) string {
		return write(t, "known_hosts", []byte(knownhosts.Line([]string{addr}, key)+"\n"))
	}
	good := rtr.Cache{Addr: addr, Transport: rtr.SSH, User: "rpki", PrivateKey: write(t, "key", ourPEM), KnownHosts: line(host.PublicKey())}
	if e, err := fetch(t, good); err != nil || e.Data.VRPs.Len() != 2 {
		t.Fatal(err)
	}
	stranger := good
	stranger.KnownHosts = line(other.PublicKey())
	if _, err := fetch(t, stranger); err == nil {
		t.Error("a cache with another key is believed")
	}
}

func TestATCPMD5PasswordNeedsTheOtherSide(t *testing.T) {
	cache := ready(t)
	c := rtr.Cache{Addr: door(t, cache.Serve), Transport: rtr.TCPMD5, Password: "secret"}
	if runtime.GOOS != "linux" {
		if _, err := fetch(t, c); err == nil {
			t.Error("MD5 works where it cannot")
		}
		return
	}
	// The listener has no key: it drops what is signed, and nobody connects.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := rtr.Fetch(ctx, c); err == nil {
		t.Error("an unsigned connection was made")
	}
}

func TestAWrongConfigurationIsExplained(t *testing.T) {
	for _, c := range []rtr.Cache{
		{Addr: "host"}, {Addr: "host:"}, {Addr: "h:1", Transport: "quic"}, {Addr: "h:1", Transport: rtr.TCPMD5},
		{Addr: "h:1", Transport: rtr.TCPMD5, Password: strings.Repeat("x", 81)}, {Addr: "h:1", Transport: rtr.TLS, Cert: "x"}, {Addr: "h:1", Transport: rtr.SSH},
	} {
		if _, err := c.Dialer(); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
