package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// needOpenSSH skips the test where OpenSSH's client is not installed.
func needOpenSSH(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("TESTENV_STRICT") == "1" {
				t.Fatalf("%s is not installed (Debian: openssh-client)", tool)
			}
			t.Skipf("%s is not installed (Debian: openssh-client)", tool)
		}
	}
}

// client is OpenSSH with the identity file of one user.
type client struct {
	house *house
	dir   string
	user  string
	key   string
}

// keygen runs ssh-keygen in the client's directory.
func (c *client) keygen(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
	}
}

func (c *client) public(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// newClient makes a key with ssh-keygen and gives it to user.
func newClient(t *testing.T, h *house, user string, kind ...string) *client {
	t.Helper()
	needOpenSSH(t)
	c := &client{house: h, dir: t.TempDir(), user: user, key: "id"}
	c.keygen(t, append([]string{"-q", "-N", "", "-f", "id", "-t"}, kind...)...)
	h.put(rtbh.User{Name: user, Keys: []string{c.public(t, "id")}})
	return c
}

// ssh runs the client with text on its standard input.
func (c *client) ssh(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	host, port, err := net.SplitHostPort(c.house.addr)
	if err != nil {
		t.Fatal(err)
	}
	hosts := filepath.Join(c.dir, "known_hosts")
	var known strings.Builder
	for _, k := range c.house.HostKeys() {
		fmt.Fprintf(&known, "[%s]:%s %s\n", host, port, k)
	}
	if err := os.WriteFile(hosts, []byte(known.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ssh", append([]string{"-F", "none", "-p", port, "-l", c.user, "-i", filepath.Join(c.dir, c.key),
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + hosts,
		"-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"}, args...)...)
	cmd.Args = append(cmd.Args[:len(cmd.Args)-len(args)], insertHost(args, host)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// insertHost puts the host between the options and the command, which begins
// behind "--".
func insertHost(args []string, host string) []string {
	for i, a := range args {
		if a == "--" {
			return append(append(append([]string{}, args[:i]...), host), args[i+1:]...)
		}
	}
	return append(append([]string{}, args...), host)
}

func TestOpenSSHShell(t *testing.T) {
	c := newClient(t, open(t, nil), "alice", "ed25519")
	out, errs, status := c.ssh(t, "whoami\rconf t\rbogus\r\x03exit\r", "-tt")
	want := "Hello.\r\n" +
		"trigger1# whoami\r\nalice by ssh\r\n" +
		"trigger1# conf t\r\n" +
		"trigger1(config)# bogus\r\n% Unknown command: bogus\r\n" +
		"trigger1(config)# \r\n" +
		"trigger1# exit\r\n"
	if out != want || status != 0 {
		t.Errorf("shows\n%q\nwant\n%q\nstatus %d %s", out, want, status, errs)
	}
}

func TestOpenSSHExec(t *testing.T) {
	c := newClient(t, open(t, nil), "alice", "ecdsa")
	for _, run := range []struct {
		script, out string
		status      int
	}{
		{"whoami", "alice by exec\n", 0},
		{"conf t; network 192.0.2.1/32 reason one; two\nwhoami", "alice by exec\n", 0},
		{"whoami; bogus; whoami", "alice by exec\n% Unknown command: bogus\n", 1},
		{"maybe; whoami", "", 2},
		{"whoami; exit; whoami", "alice by exec\n", 0},
		{"panic", "\r\n% Internal error; this session ends. What the last line did is not known.\r\n", 2},
		{";", "", 0},
	} {
		out, errs, status := c.ssh(t, "", "--", run.script)
		if out != run.out || status != run.status || errs != "" {
			t.Errorf("%q: %q (status %d), want %q (status %d) %s", run.script, out, status, run.out, run.status, errs)
		}
	}
}

func TestOpenSSHPipedInput(t *testing.T) {
	c := newClient(t, open(t, nil), "alice", "rsa", "-b", "3072")
	out, errs, status := c.ssh(t, "whoami\r\nbogus\nconf t\n\nnetwork 192.0.2.1/32", "-T")
	want := "trigger1# whoami\nalice by stdin\n" +
		"trigger1# bogus\n% Unknown command: bogus\n" +
		"trigger1# conf t\n" +
		"trigger1(config)# \n" +
		"trigger1(config)# network 192.0.2.1/32\n"
	if out != want || status != 1 || errs != "" {
		t.Errorf("shows\n%q\nwant\n%q\nstatus %d %s", out, want, status, errs)
	}
}

func TestOpenSSHThousandPipedLines(t *testing.T) {
	c := newClient(t, open(t, nil), "alice", "ed25519")
	var in, want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("network 192.0.%d.%d/32", i/256, i%256)
		fmt.Fprintf(&in, "%s\n", line)
		fmt.Fprintf(&want, "trigger1# %s\n", line)
	}
	if out, errs, status := c.ssh(t, in.String(), "-T"); out != want.String() || status != 0 {
		t.Errorf("lines were lost: %d bytes of %d, status %d %s", len(out), want.Len(), status, errs)
	}
	in.WriteString("exit\n")
	if out, _, _ := c.ssh(t, in.String(), "-tt"); strings.Count(out, "\r\ntrigger1# network ") != 1000 {
		t.Errorf("pasted lines were lost: %d of 1000", strings.Count(out, "\r\ntrigger1# network "))
	}
}

func TestOpenSSHWrongKey(t *testing.T) {
	h := open(t, nil)
	c := newClient(t, h, "alice", "ed25519")
	c.keygen(t, "-q", "-N", "", "-f", "other", "-t", "ed25519")
	c.key = "other"
	_, errs, status := c.ssh(t, "", "--", "whoami")
	if status != 255 || !strings.Contains(errs, "Permission denied (password,publickey)") {
		t.Errorf("status %d, %s", status, errs)
	}
}

func TestOpenSSHCertificates(t *testing.T) {
	h := open(t, nil)
	c := newClient(t, h, "alice", "ed25519")
	c.keygen(t, "-q", "-N", "", "-f", "ca", "-t", "ed25519")
	c.keygen(t, "-q", "-N", "", "-f", "rogue", "-t", "ed25519")
	h.put(rtbh.User{Name: "alice", Principals: []string{"netops"}}) // no key any more
	h.cas = []string{c.public(t, "ca")}
	for name, cert := range map[string]struct {
		ca   string
		args []string
		ok   bool
	}{
		"with the principal":       {"ca", []string{"-n", "other,netops", "-V", "-1m:+5m"}, true},
		"for another principal":    {"ca", []string{"-n", "alice", "-V", "-1m:+5m"}, false},
		"without principals":       {"ca", []string{"-V", "-1m:+5m"}, false},
		"that has expired":         {"ca", []string{"-n", "netops", "-V", "-5m:-1m"}, false},
		"that is not yet valid":    {"ca", []string{"-n", "netops", "-V", "+5m:+9m"}, false},
		"of a CA not believed":     {"rogue", []string{"-n", "netops", "-V", "-1m:+5m"}, false},
		"for a host":               {"ca", []string{"-h", "-n", "netops", "-V", "-1m:+5m"}, false},
		"from here":                {"ca", []string{"-n", "netops", "-O", "source-address=127.0.0.0/8"}, true},
		"from elsewhere":           {"ca", []string{"-n", "netops", "-O", "source-address=192.0.2.0/24"}, false},
		"with a command we ignore": {"ca", []string{"-n", "netops", "-O", "force-command=true"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.keygen(t, append([]string{"-q", "-s", cert.ca, "-I", "the id", "-z", "7"}, append(cert.args, "id.pub")...)...)
			out, errs, status := c.ssh(t, "", "-o", "CertificateFile="+filepath.Join(c.dir, "id-cert.pub"), "--", "whoami")
			if got := status == 0 && out == "alice by exec\n"; got != cert.ok {
				t.Errorf("got in: %v (%q, status %d, %s)", got, out, status, errs)
			}
		})
	}
	until(t, "the certificate is named in the log", func() bool {
		return strings.Contains(h.log.String(), `certificate \"the id\" serial 7 by SHA256:`)
	})
}
