package cli

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestPasswordsWorkOnlyWhereTheyAreSwitchedOn(t *testing.T) {
	h := open(t, nil)
	argon, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	old, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	h.put(rtbh.User{Name: "argon", Password: argon})
	h.put(rtbh.User{Name: "bcrypt", Password: string(old)})
	h.put(rtbh.User{Name: "spoilt", Password: "correct horse"})
	h.put(rtbh.User{Name: "disabled", Password: argon, Disabled: true})
	h.put(rtbh.User{Name: "keyonly"})
	for _, name := range []string{"argon", "bcrypt"} {
		if got := h.whoami(t, name, ssh.Password("correct horse")); got != name+" by exec\n" {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, name := range []string{"argon", "bcrypt", "spoilt", "disabled", "keyonly", "unknown"} {
		for _, password := range []string{"wrong", "", "correct horsecorrect horse", strings.Repeat("x", 5000)} {
			if c, err := h.dial(name, ssh.Password(password)); err == nil {
				c.Close()
				t.Errorf("%s got in with %q", name, password)
			}
		}
	}
	for _, name := range []string{"spoilt", "disabled", "keyonly", "unknown"} {
		if c, err := h.dial(name, ssh.Password("correct horse")); err == nil {
			c.Close()
			t.Errorf("%s got in", name)
		}
	}
}

// A stopwatch must not tell whether a user exists, has a password or mistyped
// it: each costs one hash, and the answer comes after the same time.
func TestRefusalsOfPasswordsTakeEqualTime(t *testing.T) {
	argon, err := HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		users := &book{users: map[string]rtbh.User{
			"with": {Name: "with", Password: argon}, "without": {Name: "without"},
			"disabled": {Name: "disabled", Password: argon, Disabled: true},
		}}
		d := newDoorkeeper(users)
		for _, name := range []string{"with", "without", "disabled", "unknown", ""} {
			begin := time.Now()
			if _, err := d.password(name, []byte("wrong")); !errors.Is(err, errDenied) {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begin); took != d.floor {
				t.Errorf("%s: refused after %s, not %s", name, took, d.floor)
			}
		}
	})
}

func TestPasswordHashesThatCannotBeUsedAreRefused(t *testing.T) {
	good, err := HashPassword("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckPasswordHash(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		"", "x", "$1$abc$def", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43),
		strings.Replace(good, "m=19456", "m=4000000", 1), // would take 4 GB for each try
		strings.Replace(good, "t=2", "t=100000", 1),
		strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "v=19", "v=16", 1),
		good[:len(good)-40], "$2a$31$" + strings.Repeat("a", 53),
	} {
		if err := CheckPasswordHash(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if ok, err := VerifyPassword(bad, []byte("x")); ok || err == nil {
			t.Errorf("%q admits somebody", bad)
		}
	}
	for _, password := range []string{"", strings.Repeat("x", maxPassword+1)} {
		if _, err := HashPassword(password); err == nil {
			t.Errorf("a password of %d bytes is taken", len(password))
		}
	}
}

// Whatever a user's record holds, only the exact key in it admits.
func TestOnlyTheVeryKeyAdmits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.String()).Draw(t, "keys of the record")
		offered := rapid.SliceOf(rapid.Byte()).Draw(t, "offered")
		d := doorkeeper{users: &book{users: map[string]rtbh.User{"alice": {Name: "alice", Keys: lines}}}}
		_, err := d.key("alice", offered, "")
		want := false
		for _, l := range lines {
			if k := wireKey(l); k != nil && string(k) == string(offered) {
				want = true
			}
		}
		if (err == nil) != want {
			t.Fatalf("admitted: %v, want %v", err == nil, want)
		}
	})
}

func FuzzPasswordHash(f *testing.F) {
	good, _ := HashPassword("x")
	f.Add(good)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$2b$04$......................KmWI4ysfHcfYdUZUA5p9ORmbJSAvO2i")
	f.Fuzz(func(t *testing.T, hash string) {
		if h, err := parseArgon(hash); err == nil && (h.memory > maxArgonMemory || h.time > maxArgonTime) {
			t.Errorf("%q costs too much", hash)
		}
		_ = CheckPasswordHash(hash)
	})
}
