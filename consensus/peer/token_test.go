package peer

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func goldenToken() Token {
	t := Token{Cluster: "4f1c", Secret: []byte("0123456789abcdef"), Addrs: []string{"192.0.2.1:7600", "[2001:db8::1]:7600", "trigger2.example.net:7600"}}
	for i := range t.CAFingerprint {
		t.CAFingerprint[i] = byte(i)
	}
	return t
}

// A token that one version prints must be read by the next.
func TestTokenFormat(t *testing.T) {
	want, err := os.ReadFile("testdata/token.golden")
	must(t, err)
	if got := goldenToken().String() + "\n"; got != string(want) {
		t.Fatalf("printed\n%swant\n%s", got, want)
	}
	got, err := ParseToken(string(want))
	must(t, err)
	if !reflect.DeepEqual(got, goldenToken()) {
		t.Fatalf("read back as %+v", got)
	}
}

func TestTokenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Token{
			Cluster: rapid.StringMatching(`[!-~]{1,64}`).Draw(t, "cluster"),
			Secret:  rapid.SliceOfN(rapid.Byte(), minSecret, maxSecret).Draw(t, "secret"),
			Addrs:   rapid.SliceOfN(rapid.StringMatching(`[a-z0-9.]{1,60}:[0-9]{1,5}`), 1, maxTokenAddr).Draw(t, "addrs"),
		}
		copy(want.CAFingerprint[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "fingerprint"))
		word := want.String()
		if strings.ContainsAny(word, " \t\n+/=") {
			t.Fatalf("not one word: %q", word)
		}
		got, err := ParseToken(" " + word + "\n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

func TestMistypedTokenIsNoticed(t *testing.T) {
	word := goldenToken().String()
	for i := range len(word) {
		for _, c := range []byte("Aa0-_ x") {
			if word[i] == c {
				continue
			}
			if _, err := ParseToken(word[:i] + string(c) + word[i+1:]); !errors.Is(err, ErrToken) {
				t.Fatalf("%q in place %d: %v", c, i, err)
			}
		}
		if _, err := ParseToken(word[:i]); !errors.Is(err, ErrToken) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	_, err := ParseToken(word[:20] + word[21:])
	if err == nil || !strings.Contains(err.Error(), "mistyped") || !strings.Contains(err.Error(), "copy") {
		t.Fatalf("the error does not help: %v", err)
	}
}

func TestTokenThatCannotWorkIsNotTaken(t *testing.T) {
	for what, bend := range map[string]func(*Token){
		"no cluster":    func(t *Token) { t.Cluster = "" },
		"short secret":  func(t *Token) { t.Secret = t.Secret[:15] },
		"long secret":   func(t *Token) { t.Secret = make([]byte, 33) },
		"no address":    func(t *Token) { t.Addrs = nil },
		"no port":       func(t *Token) { t.Addrs = []string{"192.0.2.1"} },
		"many":          func(t *Token) { t.Addrs = make([]string, 17) },
		"long address":  func(t *Token) { t.Addrs = []string{strings.Repeat("a", 300) + ":1"} },
		"blank cluster": func(t *Token) { t.Cluster = "a b" },
	} {
		tok := goldenToken()
		bend(&tok)
		if err := tok.Check(); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := ParseToken(tok.String()); !errors.Is(err, ErrToken) {
			t.Errorf("%s, printed: %v", what, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(goldenToken().String())
	f.Add("rtbh1-")
	f.Add("rtbh1-AAAA")
	f.Add(" rtbh1-AAAAAAAAAAAAAAAAAAAA\n")
	f.Fuzz(func(t *testing.T, word string) {
		tok, err := ParseToken(word)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatalf("%v", err)
			}
			return
		}
		if got := tok.String(); got != strings.TrimSpace(word) {
			t.Fatalf("%q printed as %q", word, got)
		}
	})
}
