package peer

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// joinTime is how long the cluster has to take a node in.
	joinTime = 30 * time.Second
	// retryFor is how long a node that wants to join puts up with "not now": an
	// election is over by then, or something is wrong that waiting won't mend.
	retryFor = 15 * time.Second
)

// ErrBadReply is an answer to a join request that does not hold together.
var ErrBadReply = errors.New("the cluster's answer to the join request is not valid")

// Joined is what a node has after joining.
type Joined struct {
	Identity    Identity
	Credentials Credentials
	CA          *CA // nil unless the node is to be a voter
	Role        string
	Members     []Member
}

// Save writes all of it into dir. The identity comes last: until it is there,
// the directory has not joined.
func (j Joined) Save(dir string) error {
	if err := SaveCredentials(dir, j.Credentials); err != nil {
		return err
	}
	if j.CA != nil {
		if err := SaveCA(dir, j.CA); err != nil {
			return err
		}
	}
	return SaveIdentity(dir, j.Identity)
}

// Join makes this node a member. It dials the token's addresses in turn until
// one answers for good, for a while also when all that answer say that now is
// not the time, as during an election. Nothing is written to disk. The error holds the
// handler's *RemoteError when the cluster said no, the *Refusal when the
// connection was cut, ErrLost when the cluster may have taken the node in
// without the answer reaching it (ask for a new token then), else ErrUnreachable.
func Join(ctx context.Context, t Token, req JoinRequest) (Joined, error) {
	if err := t.Check(); err != nil {
		return Joined{}, err
	}
	key, err := NewKey()
	if err != nil {
		return Joined{}, fmt.Errorf("join: %w", err)
	}
	j := joiner{cluster: t.Cluster, fingerprint: t.CAFingerprint, key: key, patience: retryFor}
	return j.join(ctx, t.Addrs, JoinAsk{JoinRequest: req, Secret: t.Secret})
}

// Rejoin asks for a new incarnation of a node that holds a certificate from an
// earlier life in the same cluster, as after fencing: no token is needed, the
// certificate says who asks (JoinAsk.Holder). The key stays the same.
func Rejoin(ctx context.Context, cluster string, own Credentials, addrs []string, req JoinRequest) (Joined, error) {
	j := joiner{cluster: cluster, fingerprint: Fingerprint(own.CACert), key: own.Key, own: &own, patience: retryFor}
	return j.join(ctx, addrs, JoinAsk{JoinRequest: req})
}

type joiner struct {
	cluster     string
	fingerprint [32]byte
	key         ed25519.PrivateKey
	own         *Credentials  // nil for a new node
	patience    time.Duration // with "not now"
}

func (j joiner) join(ctx context.Context, addrs []string, ask JoinAsk) (Joined, error) {
	var err error
	ask.Cluster = j.cluster
	if ask.CSR, err = NewCSR(j.key, ask.Name); err != nil {
		return Joined{}, fmt.Errorf("join: %w", err)
	}
	if err := ask.check(); err != nil {
		return Joined{}, fmt.Errorf("join: %w", err)
	}
	giveUp := time.Now().Add(j.patience)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		joined, again, err := j.round(ctx, addrs, ask)
		if err == nil || !again || time.Now().After(giveUp) {
			return joined, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return joined, err
		}
	}
}

// round asks every address once. The same request goes to all of them: its key
// tells the cluster that a second try is the first one again. again tells
// whether one of them said that it may be taken later.
func (j joiner) round(ctx context.Context, addrs []string, ask JoinAsk) (joined Joined, again bool, err error) {
	var failed []error
	for _, addr := range addrs {
		reply, err := j.ask(ctx, addr, ask)
		if err == nil {
			joined, err = j.accept(ask, reply)
			return joined, false, err
		}
		var remote *RemoteError
		if errors.As(err, &remote) {
			if remote.Code != CodeRetry {
				return Joined{}, false, fmt.Errorf("join: %s: %w", addr, err)
			}
			again = true
		}
		failed = append(failed, fmt.Errorf("%s: %w", addr, err))
	}
	return Joined{}, again, fmt.Errorf("join: %w", errors.Join(failed...))
}

// ask puts the request to one address.
func (j joiner) ask(ctx context.Context, addr string, ask JoinAsk) (JoinReply, error) {
	dialing, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(dialing, "tcp", addr)
	if err != nil {
		return JoinReply{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	_ = raw.SetDeadline(time.Now().Add(handshakeTime))
	t := tls.Client(raw, joinConfig(j.fingerprint, j.own))
	if refusal := j.handshake(dialing, t, ask.Name); refusal != nil {
		return JoinReply{}, fmt.Errorf("%w: %w", ErrUnreachable, refusal)
	}
	_ = raw.SetDeadline(time.Now().Add(joinTime))
	message, err := ask.Encode()
	if err != nil {
		return JoinReply{}, err
	}
	if err := writeMessage(t, message); err != nil {
		return JoinReply{}, fmt.Errorf("%w: %w", ErrLost, err)
	}
	return readJoinAnswer(t)
}

// handshake pins the CA and exchanges hellos.
func (j joiner) handshake(ctx context.Context, t *tls.Conn, name string) *Refusal {
	if err := t.HandshakeContext(ctx); err != nil {
		return tlsRefusal(err, false)
	}
	heard, theirs, err := greet(t, Identity{Cluster: j.cluster, Name: name}, channelJoin)
	if err != nil {
		return helloRefusal(err)
	}
	refusal := judgement{self: Identity{Cluster: j.cluster}, heard: heard}.judge()
	if refusal == nil && shownName(t.ConnectionState()) != heard.identity().ServerID() {
		refusal = refuse(WrongName, "the certificate is not that of the node that answered")
	}
	if err := sayVerdict(t, refusal); err != nil {
		refusal = firstRefusal(refusal, tlsRefusal(err, false))
	}
	if refusal == nil && theirs.Reason != "" {
		refusal = &Refusal{Reason: theirs.Reason, Text: theirs.Text, ByPeer: true}
	}
	return refusal
}

// accept checks the reply before any of it is believed.
func (j joiner) accept(ask JoinAsk, r JoinReply) (Joined, error) {
	bad := func(format string, args ...any) (Joined, error) {
		return Joined{}, fmt.Errorf("%w: %w", ErrBadReply, fmt.Errorf(format, args...))
	}
	caCert, err := x509.ParseCertificate(r.CACert)
	if err != nil {
		return bad("CA certificate: %w", err)
	}
	if Fingerprint(caCert) != j.fingerprint {
		return bad("its CA is not the one that the token names")
	}
	creds, err := NewCredentials(caCert, r.Cert, j.key)
	if err != nil {
		return bad("%w", err)
	}
	if err := verifyPeer(creds.Cert, caCert, x509.ExtKeyUsageClientAuth); err != nil {
		return bad("%w", err)
	}
	name, incarnation, err := ParseServerID(r.ServerID)
	if err != nil {
		return bad("%w", err)
	}
	if creds.ServerID() != r.ServerID || name != ask.Name {
		return bad("asked for the name %s, got %s with a certificate for %s", ask.Name, r.ServerID, creds.ServerID())
	}
	if r.Record.Cluster != ask.Cluster {
		return bad("it is about cluster %.80q", r.Record.Cluster)
	}
	if err := VerifyGeneration(caCert, r.Record); err != nil {
		return bad("%w", err)
	}
	joined := Joined{
		Identity:    Identity{Name: name, Incarnation: incarnation}.WithRecord(r.Record),
		Credentials: creds, Role: r.Role, Members: r.Members,
	}
	if len(r.CAKey) > 0 {
		if joined.CA, err = newCAFrom(caCert, r.CAKey); err != nil {
			return bad("%w", err)
		}
	}
	return joined, nil
}
