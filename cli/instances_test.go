package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/grammar"
)

// samples are values for what stands for itself in a command's pattern, by the
// word before it where that matters. They are there in busyLab.
var samples = map[string]string{
	"customer NAME": "acme", "prefix-list NAME": "HOSTS", "summary NAME": "HOSTS", "detail NAME": "HOSTS", "community-list NAME": "BH", "route-map NAME": "DECIX",
	"NAME A.B.C.D/M": "0.0.0.0/0", "NAME X:X::X:X/M": "::/0", "seq <1-4294967295>": "5",
	"neighbors A.B.C.D": "192.0.2.20", "neighbors X:X::X:X": "2001:db8::20",
	"longer-prefixes A.B.C.D/M": "203.0.113.0/24", "longer-prefixes X:X::X:X/M": "2001:db8:113::/48",
	"A.B.C.D": "203.0.113.13", "A.B.C.D/M": "203.0.113.13/32", "X:X::X:X": "2001:db8:113::1", "X:X::X:X/M": "2001:db8:113::1/128",
	"NAME": "acme", "TIME": "2026-06-19T10:00:30Z", "AA:NN": "65535:666", "AA:BB:CC": "64500:66:6", "REGEXP": "^$", "LIFETIME": "2h",
	"WORD": "word", "LINE": "some words", "ASN:NN": "64500:1", "HOST:PORT": "192.0.2.1:7601",
}

// sampled puts values into a line that is made of keywords and of what stands for
// values.
func sampled(line string) string {
	words := strings.Fields(line)
	before := ""
	for i, w := range words {
		name := strings.TrimSuffix(w, "...")
		switch {
		case samples[before+" "+name] != "":
			words[i] = samples[before+" "+name]
		case samples[name] != "":
			words[i] = samples[name]
		case strings.HasPrefix(name, "<"):
			low, _, _ := strings.Cut(name[1:], "-")
			words[i] = low
		}
		before = w
	}
	line = strings.Join(words, " ")
	if strings.HasPrefix(line, "show ipv6 prefix-list") || strings.Contains(line, "bgp ipv6") || strings.Contains(line, "ipv6 bgp") || strings.HasPrefix(line, "show bgp prefix-list") {
		line = strings.ReplaceAll(line, "HOSTS", "HOSTS6")
	}
	return line
}

// expand writes out a command's pattern as the manual prints it: with each choice
// taken, and without and with each part that may be left out.
func expand(pattern string) (lines []string) {
	var branches func(s string, closing byte) (out []string, rest string)
	sequence := func(s string, closing byte) (out []string, rest string) {
		out = []string{""}
		for s != "" && s[0] != closing && (s[0] != '|' || closing == 0) {
			var parts []string
			switch s[0] {
			case ' ':
				s = s[1:]
				continue
			case '(', '[', '{':
				opening := s[0]
				parts, s = branches(s[1:], map[byte]byte{'(': ')', '[': ']', '{': '}'}[opening])
				if opening == '[' {
					parts = append(parts, "")
				}
			default:
				end := strings.IndexAny(s, " ()[]{}|")
				if end < 0 {
					end = len(s)
				}
				parts, s = []string{s[:end]}, s[end:]
			}
			var longer []string
			for _, o := range out {
				for _, p := range parts {
					longer = append(longer, strings.TrimSpace(o+" "+p))
				}
			}
			out = longer
		}
		return out, s
	}
	branches = func(s string, closing byte) (out []string, rest string) {
		for {
			var some []string
			some, s = sequence(s, closing)
			out = append(out, some...)
			if s == "" || s[0] == closing {
				return out, strings.TrimPrefix(s, string(closing))
			}
			s = s[1:] // the bar
		}
	}
	lines, _ = branches(pattern, 0)
	return lines
}

// allShows are the show commands of the enable mode, in all their forms, with
// values put in, but without json.
func allShows(who grammar.Role) []string {
	var out []string
	for _, e := range Manual() {
		if !strings.HasPrefix(e.Command, "show ") || e.Mode != enableMode || e.For != grammar.Everyone && e.For&who == 0 {
			continue
		}
		for _, line := range expand(strings.TrimSuffix(e.Command, " [json]")) {
			out = append(out, sampled(line))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestPatternsAreExpanded(t *testing.T) {
	got := expand("a [b|c D] (e|f (g|h)) {i|j}")
	want := []string{
		"a b e i", "a b e j", "a b f g i", "a b f g j", "a b f h i", "a b f h j",
		"a c D e i", "a c D e j", "a c D f g i", "a c D f g j", "a c D f h i", "a c D f h j",
		"a e i", "a e j", "a f g i", "a f g j", "a f h i", "a f h j",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
