package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	certFile = "node.crt"
	keyFile  = "node.key"
	pemCert  = "CERTIFICATE"
	pemKey   = "PRIVATE KEY"
)

// Credentials are what a node shows and what it checks others against. The
// key stays the same for as long as the node's directory lives: a renewal or a
// new incarnation only replaces the certificate, one file, so that no crash
// can leave a certificate beside another's key.
type Credentials struct {
	CACert *x509.Certificate
	Cert   *x509.Certificate
	Key    ed25519.PrivateKey
}

// NewKey makes a node's key.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// NewCSR makes a certificate request (DER) for a key. The name in it is for
// people: the CA puts the server id that it chose into the certificate.
func NewCSR(key ed25519.PrivateKey, name string) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return der, nil
}

// NewCredentials checks that the three belong together: the certificate is
// the CA's, names a server id, and holds the key's public half.
func NewCredentials(caCert *x509.Certificate, certDER []byte, key ed25519.PrivateKey) (Credentials, error) {
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return Credentials{}, fmt.Errorf("node certificate: %w", err)
	}
	c := Credentials{CACert: caCert, Cert: cert, Key: key}
	return c, c.check()
}

func (c Credentials) check() error {
	if c.CACert == nil || c.Cert == nil || len(c.Key) != ed25519.PrivateKeySize {
		return errors.New("the credentials are incomplete")
	}
	if !c.Key.Public().(ed25519.PublicKey).Equal(c.Cert.PublicKey) {
		return errors.New("the node's key does not belong to its certificate")
	}
	if err := c.Cert.CheckSignatureFrom(c.CACert); err != nil {
		return fmt.Errorf("the node's certificate is not signed by the cluster's CA: %w", err)
	}
	if _, _, err := ParseServerID(c.Cert.Subject.CommonName); err != nil {
		return fmt.Errorf("node certificate: %w", err)
	}
	return nil
}

// ServerID is the name in the certificate.
func (c Credentials) ServerID() string { return c.Cert.Subject.CommonName }

// Renewed returns the credentials with a newer certificate for the same key.
func (c Credentials) Renewed(certDER []byte) (Credentials, error) {
	return NewCredentials(c.CACert, certDER, c.Key)
}

// NeedsRenewal is true from when a third of the certificate's life is left. One
// that is not good yet was made under a clock that was ahead.
func NeedsRenewal(cert *x509.Certificate, now time.Time) bool {
	return now.Before(cert.NotBefore) || cert.NotAfter.Sub(now) < cert.NotAfter.Sub(cert.NotBefore)/3
}

// Good tells whether the certificate is good at a time.
func Good(cert *x509.Certificate, now time.Time) bool {
	return !now.Before(cert.NotBefore) && !now.After(cert.NotAfter)
}

// SaveCertificate replaces the certificate alone: one file, so that no crash
// can leave it beside another's key.
func SaveCertificate(dir string, c Credentials) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("save certificate: %w", err)
	}
	return writeFile(dir, certFile, 0o644, encodeCert(c.Cert))
}

// chain is what TLS shows: the node and the CA, so that a joining node, which
// has only the CA's fingerprint, finds the CA itself in it.
func (c Credentials) chain() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Cert.Raw, c.CACert.Raw}, PrivateKey: c.Key, Leaf: c.Cert}
}

// SaveCredentials writes node.key (0600), ca.crt and node.crt into dir.
func SaveCredentials(dir string, c Credentials) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("save credentials: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return fmt.Errorf("save credentials: %w", err)
	}
	if err := writeFile(dir, keyFile, 0o600, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})); err != nil {
		return err
	}
	if err := writeFile(dir, caCertFile, 0o644, encodeCert(c.CACert)); err != nil {
		return err
	}
	return writeFile(dir, certFile, 0o644, encodeCert(c.Cert))
}

// LoadCredentials reads what SaveCredentials wrote and checks that it belongs
// together.
func LoadCredentials(dir string) (Credentials, error) {
	caCert, err := loadCert(filepath.Join(dir, caCertFile))
	if err != nil {
		return Credentials{}, err
	}
	cert, err := loadCert(filepath.Join(dir, certFile))
	if err != nil {
		return Credentials{}, err
	}
	der, err := loadPEM(filepath.Join(dir, keyFile), pemKey)
	if err != nil {
		return Credentials{}, err
	}
	key, err := parseKey(der)
	if err != nil {
		return Credentials{}, fmt.Errorf("%s: %w", filepath.Join(dir, keyFile), err)
	}
	c := Credentials{CACert: caCert, Cert: cert, Key: key}
	if err := c.check(); err != nil {
		return Credentials{}, fmt.Errorf("%s: %w", dir, err)
	}
	return c, nil
}

func encodeCert(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: c.Raw})
}

func loadCert(path string) (*x509.Certificate, error) {
	der, err := loadPEM(path, pemCert)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cert, nil
}

func loadPEM(path, kind string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load credentials: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: damaged: no PEM block %q in it", path, kind)
	}
	return block.Bytes, nil
}

func parseKey(der []byte) (ed25519.PrivateKey, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is not Ed25519")
	}
	return key, nil
}
