package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestLifetimeBeyondAllBoundsIsSaidToBeTooLong: it is well formed.
func TestLifetimeBeyondAllBoundsIsSaidToBeTooLong(t *testing.T) {
	for _, s := range []string{"300000d", "99999999999999h", "999999999999999999999s", "36500d1s", "36499d1w"} {
		if _, err := parseLifetime(s); !errors.Is(err, errTooLong) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestLifetimes(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "5m": 5 * time.Minute, "2h": 2 * time.Hour, "7d": 168 * time.Hour, "1w": 168 * time.Hour,
		"1d12h30m": 36*time.Hour + 30*time.Minute, "1500ms": 1500 * time.Millisecond,
	} {
		if got, err := parseLifetime(s); err != nil || got.Duration() != want {
			t.Errorf("%s: %v %v", s, got, err)
		}
	}
	for _, s := range []string{"", "0s", "5", "h", "-5m", "5x", "1.5h", "99999999999s", "999999999w", "5m!", "never ", "+5m"} {
		if got, err := parseLifetime(s); err == nil {
			t.Errorf("%q is taken as %v", s, got)
		}
	}
}

// TestValuesPrintAsTheyAreTyped: each value's text reads back to the value.
func TestValuesPrintAsTheyAreTyped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := rtbh.Lifetime(rapid.Int64Range(1, int64(maxLifetime/time.Millisecond)).Draw(t, "life"))
		if got, err := parseLifetime(life.String()); err != nil || got != life {
			t.Fatalf("%s: %v %v", life, got, err)
		}
		at := rtbh.InstantOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) + rtbh.Instant(rapid.Int64Range(0, 1e12).Draw(t, "at"))
		if got, err := parseInstant(instantText(at)); err != nil || got != at {
			t.Fatalf("%s: %v %v", instantText(at), got, err)
		}
		c := rtbh.Community(rapid.Uint32().Draw(t, "community"))
		if got, err := parseCommunity(communityText(c)); err != nil || got != c {
			t.Fatalf("%s: %v %v", communityText(c), got, err)
		}
		l := rtbh.LargeCommunity{Global: rapid.Uint32().Draw(t, "g"), Local1: rapid.Uint32().Draw(t, "l1"), Local2: rapid.Uint32().Draw(t, "l2")}
		if got, err := parseLarge(largeText(l)); err != nil || got != l {
			t.Fatalf("%s: %v %v", largeText(l), got, err)
		}
		kind := rapid.Uint64Range(0, 2).Draw(t, "kind")
		sub := rapid.SampledFrom([]uint8{extRouteTarget, extSiteOrigin}).Draw(t, "sub")
		value := rapid.Uint64Range(0, 1<<48-1).Draw(t, "value")
		if kind == 2 {
			value |= 1 << 40 // an AS number of four octets that needs them
		}
		e := rtbh.ExtCommunity(kind<<56 | uint64(sub)<<48 | value)
		if got, err := parseExt(extText(e), sub); err != nil || got != e {
			t.Fatalf("%x prints %s, which is %x %v", e, extText(e), got, err)
		}
	})
}

func TestBadCommunities(t *testing.T) {
	for _, s := range []string{"", ":", "1", "1:2:3", "65536:1", "1:65536", "-1:2", "+1:2", "1:2 ", "no-expor", "1_0:2"} {
		if c, err := parseCommunity(s); err == nil {
			t.Errorf("%q is taken as %v", s, c)
		}
	}
	for _, s := range []string{"1:2", "1:2:3:4", "4294967296:1:1", "a:b:c"} {
		if c, err := parseLarge(s); err == nil {
			t.Errorf("%q is taken as %v", s, c)
		}
	}
	for _, s := range []string{"1", "1.2.3:4", "1.2.3.4:65536", "70000:65536", "1:4294967296", "x:1", "4294967296:1"} {
		if c, err := parseExt(s, extRouteTarget); err == nil {
			t.Errorf("%q is taken as %v", s, c)
		}
	}
	if c, _ := parseCommunity("blackhole"); c != rtbh.BlackholeWellKnown {
		t.Error("FRR's name of 65535:666 is not taken")
	}
}

// FuzzClean: whatever goes in, what comes out only appears on a terminal; and
// the JSON form stays JSON of the same value.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[2J", "\x9b2J", "\u202ereversed", "tab\t", "\xff\xfe", "\u2028", "Zürich 東京", "\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := clean(s)
		if !utf8.ValidString(out) || strings.ContainsFunc(out, unsafeRune) {
			t.Errorf("%q becomes %q", s, out)
		}
		if clean(out) != out {
			t.Errorf("%q is not stable", out)
		}
		var b bytes.Buffer
		writeJSON(&b, map[string]string{"s": s})
		var v map[string]string
		if err := json.Unmarshal(b.Bytes(), &v); err != nil || v["s"] != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q becomes %s: %v", s, b.Bytes(), err)
		}
		if strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), func(r rune) bool { return r != utf8.RuneError && unsafeRune(r) }) {
			t.Errorf("%q prints %q", s, b.String())
		}
	})
}

func TestDurations(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		-time.Second:              {"0s", "00:00:00"},
		14 * time.Second:          {"14s", "00:00:14"},
		185 * time.Second:         {"3m05s", "00:03:05"},
		127 * time.Minute:         {"2h07m", "02:07:00"},
		26 * time.Hour:            {"1d02h", "1d02h00m"},
		9*24*time.Hour + 3*3600e9: {"9d03h", "01w2d03h"},
	} {
		if got := [2]string{shortDuration(d), upDown(d)}; got != want {
			t.Errorf("%v: %v, want %v", d, got, want)
		}
	}
}
