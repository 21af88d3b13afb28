package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNodeCertificateBearsTheNameThatTheCAChose(t *testing.T) {
	w := newWorld(t, "c1")
	key, err := NewKey()
	must(t, err)
	csr, err := NewCSR(key, "trigger9") // what the node would like
	must(t, err)
	der, err := w.ca.Sign(csr, "trigger2#3", NodeLifetime)
	must(t, err)
	c, err := NewCredentials(w.ca.Cert, der, key)
	must(t, err)
	if c.ServerID() != "trigger2#3" || c.Cert.DNSNames[0] != "trigger2" {
		t.Fatalf("names %q %q", c.ServerID(), c.Cert.DNSNames)
	}
	now := time.Now()
	if back := now.Sub(c.Cert.NotBefore); back < 23*time.Hour || back > 25*time.Hour {
		t.Errorf("backdated by %v, want a day", back)
	}
	if left := c.Cert.NotAfter.Sub(now); left < 364*24*time.Hour || left > 366*24*time.Hour {
		t.Errorf("good for %v, want a year", left)
	}
	if c.Cert.IsCA || c.Cert.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("a node's certificate may sign")
	}
	must(t, verifyPeer(c.Cert, w.ca.Cert, x509.ExtKeyUsageClientAuth))
	must(t, verifyPeer(c.Cert, w.ca.Cert, x509.ExtKeyUsageServerAuth))
	if err := verifyPeer(c.Cert, newWorld(t, "c1").ca.Cert, x509.ExtKeyUsageClientAuth); err == nil {
		t.Error("another CA vouches for it")
	}
	if err := verifyPeer(w.ca.Cert, w.ca.Cert, x509.ExtKeyUsageClientAuth); err == nil {
		t.Error("the CA itself passes for a node")
	}
}

func TestCASignsNothingOdd(t *testing.T) {
	w := newWorld(t, "c1")
	key, err := NewKey()
	must(t, err)
	good, err := NewCSR(key, "x")
	must(t, err)
	torn := append([]byte(nil), good...)
	torn[len(torn)-1] ^= 1
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	foreign, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ec)
	must(t, err)
	for what, try := range map[string]struct {
		csr  []byte
		id   string
		life time.Duration
	}{
		"garbage":           {[]byte("garbage"), "a#1", time.Hour},
		"nothing":           {nil, "a#1", time.Hour},
		"signature torn":    {torn, "a#1", time.Hour},
		"another algorithm": {foreign, "a#1", time.Hour},
		"no incarnation":    {good, "a", time.Hour},
		"no lifetime":       {good, "a#1", 0},
		"a century":         {good, "a#1", 100 * 365 * 24 * time.Hour},
	} {
		if _, err := w.ca.Sign(try.csr, try.id, try.life); err == nil {
			t.Errorf("%s: signed", what)
		}
	}
}

func TestCAKeyLiesOnVotersOnly(t *testing.T) {
	w, voter, speaker := newWorld(t, "c1"), t.TempDir(), t.TempDir()
	must(t, SaveCA(voter, w.ca))
	got, err := LoadCA(voter)
	must(t, err)
	if got.Fingerprint() != w.ca.Fingerprint() {
		t.Fatal("another CA came back")
	}
	r, err := SignGeneration(got, w.record) // the key works
	must(t, err)
	must(t, VerifyGeneration(w.ca.Cert, r))
	info, err := os.Stat(filepath.Join(voter, caKeyFile))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("key mode %v, want 0600", info.Mode().Perm())
	}

	must(t, SaveCredentials(speaker, w.credentials("speaker1#1")))
	if _, err := LoadCA(speaker); !errors.Is(err, ErrNoCAKey) {
		t.Fatalf("speaker: %v", err)
	}
	must(t, RemoveCAKey(voter))
	must(t, RemoveCAKey(voter))
	if _, err := LoadCA(voter); !errors.Is(err, ErrNoCAKey) {
		t.Fatalf("demoted: %v", err)
	}
}

func TestCAKeyOfAnotherCAIsNotTaken(t *testing.T) {
	w, dir := newWorld(t, "c1"), t.TempDir()
	must(t, SaveCA(dir, w.ca))
	must(t, writeFile(dir, caCertFile, 0o644, encodeCert(newWorld(t, "c1").ca.Cert)))
	if _, err := LoadCA(dir); err == nil || errors.Is(err, ErrNoCAKey) {
		t.Fatalf("got %v", err)
	}
}

func TestCredentialsSurviveTheDisk(t *testing.T) {
	w, dir := newWorld(t, "c1"), t.TempDir()
	if _, err := LoadCredentials(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("empty directory: %v", err)
	}
	c := w.credentials("trigger1#1")
	must(t, SaveCredentials(dir, c))
	got, err := LoadCredentials(dir)
	must(t, err)
	if got.ServerID() != "trigger1#1" || !got.Key.Equal(c.Key) || !got.CACert.Equal(c.CACert) {
		t.Fatal("other credentials came back")
	}
	info, err := os.Stat(filepath.Join(dir, keyFile))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("key mode %v, want 0600", info.Mode().Perm())
	}
}

func TestCredentialsThatDoNotBelongTogetherAreRefused(t *testing.T) {
	w, foreign := newWorld(t, "c1"), newWorld(t, "c1")
	a, b := w.credentials("a#1"), w.credentials("b#1")
	for what, c := range map[string]Credentials{
		"another's key":    {CACert: a.CACert, Cert: a.Cert, Key: b.Key},
		"another's CA":     {CACert: foreign.ca.Cert, Cert: a.Cert, Key: a.Key},
		"nothing":          {},
		"CA as node":       {CACert: w.ca.Cert, Cert: w.ca.Cert, Key: w.ca.key},
		"no key":           {CACert: a.CACert, Cert: a.Cert},
		"a key cut short":  {CACert: a.CACert, Cert: a.Cert, Key: a.Key[:20]},
		"no CA":            {Cert: a.Cert, Key: a.Key},
		"no certificate":   {CACert: a.CACert, Key: a.Key},
		"foreign CA's key": {CACert: a.CACert, Cert: a.Cert, Key: foreign.ca.key},
	} {
		if err := SaveCredentials(t.TempDir(), c); err == nil {
			t.Errorf("%s: saved", what)
		}
		if p, err := Listen(Options{Credentials: c, Identity: func() Identity { return w.identity("a") }}); err == nil {
			_ = p.Close()
			t.Errorf("%s: listened", what)
		}
	}
	dir := t.TempDir()
	must(t, SaveCredentials(dir, a))
	must(t, writeFile(dir, certFile, 0o644, encodeCert(b.Cert)))
	if _, err := LoadCredentials(dir); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("certificate beside another's key: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, certFile), []byte("-----BEGIN"), 0o600))
	if _, err := LoadCredentials(dir); err == nil || !strings.Contains(err.Error(), certFile) {
		t.Errorf("torn certificate: %v", err)
	}
}

func TestRenewalIsDueWhenAThirdIsLeft(t *testing.T) {
	w, now := newWorld(t, "c1"), time.Now().Truncate(time.Second)
	cert := w.credentialsFor("a#1", now, now.Add(300*time.Hour)).Cert
	for after, want := range map[time.Duration]bool{0: false, 199 * time.Hour: false, 200 * time.Hour: false, 201 * time.Hour: true, 400 * time.Hour: true} {
		if got := NeedsRenewal(cert, now.Add(after)); got != want {
			t.Errorf("after %v: %v", after, got)
		}
	}
}

func TestRenewalKeepsTheKey(t *testing.T) {
	w := newWorld(t, "c1")
	c := w.credentials("a#1")
	csr, err := NewCSR(c.Key, "a")
	must(t, err)
	der, err := w.ca.Sign(csr, "a#1", NodeLifetime)
	must(t, err)
	renewed, err := c.Renewed(der)
	must(t, err)
	if renewed.Cert.Equal(c.Cert) || !renewed.Key.Equal(c.Key) {
		t.Fatal("not renewed")
	}
	if _, err := w.credentials("b#1").Renewed(der); err == nil {
		t.Fatal("b took a's certificate")
	}
}
