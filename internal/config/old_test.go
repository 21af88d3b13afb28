package config

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readOld(t *testing.T, file string, given OldGiven) *Old {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ReadOld(filepath.Base(file), bytes.NewReader(data), given)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// What becomes of old files: the configurations of the recorded sessions, and
// awkward ones.
func TestOldFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/old/*.conf")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			o := readOld(t, file, OldGiven{})
			lines := append(o.Describe(filepath.Base(file)), o.Proposal("acme", "never")...)
			got := strings.Join(lines, "\n") + "\n"
			golden := filepath.Join("testdata", "old", strings.TrimSuffix(filepath.Base(file), ".conf")+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; got:\n%s", golden, got)
			}
			if strings.Contains(got, "not-on-the-screen") {
				t.Error("a neighbor's password is printed")
			}
			if o.Err == nil {
				if again, _, err := Parse("again", strings.NewReader(o.Node.String())); err != nil || again.String() != o.Node.String() {
					t.Errorf("the node's file does not read back: %v", err)
				}
			}
		})
	}
}

func TestOldFileWithoutRouterID(t *testing.T) {
	file := "testdata/old/no-router-id.conf"
	if o := readOld(t, file, OldGiven{}); o.Err == nil || !strings.Contains(o.Err.Error(), "router-id") {
		t.Errorf("it is not said: %v", o.Err)
	}
	o := readOld(t, file, OldGiven{Hostname: "trigger1", RouterID: netip.MustParseAddr("192.0.2.9")})
	if o.Err != nil || o.Node.Hostname != "trigger1" || o.Node.BGP.RouterID.String() != "192.0.2.9" || len(o.Networks) != 2 {
		t.Errorf("got %+v, %v", o.Node, o.Err)
	}
}

func TestFilesThatAreNoOldFiles(t *testing.T) {
	for name, text := range map[string]string{
		"two routers": "hostname a\nrouter bgp 1\n bgp router-id 1.1.1.1\n!\nrouter bgp 2 vrf blue\n network 192.0.2.1/32\n",
		"two files":   "hostname a\nrouter bgp 1\n!\nrouter bgp 2\n",
		"a picture":   strings.Repeat("\x00\xff\x89PNG\n", 1000),
		"prose":       strings.Repeat("It was a dark and stormy night.\n", 1000),
	} {
		_, err := ReadOld("x", strings.NewReader(text), OldGiven{})
		var wrong *Error
		if !errors.As(err, &wrong) {
			t.Errorf("%s is read: %v", name, err)
		}
	}
}

// Whatever a file holds, what is printed can be pasted: one line each, no control
// characters, nothing but comments and the lines that are meant.
func FuzzOldFile(f *testing.F) {
	files, _ := filepath.Glob("testdata/old/*.conf")
	for _, file := range files {
		data, _ := os.ReadFile(file)
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ReadOld("x", strings.NewReader(text), OldGiven{})
		if err != nil {
			return
		}
		for _, l := range o.Describe("x") {
			if !strings.HasPrefix(l, "!") || strings.ContainsAny(l, "\n\r\x1b") {
				t.Fatalf("for people: %q", l)
			}
		}
		for _, l := range o.Proposal("acme", "") {
			first, _, _ := strings.Cut(strings.TrimLeft(l, " "), " ")
			if !strings.Contains(" ! configure ip ipv6 route-map description match set exit customer as-number network end ", " "+first+" ") ||
				strings.ContainsAny(l, "\n\r\x1b") {
				t.Fatalf("proposed: %q", l)
			}
		}
	})
}
