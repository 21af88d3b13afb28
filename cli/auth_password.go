package cli

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// ErrPasswordHash is a stored password hash that cannot be used.
var ErrPasswordHash = errors.New("password hash is neither argon2id ($argon2id$v=19$m=,t=,p=$salt$key) nor bcrypt ($2b$)")

// Parameters of new hashes, RFC 9106's second choice with less memory, as
// OWASP gives them; and the most that a stored hash may ask of this node.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32

	maxArgonMemory = 256 << 10 // KiB
	maxArgonTime   = 16
	maxBcryptCost  = 14
)

// HashPassword makes the argon2id hash that is stored for a password, in the
// PHC string format.
func HashPassword(password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes", maxPassword)
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("drawing a salt: %w", err)
	}
	return formatArgon(argonHash{argonMemory, argonTime, argonThreads, salt, nil}, []byte(password)), nil
}

// dummyHash is a hash that costs what HashPassword's do and fits no password.
func dummyHash() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails since Go 1.24
	return formatArgon(argonHash{argonMemory, argonTime, argonThreads, random[:16], nil}, random)
}

// CheckPasswordHash tells whether VerifyPassword can work with a hash.
func CheckPasswordHash(hash string) error {
	if strings.HasPrefix(hash, "$argon2id$") {
		_, err := parseArgon(hash)
		return err
	}
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || cost > maxBcryptCost {
		return ErrPasswordHash
	}
	return nil
}

// VerifyPassword tells whether password belongs to hash, which is an argon2id
// or a bcrypt string.
func VerifyPassword(hash string, password []byte) (bool, error) {
	if err := CheckPasswordHash(hash); err != nil {
		return false, err
	}
	if strings.HasPrefix(hash, "$argon2id$") {
		h, err := parseArgon(hash)
		if err != nil {
			return false, err
		}
		return subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1, nil
	}
	if len(password) > 72 { // bcrypt would silently ignore the rest
		return false, nil
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), password) == nil, nil
}

// argonHash is a parsed argon2id string.
type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func (h argonHash) derive(password []byte, n int) []byte {
	return argon2.IDKey(password, h.salt, h.time, h.memory, h.threads, uint32(n))
}

func formatArgon(h argonHash, password []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.derive(password, argonKey)))
}

// parseArgon reads $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY and refuses what
// would cost too much to compute.
func parseArgon(s string) (argonHash, error) {
	var h argonHash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, ErrPasswordHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, ErrPasswordHash
	}
	var saltErr, keyErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case saltErr != nil, keyErr != nil, len(h.salt) < 8, len(h.salt) > 64, len(h.key) < 16, len(h.key) > 128,
		h.memory < 8, h.memory > maxArgonMemory, h.time < 1, h.time > maxArgonTime, h.threads < 1, h.threads > 16:
		return h, ErrPasswordHash
	}
	return h, nil
}
