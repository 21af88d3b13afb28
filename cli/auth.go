package cli

import (
	"bytes"
	"encoding/base64"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// UserStore is what a door needs to know about users. It reads the replicated
// state and is called from many goroutines at once.
type UserStore interface {
	// User looks a user up; false when there is none by that name.
	User(name string) (rtbh.User, bool)
	// UserCAs are the public keys, in authorized_keys form, of those whose
	// OpenSSH user certificates are believed.
	UserCAs() []string
}

// errDenied is all that a client is told, whatever was wrong.
var errDenied = errors.New("permission denied")

// identity is who a connection has proved to be. It is made anew for each
// authentication try and only counts once it is read from the established
// connection.
type identity struct {
	user       string
	credential string
}

// doorkeeper decides who may come in. It judges one try at a time by the name
// that this very try carries and keeps nothing between tries: what a client
// tried before under another name must not matter.
type doorkeeper struct {
	users  UserStore
	now    func() time.Time
	hashes chan struct{} // as many password hashes as may be computed at once
	floor  time.Duration // shortest time that refusing a password takes
	dummy  string        // hash that stands in for users that have none
}

func newDoorkeeper(users UserStore) *doorkeeper {
	return &doorkeeper{
		users:  users,
		now:    time.Now,
		hashes: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/4)),
		floor:  600 * time.Millisecond,
		dummy:  dummyHash(),
	}
}

// enabled is the record of a user that may log in.
func (d *doorkeeper) enabled(name string) (rtbh.User, bool) {
	u, ok := d.users.User(name)
	if !ok || u.Disabled || u.Name != name || name == "" {
		return rtbh.User{}, false
	}
	return u, true
}

// key judges a public key in wire form.
func (d *doorkeeper) key(user string, wire []byte, fingerprint string) (identity, error) {
	u, ok := d.enabled(user)
	if !ok || !lists(u.Keys, wire) {
		return identity{}, errDenied
	}
	return identity{user: user, credential: "publickey " + fingerprint}, nil
}

// principal finds the name under which a certificate for names admits user:
// one that stands both in the certificate and in the user's record. A
// certificate without names, which would be good for everybody, is good for
// nobody here.
func (d *doorkeeper) principal(user string, names []string) (string, error) {
	u, ok := d.enabled(user)
	if !ok {
		return "", errDenied
	}
	for _, p := range u.Principals {
		if p != "" && slices.Contains(names, p) {
			return p, nil
		}
	}
	return "", errDenied
}

// authority tells whether wire is the key of a believed certificate authority.
func (d *doorkeeper) authority(wire []byte) bool {
	return lists(d.users.UserCAs(), wire)
}

// maxPassword bounds what is hashed for somebody who has not logged in.
const maxPassword = 1024

// password judges a password. Whether the user exists, has a password or
// mistyped it, a refusal costs one hash and takes the same time.
func (d *doorkeeper) password(user string, typed []byte) (identity, error) {
	begin := d.now()
	u, ok := d.enabled(user)
	hash := u.Password
	if !ok || hash == "" || len(typed) > maxPassword {
		ok, hash = false, d.dummy
		typed = typed[:min(len(typed), maxPassword)]
	}
	right, err := d.verify(hash, typed)
	if ok && right && err == nil {
		return identity{user: user, credential: "password"}, nil
	}
	if wait := d.floor - d.now().Sub(begin); wait > 0 {
		<-time.After(wait)
	}
	return identity{}, errDenied
}

// errBusy is a flood of passwords: no hash could be computed in time.
var errBusy = errors.New("too many passwords are being checked")

// verify computes a hash when it is its turn, so that a flood of passwords
// cannot take all processors and memory.
func (d *doorkeeper) verify(hash string, typed []byte) (bool, error) {
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case d.hashes <- struct{}{}:
	case <-patience.C:
		return false, errBusy
	}
	defer func() { <-d.hashes }()
	return VerifyPassword(hash, typed)
}

// lists tells whether one of the authorized_keys lines has the key wire. A line
// without a usable key has none, not the empty one.
func lists(lines []string, wire []byte) bool {
	return len(wire) > 0 && slices.ContainsFunc(lines, func(line string) bool {
		return bytes.Equal(wireKey(line), wire)
	})
}

// wireKey is the key in a line "type base64 [comment]", nil when it is none.
func wireKey(line string) []byte {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return nil
	}
	wire, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil || len(wire) == 0 {
		return nil
	}
	return wire
}
