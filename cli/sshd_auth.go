package cli

import (
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// identityKey is where an identity lies in the Permissions of a try. Its type
// is private to this package, so that no certificate extension can forge it.
type identityKey struct{}

// config makes the configuration of one connection.
//
// gliderlabs' own handlers are not used: they see the user name of the
// connection's first try only, and all tries share one Permissions object, so
// that a client could fail as alice and then come in as bob with alice's key.
// Here every callback decides by the ConnMetadata of its own try and returns
// new Permissions; x/crypto then puts those of the try that succeeded, and of
// no other, into the ServerConn.
func (s *Server) config(ctx ssh.Context) *gossh.ServerConfig {
	g, _ := ctx.Value(guardKey{}).(*guard)
	config := &gossh.ServerConfig{
		MaxAuthTries:            s.opts.Limits.AuthTries,
		PublicKeyAuthAlgorithms: userKeyAlgorithms,
		ServerVersion:           "SSH-2.0-triggerd",
		PublicKeyCallback:       s.publicKey,
		PasswordCallback:        s.password,
		// With none of its own handlers set gliderlabs switches NoClientAuth
		// on, and without this callback "none" would let everybody in.
		NoClientAuthCallback: func(gossh.ConnMetadata) (*gossh.Permissions, error) { return nil, errDenied },
		AuthLogCallback: func(meta gossh.ConnMetadata, method string, err error) {
			s.tried(g, meta.User(), method, err)
		},
	}
	config.KeyExchanges, config.Ciphers, config.MACs = keyExchanges, ciphers, macs
	return config
}

// What is offered. OpenSSH has had all that is needed since 6.5; nothing here
// uses SHA-1, CBC or a group below 128 bits of strength. Encrypt-then-MAC and
// strict key exchange (against Terrapin) come with x/crypto.
var (
	keyExchanges = []string{
		gossh.KeyExchangeMLKEM768X25519, gossh.KeyExchangeCurve25519,
		gossh.KeyExchangeECDHP256, gossh.KeyExchangeECDHP384, gossh.KeyExchangeECDHP521,
		gossh.KeyExchangeDH16SHA512,
	}
	ciphers = []string{
		gossh.CipherChaCha20Poly1305, gossh.CipherAES128GCM, gossh.CipherAES256GCM,
		gossh.CipherAES256CTR, gossh.CipherAES128CTR,
	}
	macs = []string{gossh.HMACSHA256ETM, gossh.HMACSHA512ETM, gossh.HMACSHA256, gossh.HMACSHA512}

	userKeyAlgorithms = []string{
		gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoSKECDSA256,
		gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521,
		gossh.KeyAlgoRSASHA512, gossh.KeyAlgoRSASHA256,
	}
)

// minRSA is the shortest RSA key that is believed, in bits.
const minRSA = 2048

// permissions are the new Permissions of one try.
func permissions(id identity) *gossh.Permissions {
	return &gossh.Permissions{ExtraData: map[any]any{identityKey{}: id}}
}

// publicKey judges one offered key or certificate.
func (s *Server) publicKey(meta gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
	if cert, ok := key.(*gossh.Certificate); ok {
		return s.certificate(meta, cert)
	}
	if weak(key) {
		return nil, errDenied
	}
	id, err := s.keys.key(meta.User(), key.Marshal(), gossh.FingerprintSHA256(key))
	if err != nil {
		return nil, err
	}
	return permissions(id), nil
}

// weak tells whether key is an RSA key that is too short.
func weak(key gossh.PublicKey) bool {
	c, ok := key.(gossh.CryptoPublicKey)
	if !ok {
		return false
	}
	k, ok := c.CryptoPublicKey().(*rsa.PublicKey)
	return ok && k.N.BitLen() < minRSA
}

// certificate judges one OpenSSH user certificate. Of its contents only the
// source-address restriction goes into the Permissions, where x/crypto holds
// the client's address against it; any other critical option is refused.
func (s *Server) certificate(meta gossh.ConnMetadata, cert *gossh.Certificate) (*gossh.Permissions, error) {
	if cert.CertType != gossh.UserCert || weak(cert.Key) || !s.keys.authority(cert.SignatureKey.Marshal()) {
		return nil, errDenied
	}
	principal, err := s.keys.principal(meta.User(), cert.ValidPrincipals)
	if err != nil {
		return nil, err
	}
	checker := gossh.CertChecker{SupportedCriticalOptions: []string{sourceAddress}, Clock: s.keys.now}
	if err := checker.CheckCert(principal, cert); err != nil {
		return nil, fmt.Errorf("%w: %w", errDenied, err)
	}
	perms := permissions(identity{user: meta.User(), credential: fmt.Sprintf("certificate %s serial %d by %s",
		shortQuote(cert.KeyId), cert.Serial, gossh.FingerprintSHA256(cert.SignatureKey))})
	if from, ok := cert.CriticalOptions[sourceAddress]; ok {
		perms.CriticalOptions = map[string]string{sourceAddress: from}
	}
	return perms, nil
}

const sourceAddress = "source-address"

// password judges one typed password.
func (s *Server) password(meta gossh.ConnMetadata, typed []byte) (*gossh.Permissions, error) {
	id, err := s.keys.password(meta.User(), typed)
	if err != nil {
		return nil, err
	}
	return permissions(id), nil
}

// identityOf reads who has logged in from the established connection, and from
// nowhere else.
func identityOf(conn *gossh.ServerConn) (identity, error) {
	if conn.Permissions != nil {
		id, ok := conn.Permissions.ExtraData[identityKey{}].(identity)
		if ok && id.user != "" && id.user == conn.User() {
			return id, nil
		}
	}
	return identity{}, errors.New("the connection carries no identity")
}
