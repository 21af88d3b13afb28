package main

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// status runs a command as main does and returns what it printed and its exit
// status.
func status(t *testing.T, c *cobra.Command, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetFlagErrorFunc(newRoot().FlagErrorFunc())
	err := c.ExecuteContext(t.Context())
	var exit *exitError
	switch {
	case err == nil:
		return out.String(), 0
	case errors.As(err, &exit):
		return out.String(), exit.code
	}
	t.Errorf("%q ends with an error without a status: %v", args, err)
	return "", 1
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheExitStatusOfROVSaysWhatItFound(t *testing.T) {
	good := file(t, "good", "192.0.2.0/24,64500\n198.51.100.0/24,1\n")
	bad := file(t, "bad", "192.0.2.0/24,64666\n")
	vrps := file(t, "vrps", "AS64500,192.0.2.0/24,24\n")
	for _, c := range []struct {
		name string
		args []string
		want int
		says string
	}{
		{"all well", []string{"--rib", good, "--vrps", vrps, "--summary"}, 0, `{"routes":2,"valid":1,"invalid":0,"invalid_as":0,"invalid_length":0,"not_found":1}`},
		{"something invalid", []string{"--rib", good, "--rib", bad, "--vrps", vrps, "--format", "csv"}, 1, "192.0.2.0/24,64666,invalid,as,"},
		{"invalid, but not asked for", []string{"--rib", good, "--rib", bad, "--vrps", vrps, "--asn", "AS1"}, 0, "198.51.100.0/24"},
		{"no table", []string{"--vrps", vrps}, 2, ""},
		{"no VRPs", []string{"--rib", good}, 2, ""},
		{"no such file", []string{"--rib", "/nonexistent", "--vrps", vrps}, 2, ""},
		{"no such format", []string{"--rib", good, "--vrps", vrps, "--format", "xml"}, 2, ""},
		{"no such flag", []string{"--rub"}, 2, ""},
		{"no such AS", []string{"--rib", good, "--vrps", vrps, "--asn", "x"}, 2, ""},
		{"no such prefix", []string{"--rib", good, "--vrps", vrps, "--prefix", "192.0.2.1/24"}, 2, ""},
		{"an argument", []string{"--rib", good, "--vrps", vrps, "x"}, 2, ""},
		{"no cache", []string{"--rib", good, "--vrps", "rtr://127.0.0.1:1"}, 2, ""},
	} {
		out, got := status(t, newROV(), c.args...)
		if got != c.want || !strings.Contains(out, c.says) {
			t.Errorf("%s: status %d, want %d; printed %s", c.name, got, c.want, out)
		}
	}
}

func TestADumpComesFromACache(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cache := rtrtest.New(7)
	defer cache.Drop()
	cache.Set(&rtr.Data{VRPs: rtr.NewSet([]rtr.VRP{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), MaxLen: 24, ASN: 64500}})})
	go cache.Listen(l)
	if out, got := status(t, newRTR(), "dump", l.Addr().String()); got != 0 || !strings.Contains(out, "192.0.2.0/24-24 AS64500\n") {
		t.Errorf("status %d: %s", got, out)
	}
	for _, args := range [][]string{{"dump"}, {"dump", "127.0.0.1:1"}, {"dump", "nonsense"}, {"dump", "127.0.0.1:1", "--format", "xml"}, {"dump", "127.0.0.1:1", "--tls", "--ca", "/nonexistent"}} {
		if _, got := status(t, newRTR(), args...); got != 2 {
			t.Errorf("%q: status %d", args, got)
		}
	}
}

// Somebody at 3 a.m. reads the help.
func TestTheHelpOfROVSaysWhatTheStatusMeans(t *testing.T) {
	out, got := status(t, newROV(), "--help")
	for _, want := range []string{"Exit status: 0", "--summary", "rtr://HOST:PORT", "not-advertised", "Examples:"} {
		if got != 0 || !strings.Contains(out, want) {
			t.Errorf("the help does not say %q:\n%s", want, out)
		}
	}
}
