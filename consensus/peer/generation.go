package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrUnproven is a generation whose signature is not the CA's.
var ErrUnproven = errors.New("the generation is not signed by this cluster's CA")

// maxWord bounds cluster ids and lineages wherever bytes are parsed.
const maxWord = 64

// Record says which life of the cluster a node belongs to. A recovery makes
// the next one. Seal proves that whoever made it held the CA's key, so that a
// member which merely claims a higher generation fences nobody.
type Record struct {
	Cluster    string `json:"cluster"`
	Generation uint64 `json:"generation"`
	Lineage    string `json:"lineage"`
	Seal       string `json:"seal"` // base64url of an Ed25519 signature
}

func (r Record) check() error {
	switch {
	case !isWord(r.Cluster):
		return errors.New("the cluster id is empty, too long or not printable")
	case r.Generation == 0:
		return errors.New("a generation counts from 1")
	case !isWord(r.Lineage):
		return errors.New("the lineage is empty, too long or not printable")
	}
	return nil
}

// sealed is what is signed: a label that no certificate can begin with, then
// each field with its length, so that no two records share the same bytes.
func (r Record) sealed() []byte {
	b := []byte("triggerd generation 1\x00")
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Cluster)))
	b = append(b, r.Cluster...)
	b = binary.BigEndian.AppendUint64(b, r.Generation)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Lineage)))
	return append(b, r.Lineage...)
}

// NewLineage returns 128 random bits in hex: a fresh lineage, also good as a
// cluster id.
func NewLineage() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read does not fail
	return hex.EncodeToString(b[:])
}

// SignGeneration returns r with its seal. Only a voter, which holds the CA's
// key, can make one.
func SignGeneration(ca *CA, r Record) (Record, error) {
	if err := r.check(); err != nil {
		return Record{}, fmt.Errorf("sign generation: %w", err)
	}
	r.Seal = base64.RawURLEncoding.EncodeToString(ed25519.Sign(ca.key, r.sealed()))
	return r, nil
}

// VerifyGeneration checks r's seal against the CA certificate; the error is
// ErrUnproven.
func VerifyGeneration(caCert *x509.Certificate, r Record) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("%w: %v", ErrUnproven, err)
	}
	key, ok := caCert.PublicKey.(ed25519.PublicKey)
	sig, err := base64.RawURLEncoding.Strict().DecodeString(r.Seal)
	if !ok || err != nil || !ed25519.Verify(key, r.sealed(), sig) {
		return ErrUnproven
	}
	return nil
}

func isWord(s string) bool {
	if len(s) == 0 || len(s) > maxWord {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
