package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/testenv"
)

// dev is a running `triggerd dev --json`: two triggers, a witness and a router.
type dev struct {
	t    testing.TB
	line struct {
		Triggers []struct{ Name, SSH string }
		Operator struct{ User, Key string }
		Router   struct{ Table string }
	}
	out, errs output
	ended     chan struct{}
}

// output collects what a process prints; it may be read while the process runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// startDev starts it for one test, to be ended with it. It chooses ports that are
// free; with many at a time another program may be faster to take one.
func startDev(t testing.TB) *dev {
	t.Helper()
	for range 5 {
		if d := tryDev(t); d != nil {
			return d
		}
	}
	t.Fatal("no free ports")
	return nil
}

// tryDev is startDev; nil when a port was taken by somebody else meanwhile.
func tryDev(t testing.TB) *dev {
	t.Helper()
	d := &dev{t: t, ended: make(chan struct{})}
	cmd := exec.Command(testenv.RequireTriggerd(t), "dev", "--json")
	cmd.Env = append(os.Environ(), "TMPDIR="+shortDir(t))
	cmd.Stdout, cmd.Stderr = &d.out, &d.errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithUs(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
	taken := false
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-d.ended
		if taken {
			return
		}
		for _, never := range []string{"DATA RACE", "panic:", "level=ERROR"} {
			if strings.Contains(d.errs.String(), never) {
				t.Errorf("triggerd printed %q", never)
			}
		}
		if t.Failed() {
			t.Logf("--- triggerd dev\n%s", d.errs.String())
		}
	})
	testenv.Eventually(t, "triggerd dev is ready", func() (bool, string) {
		select {
		case <-d.ended:
			if taken = strings.Contains(d.errs.String(), "address already in use"); !taken {
				t.Fatalf("triggerd dev has ended: %s", d.errs.String())
			}
			return true, ""
		default:
		}
		return strings.HasSuffix(d.out.String(), "\n"), d.errs.String()
	})
	if taken {
		return nil
	}
	if err := json.Unmarshal([]byte(d.out.String()), &d.line); err != nil {
		t.Fatal(err)
	}
	return d
}

// shortDir is a directory with a name short enough for unix sockets.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// table is what the router holds now: "PREFIX from TRIGGER", sorted.
func (d *dev) table() []string {
	d.t.Helper()
	response, err := http.Get(d.line.Router.Table)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	var routes []struct{ Prefix, From string }
	if err := json.NewDecoder(response.Body).Decode(&routes); err != nil {
		d.t.Fatal(err)
	}
	all := []string{}
	for _, r := range routes {
		all = append(all, r.Prefix+" from "+r.From)
	}
	slices.Sort(all)
	return all
}

// sees waits until the router has exactly these prefixes, each from both triggers.
func (d *dev) sees(prefixes ...string) {
	d.t.Helper()
	want := []string{}
	for _, p := range prefixes {
		want = append(want, p+" from trigger1", p+" from trigger2")
	}
	slices.Sort(want)
	testenv.Eventually(d.t, fmt.Sprintf("the router has %v", prefixes), func() (bool, string) {
		got := d.table()
		return slices.Equal(got, want), fmt.Sprint(got)
	})
}

// address is the host and port of a trigger's ssh door.
func (d *dev) address(trigger int) (host, port string) {
	d.t.Helper()
	host, port, err := net.SplitHostPort(d.line.Triggers[trigger].SSH)
	if err != nil {
		d.t.Fatal(err)
	}
	return host, port
}

// person is somebody with a key who may log in.
type person struct {
	dev  *dev
	name string
	key  string // file with the private key
	home string // folder with a known_hosts of its own
}

func (d *dev) operator() *person {
	return &person{d, d.line.Operator.User, d.line.Operator.Key, filepath.Dir(d.line.Operator.Key)}
}

// customer makes a customer of AS 65534 with these prefixes, and its user of the
// same name. Further lines are typed in the user's mode.
func (d *dev) customer(name string, prefixes []string, user ...string) *person {
	d.t.Helper()
	testenv.Require(d.t, "openssh-client")
	home := shortDir(d.t)
	p := &person{d, name, filepath.Join(home, "id"), home}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.key).CombinedOutput(); err != nil {
		d.t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	public, err := os.ReadFile(p.key + ".pub")
	if err != nil {
		d.t.Fatal(err)
	}
	lines := []string{"configure terminal", "customer " + name, "as-number 65534"}
	for _, prefix := range prefixes {
		lines = append(lines, "prefix "+prefix)
	}
	lines = append(lines, "user "+name, "key "+strings.TrimSpace(string(public)))
	lines = append(lines, user...)
	if r := d.operator().pipes(0, lines...); r.status != 0 {
		d.t.Fatalf("making the customer %s: %v", name, r)
	}
	return p
}

// options are those of every call of ssh, sftp and scp.
func (p *person) options() []string {
	return []string{
		"-F", "none", "-i", p.key, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + filepath.Join(p.home, "known_hosts"),
	}
}

// ssh is a call of the real client that is not started yet. args come behind the
// host; what must stand before it goes into options, of which the first counts.
func (p *person) ssh(trigger int, options []string, args ...string) *exec.Cmd {
	p.dev.t.Helper()
	host, port := p.dev.address(trigger)
	all := slices.Concat(options, p.options(), []string{"-p", port}, []string{p.name + "@" + host}, args)
	return exec.Command("ssh", all...)
}

// pipes sends lines to the standard input of ssh, without a terminal.
func (p *person) pipes(trigger int, lines ...string) result {
	p.dev.t.Helper()
	return finish(p.dev.t, p.ssh(trigger, []string{"-T"}), strings.Join(lines, "\n")+"\n")
}

// runs is `ssh host "line; line"`.
func (p *person) runs(trigger int, script string) result {
	p.dev.t.Helper()
	return finish(p.dev.t, p.ssh(trigger, nil, script), "")
}

// signer is the key for a client of our own.
func (p *person) signer() ssh.Signer {
	p.dev.t.Helper()
	text, err := os.ReadFile(p.key)
	if err != nil {
		p.dev.t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err != nil {
		p.dev.t.Fatal(err)
	}
	return signer
}

// result is a program that has run to its end.
type result struct {
	stdout, stderr string
	status         int
}

func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout: %s\nstderr: %s", r.status, r.stdout, r.stderr)
}

// finish runs a program to its end.
func finish(t testing.TB, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var out, errs output
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// works expects status 0.
func (r result) works(t testing.TB) result {
	t.Helper()
	if r.status != 0 {
		t.Errorf("want status 0, got %v", r)
	}
	return r
}
