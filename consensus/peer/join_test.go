package peer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var secret = []byte("0123456789abcdef")

func (w *world) token(addrs ...string) Token {
	return Token{Cluster: w.record.Cluster, Secret: secret, CAFingerprint: w.ca.Fingerprint(), Addrs: addrs}
}

var newcomer = JoinRequest{Name: "trigger3", Advertise: "192.0.2.3:7600", Binary: "v1", Speaks: 4}

// admits is a join handler that checks the secret as the leader will.
func (w *world) admits(bend func(*JoinReply)) JoinHandler {
	return func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
		if SecretHash(ask.Secret) != SecretHash(secret) {
			return JoinReply{}, &RemoteError{"bad-token", "this token is not known: ask for a new one"}
		}
		return w.reply(ask, bend), nil
	}
}

func (w *world) reply(ask JoinAsk, bend func(*JoinReply)) JoinReply {
	r := JoinReply{ServerID: ServerID(ask.Name, 2), Role: "speaker", CACert: w.ca.Cert.Raw, Record: w.record,
		Members: []Member{{"trigger1#1", "192.0.2.1:7600", "voter"}}}
	var err error
	r.Cert, err = w.ca.Sign(ask.CSR, r.ServerID, NodeLifetime)
	must(w.t, err)
	if bend != nil {
		bend(&r)
	}
	return r
}

func TestNodeJoinsWithItsTokenAndIsAMember(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	n.HandleJoin(w.admits(nil))
	tok, err := ParseToken(w.token(n.addr()).String())
	must(t, err)
	joined, err := Join(context.Background(), tok, newcomer)
	must(t, err)
	if joined.Identity.ServerID() != "trigger3#2" || joined.Identity.Record() != w.record || joined.CA != nil ||
		joined.Role != "speaker" || len(joined.Members) != 1 {
		t.Fatalf("%+v", joined)
	}

	dir := t.TempDir()
	must(t, joined.Save(dir))
	id, err := LoadIdentity(dir)
	must(t, err)
	creds, err := LoadCredentials(dir)
	must(t, err)
	if _, err := LoadCA(dir); !errors.Is(err, ErrNoCAKey) {
		t.Errorf("a speaker has the CA key: %v", err)
	}
	member := w.node("trigger3", as(id), func(o *Options) { o.Credentials = creds })
	must(t, member.say(n))
	must(t, n.say(member))
	if len(n.Refused()) != 0 {
		t.Errorf("refused %v", n.Refused())
	}
}

func TestVoterGetsTheCAKey(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	n.HandleJoin(w.admits(func(r *JoinReply) {
		var err error
		r.CAKey, err = w.ca.KeyDER()
		must(t, err)
	}))
	joined, err := Join(context.Background(), w.token(n.addr()), newcomer)
	must(t, err)
	dir := t.TempDir()
	must(t, joined.Save(dir))
	ca, err := LoadCA(dir)
	must(t, err)
	next, err := SignGeneration(ca, Record{Cluster: "c1", Generation: 2, Lineage: "bbbb"})
	must(t, err)
	must(t, VerifyGeneration(w.ca.Cert, next))
	info, err := os.Stat(filepath.Join(dir, caKeyFile))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode().Perm())
	}
}

// The secret is not told to a cluster that cannot prove itself.
func TestWrongFingerprintLearnsNoSecret(t *testing.T) {
	w, impostor := newWorld(t, "c1"), newWorld(t, "c1")
	n := impostor.node("trigger1")
	n.HandleJoin(func(context.Context, net.Addr, JoinAsk) (JoinReply, error) {
		t.Error("the secret was told")
		return JoinReply{}, errors.New("thanks")
	})
	_, err := Join(context.Background(), w.token(n.addr()), newcomer)
	wantRefusal(t, err, ForeignCert, false)
	if !strings.Contains(err.Error(), "token") {
		t.Errorf("the error does not help: %v", err)
	}
	n.sees("tls-rejected")
}

// A CA certificate is public: showing it proves nothing without a signed leaf.
func TestShowingTheRightCAIsNotEnough(t *testing.T) {
	w, impostor := newWorld(t, "c1"), newWorld(t, "c1")
	fake := impostor.credentials("trigger1#1")
	n := impostor.node("trigger1")
	fake.CACert = w.ca.Cert
	n.creds.Store(&fake)
	n.HandleJoin(func(context.Context, net.Addr, JoinAsk) (JoinReply, error) {
		t.Error("the secret was told")
		return JoinReply{}, errors.New("thanks")
	})
	_, err := Join(context.Background(), w.token(n.addr()), newcomer)
	wantRefusal(t, err, ForeignCert, false)
}

func TestWrongSecretIsRefusedForGood(t *testing.T) {
	w := newWorld(t, "c1")
	n, second := w.node("trigger1"), w.node("trigger2")
	n.HandleJoin(w.admits(nil))
	second.HandleJoin(func(context.Context, net.Addr, JoinAsk) (JoinReply, error) {
		t.Error("the next address was tried after a clear no")
		return JoinReply{}, nil
	})
	tok := w.token(n.addr(), second.addr())
	tok.Secret = []byte("fedcba9876543210")
	_, err := Join(context.Background(), tok, newcomer)
	var remote *RemoteError
	if !errors.As(err, &remote) || remote.Code != "bad-token" || !strings.Contains(err.Error(), "ask for a new one") {
		t.Fatal(err)
	}
}

func TestTokenOfAnotherClusterIsRefused(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	n.HandleJoin(w.admits(nil))
	tok := w.token(n.addr())
	tok.Cluster = "c2"
	_, err := Join(context.Background(), tok, newcomer)
	wantRefusal(t, err, WrongCluster, false)
	n.sees("wrong-cluster")
}

func TestReplyThatDoesNotHoldTogetherIsNotBelieved(t *testing.T) {
	w, foreign := newWorld(t, "c1"), newWorld(t, "c1")
	n := w.node("trigger1")
	yesterday := time.Now().Add(-24 * time.Hour)
	for what, handler := range map[string]JoinHandler{
		"expired certificate": func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
			r := w.reply(ask, nil)
			var err error
			r.Cert, err = w.ca.sign(ask.CSR, r.ServerID, yesterday.Add(-time.Hour), yesterday)
			return r, err
		},
		"another's key": w.admits(func(r *JoinReply) { r.Cert = w.credentials("trigger3#2").Cert.Raw }),
		"another name in the certificate": func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
			r := w.reply(ask, nil)
			r.ServerID = "trigger3#1"
			return r, nil
		},
		"a name not asked for": func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
			ask.Name = "trigger4"
			return w.reply(ask, nil), nil
		},
		"another CA": w.admits(func(r *JoinReply) { r.CACert = foreign.ca.Cert.Raw }),
		"another CA altogether": func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
			return foreign.reply(ask, nil), nil
		},
		"another cluster": w.admits(func(r *JoinReply) {
			var err error
			r.Record, err = SignGeneration(w.ca, Record{Cluster: "c2", Generation: 1, Lineage: "aaaa"})
			must(t, err)
		}),
		"unproven generation": w.admits(func(r *JoinReply) { r.Record.Generation = 9 }),
		"no server id":        w.admits(func(r *JoinReply) { r.ServerID = "" }),
		"no certificate":      w.admits(func(r *JoinReply) { r.Cert = nil }),
		"CA key of another":   w.admits(func(r *JoinReply) { r.CAKey, _ = foreign.ca.KeyDER() }),
		"CA key torn":         w.admits(func(r *JoinReply) { r.CAKey = []byte("key") }),
		"nothing": func(context.Context, net.Addr, JoinAsk) (JoinReply, error) {
			return JoinReply{}, nil
		},
	} {
		n.HandleJoin(handler)
		if _, err := Join(context.Background(), w.token(n.addr()), newcomer); !errors.Is(err, ErrBadReply) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Dead addresses, members that cannot help now, and then one that can.
func TestAddressesAreTriedInTurn(t *testing.T) {
	w := newWorld(t, "c1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	notYet, leaderless, good := w.node("trigger1"), w.node("trigger2"), w.node("witness")
	var asked JoinAsk
	leaderless.HandleJoin(func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
		asked = ask
		return JoinReply{}, &RemoteError{CodeRetry, "no leader at the moment"}
	})
	addrs := []string{l.Addr().String(), notYet.addr(), leaderless.addr()}
	key, err := NewKey()
	must(t, err)
	token := w.token(addrs...)
	impatient := joiner{cluster: token.Cluster, fingerprint: token.CAFingerprint, key: key}
	_, err = impatient.join(context.Background(), addrs, JoinAsk{JoinRequest: newcomer, Secret: token.Secret})
	if !errors.Is(err, ErrUnreachable) || errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "no leader at the moment") {
		t.Fatalf("nobody could help: %v", err)
	}

	good.HandleJoin(func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
		if string(ask.CSR) != string(asked.CSR) {
			t.Error("each address gets another request: a repeated one cannot be told from a new one")
		}
		return w.reply(ask, nil), nil
	})
	joined, err := Join(context.Background(), w.token(append(addrs, good.addr())...), newcomer)
	must(t, err)
	if joined.Identity.Name != "trigger3" {
		t.Fatalf("%+v", joined.Identity)
	}
}

// A node that joins in the middle of an election waits for its end.
func TestNotNowIsAskedAgain(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	var asked []string
	n.HandleJoin(func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
		asked = append(asked, string(ask.CSR))
		if len(asked) < 3 {
			return JoinReply{}, &RemoteError{CodeRetry, "no leader at the moment"}
		}
		return w.reply(ask, nil), nil
	})
	_, err := Join(context.Background(), w.token(n.addr()), newcomer)
	must(t, err)
	if len(asked) != 3 || asked[0] != asked[2] {
		t.Errorf("asked %d times, by the same request: %v", len(asked), asked[0] == asked[len(asked)-1])
	}
}

// A member that is not the leader passes the request on as it is.
func TestJoinIsForwardedToTheLeader(t *testing.T) {
	w := newWorld(t, "c1")
	leader, follower := w.node("trigger1"), w.node("trigger2")
	admit := w.admits(nil)
	leader.Handle("join", func(ctx context.Context, from Identity, body []byte) ([]byte, error) {
		ask, err := DecodeJoinAsk(body)
		if err != nil {
			return nil, err
		}
		r, err := admit(ctx, nil, ask)
		if err != nil {
			return nil, err
		}
		return r.Encode()
	})
	follower.HandleJoin(func(ctx context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
		body, err := ask.Encode()
		if err != nil {
			return JoinReply{}, err
		}
		got, err := follower.Call(ctx, leader.addr(), "trigger1#1", "join", body)
		if err != nil {
			return JoinReply{}, err
		}
		return DecodeJoinReply(got)
	})
	joined, err := Join(context.Background(), w.token(follower.addr()), newcomer)
	must(t, err)
	if joined.Identity.ServerID() != "trigger3#2" {
		t.Fatalf("%+v", joined.Identity)
	}
	tok := w.token(follower.addr())
	tok.Secret = []byte("fedcba9876543210")
	var remote *RemoteError
	if _, err := Join(context.Background(), tok, newcomer); !errors.As(err, &remote) || remote.Code != "bad-token" {
		t.Fatalf("the leader's no: %v", err)
	}
}

// A node from an older generation comes back under its certificate; a node
// without one cannot say whose it is.
func TestRejoinIsProvenByTheOldCertificate(t *testing.T) {
	w := newWorld(t, "c1")
	old := w.credentials("trigger3#1")
	n := w.node("trigger1", as(w.identity("trigger1").WithRecord(w.generation(2, "bbbb"))), members("trigger1#1"))
	var holder string
	n.HandleJoin(func(_ context.Context, _ net.Addr, ask JoinAsk) (JoinReply, error) {
		holder = ask.Holder
		return w.reply(ask, func(r *JoinReply) { r.Record = w.generation(2, "bbbb") }), nil
	})
	joined, err := Rejoin(context.Background(), "c1", old, []string{n.addr()}, newcomer)
	must(t, err)
	if holder != "trigger3#1" || !joined.Credentials.Key.Equal(old.Key) || joined.Identity.ServerID() != "trigger3#2" || joined.Identity.Generation != 2 {
		t.Fatalf("holder %q, %+v", holder, joined.Identity)
	}

	// A holder that a newcomer writes into its request counts for nothing.
	j := joiner{cluster: "c1", fingerprint: w.ca.Fingerprint(), key: old.Key}
	_, err = j.join(context.Background(), []string{n.addr()}, JoinAsk{JoinRequest: newcomer, Holder: "trigger3#1"})
	must(t, err)
	if holder != "" {
		t.Fatalf("a claimed holder was believed: %q", holder)
	}

	foreign := newWorld(t, "c1").credentials("trigger3#1")
	foreign.CACert = w.ca.Cert
	if _, err = Rejoin(context.Background(), "c1", foreign, []string{n.addr()}, newcomer); err == nil {
		t.Fatal("a foreign certificate came through")
	}
	n.sees("foreign-certificate")
}

// The connection breaks after the request went out: the cluster may have
// taken the node in.
func TestLostJoinReplyIsUncertain(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	n.HandleJoin(func(ctx context.Context, _ net.Addr, _ JoinAsk) (JoinReply, error) {
		for _, c := range n.admitted() {
			_ = c.raw.Close()
		}
		return JoinReply{}, errors.New("too late")
	})
	_, err := Join(context.Background(), w.token(n.addr()), newcomer)
	if !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
}

func TestJoinHasAnEnd(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	ctx, cancel := context.WithCancel(context.Background())
	n.HandleJoin(func(hctx context.Context, _ net.Addr, _ JoinAsk) (JoinReply, error) {
		cancel() // the operator types Ctrl-C
		<-hctx.Done()
		return JoinReply{}, hctx.Err()
	})
	if _, err := Join(ctx, w.token(n.addr()), newcomer); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
}

func TestJoinRequestsAreChecked(t *testing.T) {
	w := newWorld(t, "c1")
	n := w.node("trigger1")
	n.HandleJoin(w.admits(nil))
	for what, req := range map[string]JoinRequest{
		"no name":    {Advertise: "192.0.2.3:7600"},
		"odd name":   {Name: "../x", Advertise: "192.0.2.3:7600"},
		"no address": {Name: "trigger3"},
		"no port":    {Name: "trigger3", Advertise: "192.0.2.3"},
	} {
		if _, err := Join(context.Background(), w.token(n.addr()), req); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Join(context.Background(), Token{}, newcomer); !errors.Is(err, ErrToken) {
		t.Errorf("empty token: %v", err)
	}
}
