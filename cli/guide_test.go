package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/vty"
)

const guide = "../docs/customers.md"

// TestTheGuideToCustomersIsTrue types what the guide has its readers type, in a new
// cluster: every line is accepted, at the prompt that stands before it.
func TestTheGuideToCustomersIsTrue(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	l := bareLab(t)
	x := l.local()
	typed := 0
	for _, m := range regexp.MustCompile(`(?m)^    (trigger1(?:\([a-z-]+\))?# )(.*)$`).FindAllStringSubmatch(string(text), -1) {
		if prompt := m[1]; x.Prompt() != prompt && prompt == "trigger1(config)# " { // as the reader does between the chapters
			x.run("end")
			x.run("configure terminal")
		}
		if x.Prompt() != m[1] {
			t.Errorf("%s%s: the prompt is %q there", m[1], m[2], x.Prompt())
		}
		if out := x.run(m[2]); x.last.Status != vty.OK {
			t.Errorf("%s%s\n%s", m[1], m[2], out)
		}
		typed++
	}
	if typed < 20 {
		t.Errorf("only %d lines of the guide were found", typed)
	}
}

// TestTheGuideNamesWhatThereIs: each command in its running text begins as one of
// the table does.
func TestTheGuideNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	known := func(words string) bool {
		for _, e := range Manual() {
			for _, line := range expand(e.Command) {
				if strings.HasPrefix(plain(line)+" ", plain(words)+" ") {
					return true
				}
			}
		}
		return false
	}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		words := strings.Fields(m[1])
		if words[0] == "triggerd" || len(words) == 1 && (words[0] == "ipv6" || words[0] == "maximum" || words[0] == "viewer" || words[0] == "confirm" || words[0] == "expire") {
			continue // not a line by itself
		}
		if !known(m[1]) {
			t.Errorf("the guide writes `%s`, which begins no command", m[1])
		}
	}
}

// plain takes the values out of a line.
func plain(line string) string {
	words := strings.Fields(line)
	for i, w := range words {
		if strings.ToLower(w) != w || strings.ContainsAny(w, "0123456789<.:/") && !strings.HasPrefix(w, "ipv") {
			words[i] = "*"
		}
	}
	return strings.Join(words, " ")
}
