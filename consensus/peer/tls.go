package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// serverConfig asks for a certificate without insisting: a joining node has
// none. One that is shown must be the CA's. No session is ever resumed, so
// every connection proves itself anew. old is set when the client does not
// speak TLS 1.3.
func serverConfig(c Credentials, old *bool) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{c.chain()},
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
		GetConfigForClient: func(hi *tls.ClientHelloInfo) (*tls.Config, error) {
			*old = !slices.Contains(hi.SupportedVersions, tls.VersionTLS13)
			return nil, nil
		},
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return nil
			}
			return verifyPeer(s.PeerCertificates[0], c.CACert, x509.ExtKeyUsageClientAuth)
		},
	}
}

// clientConfig expects a certificate of the CA. Go's own check is off because
// it compares the name dialed; whom the certificate must belong to is judged
// with the hello.
func clientConfig(c Credentials) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{c.chain()},
		InsecureSkipVerify: true, // VerifyConnection below checks the chain
		VerifyConnection: func(s tls.ConnectionState) error {
			return verifyPeer(s.PeerCertificates[0], c.CACert, x509.ExtKeyUsageServerAuth)
		},
	}
}

// joinConfig is for a node that knows only the CA's fingerprint. own is shown
// when the node has a certificate from an earlier life (see Rejoin).
func joinConfig(fingerprint [32]byte, own *Credentials) *tls.Config {
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // VerifyConnection below checks the chain
		VerifyConnection: func(s tls.ConnectionState) error {
			ca := s.PeerCertificates[len(s.PeerCertificates)-1]
			if Fingerprint(ca) != fingerprint {
				return refuse(ForeignCert, "the CA there is not the one that the token names: check the address and the token; if both are right, somebody is in between")
			}
			return verifyPeer(s.PeerCertificates[0], ca, x509.ExtKeyUsageServerAuth)
		},
	}
	if own != nil {
		cfg.Certificates = []tls.Certificate{own.chain()}
	}
	return cfg
}

// verifyPeer checks that cert is a node's certificate under ca, now.
func verifyPeer(cert, ca *x509.Certificate, use x509.ExtKeyUsage) error {
	if bytes.Equal(cert.Raw, ca.Raw) || !ca.IsCA {
		return refuse(ForeignCert, "the certificate is not a node's")
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{use}})
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refuse(ForeignCert, "the certificate of %s is good from %s to %s only: check this node's clock, or join again",
			tame(cert.Subject.CommonName, maxName+12), cert.NotBefore.UTC().Format(time.DateTime), cert.NotAfter.UTC().Format(time.DateTime))
	}
	return refuse(ForeignCert, "the certificate is not signed by this cluster's CA")
}

// tlsRefusal finds the reason in a failed TLS handshake or in the first read
// after it: a client learns only there that the server did not like its
// certificate (RFC 8446 section 4.4.2: it is sent last).
func tlsRefusal(err error, old bool) *Refusal {
	var refusal *Refusal
	var notTLS tls.RecordHeaderError
	var remote *net.OpError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case old:
		return refuse(OldTLS, "the other side does not speak TLS 1.3")
	case isTransport(err):
		return refuse(Incomplete, "the other side went away or was too slow: %v", err)
	case errors.As(err, &notTLS):
		return refuse(NotTLS, "the other side does not speak TLS: it is no member's cluster port")
	case strings.Contains(err.Error(), "protocol version"): // crypto/tls has no type for it
		return refuse(OldTLS, "the other side does not speak TLS 1.3")
	case errors.As(err, &remote) && remote.Op == "remote error":
		return refuse(TLSRejected, "the other side broke off (%s): it may belong to another cluster, or its clock or this one's may be wrong", tame(err.Error(), 80))
	}
	return refuse(NotTLS, "the TLS handshake failed: %s", tame(err.Error(), 120))
}

func isTransport(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	var sys *os.SyscallError // reset, broken pipe
	return errors.As(err, &sys)
}

// shownName is the server id in the other side's certificate, "" without one.
func shownName(s tls.ConnectionState) string {
	if len(s.PeerCertificates) == 0 {
		return ""
	}
	return s.PeerCertificates[0].Subject.CommonName
}
