package peer

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
)

// ErrToken is a word that is no join token, or no longer one.
var ErrToken = errors.New("bad join token")

const (
	tokenPrefix  = "rtbh1-" // the digit is the format
	minSecret    = 16
	maxSecret    = 32
	tokenSum     = 4
	maxAddr      = 255
	maxTokenAddr = 16
)

// Token is what a new node needs to join: where to dial, which CA to expect
// there, and a secret that is good once. Only the SHA-256 of the secret is in
// the log; the word itself is shown once and must be kept like a password.
type Token struct {
	Cluster       string
	Secret        []byte // 16 to 32 octets
	CAFingerprint [32]byte
	Addrs         []string // host:port of members, tried in turn; 1 to 16
}

// NewSecret returns 128 random bits for a token.
func NewSecret() []byte {
	b := make([]byte, minSecret)
	_, _ = rand.Read(b)
	return b
}

// SecretHash is what the log keeps of a token.
func SecretHash(secret []byte) [32]byte { return sha256.Sum256(secret) }

// Check says what makes the token unfit to be printed or used.
func (t Token) Check() error {
	switch {
	case !isWord(t.Cluster):
		return fmt.Errorf("%w: no cluster id", ErrToken)
	case len(t.Secret) < minSecret || len(t.Secret) > maxSecret:
		return fmt.Errorf("%w: the secret has %d octets, not %d to %d", ErrToken, len(t.Secret), minSecret, maxSecret)
	case len(t.Addrs) == 0 || len(t.Addrs) > maxTokenAddr:
		return fmt.Errorf("%w: it names %d addresses, not 1 to %d", ErrToken, len(t.Addrs), maxTokenAddr)
	}
	for _, a := range t.Addrs {
		if err := checkAddr(a); err != nil {
			return fmt.Errorf("%w: %v", ErrToken, err)
		}
	}
	return nil
}

func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" || port == "" || len(addr) > maxAddr {
		return fmt.Errorf("%.80q is not an address of the form host:port", addr)
	}
	return nil
}

// String prints the token as one word: a prefix, then base64url of
// length-prefixed fields and the first four octets of their SHA-256.
func (t Token) String() string {
	var b []byte
	field := func(f []byte) {
		n := min(len(f), maxAddr) // Check holds every field below this
		b = append(append(b, byte(n)), f[:n]...)
	}
	field([]byte(t.Cluster))
	field(t.Secret)
	b = append(b, t.CAFingerprint[:]...)
	b = append(b, byte(len(t.Addrs)))
	for _, a := range t.Addrs {
		field([]byte(a))
	}
	sum := sha256.Sum256(b)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:tokenSum]...))
}

// ParseToken reads a word that String printed; blanks around it are ignored.
// Every error is an ErrToken and says what to do.
func ParseToken(word string) (Token, error) {
	word = strings.TrimSpace(word)
	body, ok := strings.CutPrefix(word, tokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("%w: it must begin with %q, as `triggerd token` prints it", ErrToken, tokenPrefix)
	}
	if strings.ContainsAny(body, "\r\n") { // base64 would skip them
		return Token{}, fmt.Errorf("%w: it is one word without line breaks", ErrToken)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(raw) < tokenSum {
		return Token{}, fmt.Errorf("%w: it is mistyped or cut short: copy the whole word again", ErrToken)
	}
	b := raw[:len(raw)-tokenSum]
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:tokenSum], raw[len(b):]) {
		return Token{}, fmt.Errorf("%w: it is mistyped or cut short (the checksum differs): copy the whole word again", ErrToken)
	}
	t, err := parseTokenFields(b)
	if err != nil {
		return Token{}, err
	}
	return t, t.Check()
}

func parseTokenFields(b []byte) (t Token, err error) {
	short := false
	take := func(n int) []byte {
		if n > len(b) {
			short, n = true, len(b)
		}
		f := b[:n]
		b = b[n:]
		return f
	}
	count := func() int {
		if f := take(1); len(f) == 1 {
			return int(f[0])
		}
		return 0
	}
	t.Cluster = string(take(count()))
	t.Secret = bytes.Clone(take(count()))
	copy(t.CAFingerprint[:], take(len(t.CAFingerprint)))
	for range count() {
		t.Addrs = append(t.Addrs, string(take(count())))
	}
	if short || len(b) != 0 {
		return Token{}, fmt.Errorf("%w: its fields do not fit: it was made by another version of triggerd", ErrToken)
	}
	return t, nil
}
