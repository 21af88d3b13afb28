package main

import (
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// node is one member as an administrator sees it: a file, a data directory, and
// the subcommands.
type node struct {
	t                 testing.TB
	name, conf, data  string
	cluster, ssh, bgp int // ports on 127.0.0.1
	*process
}

// newNode writes a node's file. The lines come at its end.
func newNode(t testing.TB, name string, lines ...string) *node {
	t.Helper()
	dir := shortDir(t)
	n := &node{
		t: t, name: name, conf: filepath.Join(dir, "triggerd.conf"), data: filepath.Join(dir, "data"),
		cluster: freePort(t), ssh: freePort(t), bgp: freePort(t),
	}
	n.write(lines...)
	return n
}

// write writes the file anew.
func (n *node) write(lines ...string) {
	n.t.Helper()
	head := []string{
		"hostname " + n.name,
		"data-directory " + n.data,
		fmt.Sprintf("cluster listen 127.0.0.1:%d", n.cluster),
		"cluster boot-wait 1",
	}
	if !strings.Contains(strings.Join(lines, "\n"), "no ssh") {
		head = append(head, fmt.Sprintf("ssh listen 127.0.0.1:%d", n.ssh))
	}
	writeFile(n.t, n.conf, strings.Join(append(head, lines...), "\n")+"\n", 0o600)
}

// router are the lines of a speaker with these neighbors.
func (n *node) router(neighbors ...string) []string {
	return append([]string{"router bgp 64500", " bgp router-id 192.0.2.10", " bgp listen address 127.0.0.1 port " + strconv.Itoa(n.bgp)}, neighbors...)
}

// init makes a cluster; the operator's key is of no use to anybody.
func (n *node) init() *node {
	n.t.Helper()
	key, _ := newKey(n.t, filepath.Join(filepath.Dir(n.conf), "operator"))
	n.does("init", "--operator", "you", "--key", key).works(n.t)
	return n
}

// does runs a subcommand with the node's file.
func (n *node) does(subcommand string, args ...string) result {
	n.t.Helper()
	return triggerd(n.t, "", append([]string{subcommand, "-c", n.conf}, args...)...)
}

// run starts the node and waits until its own door answers.
func (n *node) run(flags ...string) *node {
	n.t.Helper()
	n.process = start(n.t, append([]string{"run", "-c", n.conf}, flags...)...)
	eventually(n.t, n.name+" answers at the operator's door", func() (bool, string) {
		if !n.running() {
			n.t.Fatalf("%s ended with status %d:\n%s", n.name, n.wait(), &n.stderr)
		}
		r := n.does("cli", "show version")
		return r.status == 0, r.String()
	})
	return n
}

// asks runs lines at the operator's door, all of which must be accepted; a cluster
// that has no leader yet is asked again.
func (n *node) asks(lines string) string {
	n.t.Helper()
	var r result
	eventually(n.t, n.name+" accepts "+lines, func() (bool, string) {
		r = n.does("cli", lines)
		if r.status != 0 && !strings.Contains(r.stdout, "NOT accepted") && !strings.Contains(r.stdout, "NOT CONFIRMED") {
			n.t.Fatalf("%s: %q: %v", n.name, lines, r)
		}
		return r.status == 0, r.String()
	})
	return r.stdout
}

// defineCustomer makes a customer of 192.0.2.0/24 who has no way in.
const defineCustomer = "configure terminal; customer acme; prefix 192.0.2.0/24; end"

// blackholes are the prefixes that the node says are announced.
func (n *node) blackholes() (prefixes []string) {
	n.t.Helper()
	var shown struct{ Blackholes []struct{ Prefix string } }
	n.json("show blackhole json", &shown)
	for _, b := range shown.Blackholes {
		prefixes = append(prefixes, b.Prefix)
	}
	return prefixes
}

// everything is the configuration, and each blackhole with its times and indexes.
func (n *node) everything() string {
	n.t.Helper()
	left := regexp.MustCompile(`"leftSeconds": [0-9]+,`) // the one thing that moves by itself
	return n.asks("show running-config") + left.ReplaceAllString(n.asks("show blackhole json"), "")
}

// digest is the node's own digest of its state, which includes the index.
func (n *node) digest() string {
	n.t.Helper()
	var shown struct {
		Members []struct {
			Name, Digest string
			Applied      uint64
		}
	}
	n.json("show cluster json", &shown)
	for _, m := range shown.Members {
		if m.Name == n.name {
			return m.Digest
		}
	}
	n.t.Fatalf("%s does not see itself", n.name)
	return ""
}

func (n *node) json(command string, into any) {
	n.t.Helper()
	out := n.asks(command)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		n.t.Fatalf("%q answers no JSON: %v\n%s", command, err, out)
	}
}

// token invites a node.
func (n *node) token(role, name string) string {
	n.t.Helper()
	var r result
	eventually(n.t, n.name+" invites "+name, func() (bool, string) {
		r = n.does("token", "--role", role, "--name", name)
		return r.status == 0, r.String()
	})
	return strings.TrimSpace(r.stdout)
}

// ends stops the node as systemd would.
func (n *node) ends() {
	n.t.Helper()
	n.stop(syscall.SIGTERM)
}

// newKey makes an SSH key pair at path and path.pub and returns the paths.
func newKey(t testing.TB, path string) (public, private string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(pem.EncodeToMemory(block)), 0o600)
	return writeFile(t, path+".pub", string(ssh.MarshalAuthorizedKey(sshPub)), 0o644), path
}
