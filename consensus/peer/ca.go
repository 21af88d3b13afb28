package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// ErrNoCAKey is a node that has no key of the CA, as every node but a voter.
var ErrNoCAKey = errors.New("this node does not hold the cluster's CA key: only voters do")

const (
	caCertFile = "ca.crt"
	caKeyFile  = "ca.key"

	caLifetime = 20 * 365 * 24 * time.Hour
	// NodeLifetime is how long a node's certificate is good for.
	NodeLifetime = 365 * 24 * time.Hour
	// backdate makes a new certificate good on nodes whose clock is behind.
	backdate = 24 * time.Hour
)

// CA is the cluster's own certificate authority, made once by `triggerd init`.
// It signs the nodes' certificates and the generation records. Its key lies on
// the voters only and never enters the log or a backup.
type CA struct {
	Cert *x509.Certificate
	key  ed25519.PrivateKey
}

// NewCA makes the authority of a new cluster: Ed25519, self-signed, good for
// 20 years from yesterday on.
func NewCA(cluster string) (*CA, error) {
	if !isWord(cluster) {
		return nil, fmt.Errorf("new CA: a cluster id has 1 to %d printable characters", maxWord)
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("new CA: %w", err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{Organization: []string{cluster}, CommonName: "triggerd cluster CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		return nil, fmt.Errorf("new CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("new CA: %w", err)
	}
	return &CA{Cert: cert, key: key}, nil
}

// newCAFrom puts a CA together from its parts, as a new voter receives them.
func newCAFrom(cert *x509.Certificate, keyDER []byte) (*CA, error) {
	key, err := parseKey(keyDER)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	if !key.Public().(ed25519.PublicKey).Equal(cert.PublicKey) {
		return nil, errors.New("the CA key does not belong to the CA certificate")
	}
	return &CA{Cert: cert, key: key}, nil
}

// CAFromKey puts a CA together from a certificate that is known and a key in
// PKCS #8, as a node receives it that has become a voter.
func CAFromKey(cert *x509.Certificate, keyDER []byte) (*CA, error) { return newCAFrom(cert, keyDER) }

// LoadCA reads the CA with its key from dir. On a node that is no voter the
// error is ErrNoCAKey.
func LoadCA(dir string) (*CA, error) {
	cert, err := loadCert(filepath.Join(dir, caCertFile))
	if err != nil {
		return nil, err
	}
	der, err := loadPEM(filepath.Join(dir, caKeyFile), pemKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoCAKey)
	}
	if err != nil {
		return nil, err
	}
	ca, err := newCAFrom(cert, der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return ca, nil
}

// SaveCA writes the CA into dir, the key readable by the owner only.
func SaveCA(dir string, ca *CA) error {
	der, err := ca.KeyDER()
	if err != nil {
		return err
	}
	if err := writeFile(dir, caKeyFile, 0o600, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})); err != nil {
		return err
	}
	return writeFile(dir, caCertFile, 0o644, encodeCert(ca.Cert))
}

// RemoveCAKey takes the key out of dir, as when a voter is demoted. Removing
// what is not there is no error.
func RemoveCAKey(dir string) error {
	if err := os.Remove(filepath.Join(dir, caKeyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove CA key: %w", err)
	}
	return syncDir(dir)
}

// KeyDER is the private key in PKCS #8, for JoinReply.CAKey only.
func (ca *CA) KeyDER() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	return der, nil
}

// Fingerprint is the SHA-256 of the CA certificate, as tokens carry it.
func (ca *CA) Fingerprint() [32]byte { return Fingerprint(ca.Cert) }

// Fingerprint is the SHA-256 of a certificate's DER bytes.
func Fingerprint(cert *x509.Certificate) [32]byte { return sha256.Sum256(cert.Raw) }

// Sign makes a node's certificate from its request. Only the request's public
// key is used: the name is serverID, whatever the request says. The result is
// DER, good from yesterday until lifetime from now.
func (ca *CA) Sign(csrDER []byte, serverID string, lifetime time.Duration) ([]byte, error) {
	if lifetime <= 0 || lifetime > caLifetime {
		return nil, fmt.Errorf("sign certificate: a lifetime of %v is not possible", lifetime)
	}
	now := time.Now()
	return ca.sign(csrDER, serverID, now.Add(-backdate), now.Add(lifetime))
}

// Renew is Sign with the usual lifetime, at a given time: the caller has
// compared its wall clock with the cluster's.
func (ca *CA) Renew(csrDER []byte, serverID string, now time.Time) ([]byte, error) {
	return ca.sign(csrDER, serverID, now.Add(-backdate), now.Add(NodeLifetime))
}

func (ca *CA) sign(csrDER []byte, serverID string, from, until time.Time) ([]byte, error) {
	name, _, err := ParseServerID(serverID)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: the request cannot be read: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("sign certificate: the request is not signed by its own key: %w", err)
	}
	if _, ok := csr.PublicKey.(ed25519.PublicKey); !ok {
		return nil, errors.New("sign certificate: the request's key is not Ed25519")
	}
	tmpl := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{Organization: ca.Cert.Subject.Organization, CommonName: serverID},
		// The server id has a `#`, which a DNS name must not have (RFC 5280
		// section 4.2.1.6), so the name alone stands here, for foreign tools.
		DNSNames:    []string{name},
		NotBefore:   from,
		NotAfter:    until,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.Cert, csr.PublicKey, ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return der, nil
}

func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[0] &= 0x7f // positive, at most 20 octets (RFC 5280 section 4.1.2.2)
	b[0] |= 0x01
	return new(big.Int).SetBytes(b[:])
}
