package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with a file is said by line and column, with status 2, by every
// subcommand that reads it.
func TestWrongFile(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ file, says string }{
		"unknown line":         {"hostname t1\nfrobnicate 7\n", ":2:1: "},
		"torn in a line":       {"hostname t1\nrouter bgp", ":2:"},
		"a neighbor's AS":      {"hostname t1\nrouter bgp 64500\n bgp router-id 192.0.2.1\n neighbor 192.0.2.9 remote-as 0\n", ":4:31: "},
		"no hostname":          {"router bgp 64500\n", "hostname"},
		"bad port":             {"hostname t1\ncluster listen 127.0.0.1:99999\n", ":2:16: "},
		"binary":               {"hostname t1\n\x00\x01\x02\xff\n", ":2:"},
		"no room for a socket": {"hostname t1\ncluster listen 127.0.0.1:7600\ndata-directory /tmp/" + strings.Repeat("long/", 20) + "\n", "too long a path"},
		"nobody could dial":    {"hostname t1\n", "cluster advertise"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := writeFile(t, filepath.Join(shortDir(t), "triggerd.conf"), c.file, 0o600)
			for _, args := range [][]string{{"check", path}, {"run", "-c", path}} {
				r := triggerd(t, "", args...)
				r.refusedWith(t, 2, "triggerd: ", c.says)
				if strings.Contains(c.says, ":") && !strings.Contains(r.stderr, path+c.says) {
					t.Errorf("want FILE%s: %v", c.says, r)
				}
				if r.stdout != "" {
					t.Errorf("errors belong on standard error: %v", r)
				}
			}
		})
	}
}

func TestWrongCommandLine(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	good := writeFile(t, filepath.Join(dir, "triggerd.conf"), "hostname t1\ndata-directory "+dir+"/data\ncluster listen 127.0.0.1:7600\n", 0o600)
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"frobnicate"}, 2, "frobnicate"},
		{[]string{"run", "--frobnicate"}, 2, "--frobnicate"},
		{[]string{"run", "extra"}, 2, "extra"},
		{[]string{"join", "-c", good}, 2, "accepts 1 arg"},
		{[]string{"init", "-c", good}, 2, `"key", "operator"`},
		{[]string{"token", "-c", good}, 2, `"role"`},
		{[]string{"run", "-c", good, "--log-level", "loud"}, 2, "loud"},
		{[]string{"run", "-c", good, "--log-format", "xml"}, 2, "text or json"},
		{[]string{"run", "-c", dir + "/nowhere"}, 2, dir + "/nowhere"},
		{[]string{"check", dir}, 2, dir},
		{[]string{"token", "-c", good, "--role", "king"}, 1, "voter, witness or speaker"},
		{[]string{"run", "-c", good}, 1, "run `triggerd init` or `triggerd join`"},
		{[]string{"cli", "-c", good, "show version"}, 1, "is it running"},
		{[]string{"token", "-c", good, "--role", "voter"}, 1, "is it running"},
		{[]string{"join", "-c", good, "rtbh"}, 1, "`triggerd token` prints it"},
		{[]string{"init", "-c", good, "--operator", "you", "--key", dir + "/nowhere.pub"}, 2, dir + "/nowhere.pub"},
		{[]string{"init", "-c", good, "--operator", "you", "--key", good}, 2, good},
	} {
		r := triggerd(t, "", c.args...)
		r.refusedWith(t, c.status, "triggerd: ", c.says)
		if lines := strings.Count(r.stderr, "\n"); lines != 1 {
			t.Errorf("%q takes %d lines to say it: %v", c.args, lines, r)
		}
	}
	if _, err := os.Stat(dir + "/data"); err == nil {
		t.Error("a refused command has made the data directory")
	}
}

func TestInitIsDoneOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	public, private := newKey(t, filepath.Join(filepath.Dir(n.conf), "op"))
	n.does("init", "--operator", "you", "--key", private).refusedWith(t, 2, "is a private key")
	n.does("init", "--operator", "no name", "--key", public).refusedWith(t, 1, "no name")
	t.Log("a refused init leaves nothing that stands in the way of the right one")
	n.does("init", "--operator", "you", "--key", public).works(t)
	before := readFile(t, filepath.Join(n.data, "identity.json"))
	n.does("init", "--operator", "you", "--key", public).refusedWith(t, 1, "initialised once")
	n.does("join", "rtbh1-x").refusedWith(t, 1)
	if readFile(t, filepath.Join(n.data, "identity.json")) != before {
		t.Error("the second init has changed the identity")
	}
	for _, secret := range []string{"ca.key", "node.key"} {
		if info, err := os.Stat(filepath.Join(n.data, secret)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want mode 0600", secret, info, err)
		}
	}
	if info, err := os.Stat(n.data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the data directory: %v %v, want mode 0700", info, err)
	}
}
