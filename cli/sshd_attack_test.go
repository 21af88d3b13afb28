package cli

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// try is one authentication request of an attacker. Names have five letters.
type try struct {
	user string
	auth ssh.AuthMethod
}

// attack opens one connection and makes the tries one after the other, each
// with a user name of its own, which an honest client never does. x/crypto's
// client keeps one name for a connection; the attacker keeps that name in
// memory that it writes over.
func (h *house) attack(tries ...try) (*ssh.Client, error) {
	name := []byte("....." + tries[0].user)[5:]
	next := 0
	return ssh.Dial("tcp", h.addr, &ssh.ClientConfig{
		User:            unsafe.String(&name[0], len(name)),
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		AuthCallback: func(*ssh.ClientAuthContext) (ssh.AuthMethod, error) {
			if next == len(tries) {
				return nil, errors.New("the attacker gives up")
			}
			next++
			copy(name, tries[next-1].user)
			return tries[next-1].auth, nil
		},
	})
}

// offer is a key that is only offered: the signature that would follow when
// the server finds it acceptable cannot be made, for want of the private key.
type offer struct {
	ssh.Signer
	accepted *atomic.Bool
}

func (o offer) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	o.accepted.Store(true)
	return nil, errors.New("this key is somebody else's")
}

// TestOneCustomerCannotBecomeAnother tells the story of the attack on servers
// that keep a connection's first user name.
//
// Alice and bobby are customers. Alice opens a connection, fails to log in
// under one name and goes on under the other. A server that opens the session
// for the name of the first try, and checks the key against the name of the
// last, gives her bobby's blackholes; so does one that does it the other way
// round. Whatever she tries, her key must open only her own sessions.
func TestOneCustomerCannotBecomeAnother(t *testing.T) {
	h := open(t, nil)
	alice := h.person(t, "alice")
	h.person(t, "bobby")
	key, wrong := ssh.PublicKeys(alice), ssh.Password("wrong")

	t.Run("she fails as bobby and then logs in as herself", func(t *testing.T) {
		for _, first := range []ssh.AuthMethod{key, wrong} {
			client, err := h.attack(try{"bobby", first}, try{"alice", key})
			if err != nil {
				t.Fatal("alice cannot log in:", err)
			}
			defer client.Close()
			if got := h.run(t, client, "whoami"); got != "alice by exec\n" {
				t.Errorf("her session is for %q", got)
			}
		}
	})
	t.Run("she fails as herself and then uses her key as bobby", func(t *testing.T) {
		var seen atomic.Bool
		for _, first := range []ssh.AuthMethod{wrong, ssh.PublicKeys(liar{alice}), ssh.PublicKeys(offer{alice, &seen})} {
			client, err := h.attack(try{"alice", first}, try{"bobby", key})
			if err == nil {
				got := h.run(t, client, "whoami")
				client.Close()
				t.Errorf("alice's key let her in as bobby; the session is for %q", got)
			}
		}
		if !seen.Load() {
			t.Error("alice's key was never found acceptable: the attack was not made")
		}
	})
}

// TestAnOfferedKeyLeavesNothingBehind is the second half of the story. To
// offer a key costs no private key: mallo offers the operator's public key,
// which the server finds acceptable, and logs in with her own. A server whose
// tries share one Permissions object then takes her for the operator.
func TestAnOfferedKeyLeavesNothingBehind(t *testing.T) {
	seen := make(chan Login, 1)
	h := open(t, func(o *ServerOptions) {
		o.Shells = func(l Login) vty.Interpreter {
			seen <- l
			return &parrot{login: l}
		}
	})
	operator, line := newKey(t)
	h.put(rtbh.User{Name: "chief", Keys: []string{line}, Role: rtbh.RoleOperator})
	mallo := h.person(t, "mallo")

	var accepted atomic.Bool
	client, err := h.attack(
		try{"chief", ssh.PublicKeys(offer{operator, &accepted})},
		try{"mallo", ssh.PublicKeys(mallo)})
	if err != nil {
		t.Fatal("mallo cannot log in:", err)
	}
	defer client.Close()
	if !accepted.Load() {
		t.Fatal("the operator's key was not found acceptable: the attack was not made")
	}
	if got := h.run(t, client, "whoami"); got != "mallo by exec\n" {
		t.Errorf("her session is for %q", got)
	}
	l := <-seen
	if l.User.Role != rtbh.RoleCustomer || l.Credential != "publickey "+ssh.FingerprintSHA256(mallo.PublicKey()) {
		t.Errorf("something of the offer stuck: %+v", l)
	}
}

// TestNobodyGetsInWithNothing is about a trap in gliderlabs/ssh: with none of
// its own handlers set it switches "none" authentication on for everybody.
func TestNobodyGetsInWithNothing(t *testing.T) {
	h := open(t, nil)
	h.person(t, "alice")
	for _, user := range []string{"alice", "root", "local", ""} {
		if client, err := h.dial(user); err == nil {
			client.Close()
			t.Errorf("%q got in with nothing", user)
		}
	}
	if n := h.Counters().Logins; n != 0 {
		t.Errorf("%d logins", n)
	}
}

// TestAConnectionWithoutIdentityHasNoSession: were a callback ever to let
// somebody in without saying who, or as somebody else, no session is opened.
func TestAConnectionWithoutIdentityHasNoSession(t *testing.T) {
	for name, perms := range map[string]*ssh.Permissions{
		"none":               nil,
		"empty":              {},
		"a forged extension": {Extensions: map[string]string{"identity": "bobby"}},
		"somebody else's":    permissions(identity{user: "alice"}),
		"an empty name's":    permissions(identity{}),
		"under another key":  {ExtraData: map[any]any{"identityKey": identity{user: "bobby"}}},
	} {
		if id, err := identityOf(&ssh.ServerConn{Conn: bobbysConn{}, Permissions: perms}); err == nil {
			t.Errorf("%s: taken for %q", name, id.user)
		}
	}
	conn := &ssh.ServerConn{Conn: bobbysConn{}, Permissions: permissions(identity{user: "bobby"})}
	if id, err := identityOf(conn); err != nil || id.user != "bobby" {
		t.Errorf("bobby is not himself: %v, %v", id, err)
	}
}

// bobbysConn is a connection on which bobby has logged in.
type bobbysConn struct{ ssh.Conn }

func (bobbysConn) User() string { return "bobby" }
