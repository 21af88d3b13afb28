package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Customer is a person with an ssh client and a key.
type Customer struct {
	Name     string
	AS       uint32
	Prefixes []string // what the operator lets it blackhole

	lab     *Lab
	host    *Host // where it sits
	keyFile string
}

// Customer makes a customer who sits at the host. Cluster.Define makes it known.
func (l *Lab) Customer(name string, host *Host, as uint32, prefixes ...string) *Customer {
	l.t.Helper()
	return &Customer{Name: name, AS: as, Prefixes: prefixes, lab: l, host: host, keyFile: l.key(name)}
}

// Door is one node as the customer uses it.
type Door struct {
	customer *Customer
	node     *Trigger
}

// At chooses the node at which the customer types next:
//
//	alice.At(trigger1).Types("configure terminal", "network 198.51.100.7/32", "end")
func (c *Customer) At(node *Trigger) Door { return Door{c, node} }

// ssh is the command line of the real client. A host key is learned once and then
// must stay the same, also over restarts of the node.
func (d Door) ssh(options ...string) []string {
	c := d.customer
	return append([]string{
		"-F", "none", "-i", c.keyFile, "-p", fmt.Sprint(sshPort),
		"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + c.host.Path("known_hosts"),
		"-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=3",
	}, append(options, netipUser(c.Name, d.node.Host.Addr4()))...)
}

func netipUser(user string, at netip.Addr) string { return user + "@" + at.String() }

// Types logs in with a terminal, types the lines one after the other, each after the
// prompt, and logs out with `exit`s. Every line must be accepted. It returns what
// came back.
func (d Door) Types(lines ...string) string {
	t := d.customer.lab.t
	t.Helper()
	s := d.Login()
	for _, line := range lines {
		s.insist(line)
	}
	s.Logout()
	return s.Output()
}

// insist types a line until it is accepted, as a customer does who is told that the
// cluster has no leader at this moment, or does not know: repeating is safe then. Any
// other refusal fails the test.
func (s *Session) insist(line string) {
	t := s.door.customer.lab.t
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		answer := s.Type(line)
		if !refused(answer) {
			return
		}
		if again := strings.Contains(answer, "% NOT accepted") || strings.Contains(answer, "% NOT CONFIRMED"); !again || time.Now().After(deadline) {
			t.Fatalf("%s typed %q and was refused:\n%s", s.who(), line, answer)
		}
		t.Logf("           %s is told to try again: %q", s.who(), answer)
	}
}

// Blackholes types what blackholes the prefixes, in the family each belongs to.
func (d Door) Blackholes(prefixes ...netip.Prefix) {
	d.customer.lab.t.Helper()
	d.Types(d.customer.lines("network ", prefixes)...)
}

// Withdraws types what ends the blackholes.
func (d Door) Withdraws(prefixes ...netip.Prefix) {
	d.customer.lab.t.Helper()
	d.Types(d.customer.lines("no network ", prefixes)...)
}

// lines is the dialogue of Quagga: IPv4 below router bgp, IPv6 in its family.
func (c *Customer) lines(command string, prefixes []netip.Prefix) []string {
	lines := []string{"configure terminal", fmt.Sprintf("router bgp %d", c.AS)}
	var six []string
	for _, p := range prefixes {
		if p.Addr().Is4() {
			lines = append(lines, command+p.String())
		} else {
			six = append(six, command+p.String())
		}
	}
	if six != nil {
		lines = append(append(append(lines, "address-family ipv6"), six...), "exit-address-family")
	}
	return append(lines, "end")
}

// Runs runs one command line by `ssh host "line; line"` and returns its output and
// exit status: 0 accepted, 1 refused, 2 not confirmed, 255 ssh's own trouble.
func (d Door) Runs(commandLine string) (output string, status int) {
	t := d.customer.lab.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	plain := d.customer.host.Command("ssh", append(d.ssh("-T"), commandLine)...)
	out, err := exec.CommandContext(ctx, plain.Path, plain.Args[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("ssh: %v", err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// Session is an open login with a terminal.
type Session struct {
	door Door
	keys io.WriteCloser
	proc *Process
	seen int // how much of the output was there when the last line was typed
}

// Login logs in and waits for the prompt.
func (d Door) Login() *Session {
	t := d.customer.lab.t
	t.Helper()
	// A pipe of the system, not io.Pipe: with that, waiting for the process would
	// first wait for the next key.
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	s := &Session{door: d, keys: writer}
	s.proc = d.customer.host.Run(reader, "ssh", d.ssh("-tt")...)
	d.customer.lab.onClose(func() { writer.Close() })
	s.waitPrompt("logs in")
	return s
}

// Type types one line and Enter, waits for the next prompt, and returns what came
// between: the echo of the line, then the answer.
func (s *Session) Type(line string) string {
	s.door.customer.lab.t.Helper()
	s.seen = len(s.proc.Output())
	s.Keys(line + "\r")
	return s.waitPrompt(fmt.Sprintf("typed %q", line))
}

// Keys sends keystrokes as they are and waits for nothing.
func (s *Session) Keys(keys string) {
	t := s.door.customer.lab.t
	t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		t.Fatalf("%s: %v\n%s", s.who(), err, s.proc.Report())
	}
}

// prompt is Quagga's, at the very end of what has come.
var prompt = regexp.MustCompile(`(?:^|[\r\n])[A-Za-z0-9_.-]+(?:\([a-z0-9-]+\))?[>#] $`)

// waitPrompt waits until something new has come that ends in a prompt. The echo of a
// line ends in no prompt, so the answer is complete then.
func (s *Session) waitPrompt(what string) (answer string) {
	t := s.door.customer.lab.t
	t.Helper()
	Eventually(t, s.who()+" "+what, func() (bool, string) {
		if !s.proc.Running() {
			t.Fatalf("%s: the session ended\n%s", s.who(), s.proc.Report())
		}
		answer = s.proc.Output()[s.seen:]
		return prompt.MatchString(answer), fmt.Sprintf("%q", answer)
	})
	return strings.ReplaceAll(answer, "\r", "")
}

// Logout types exit until the session has ended: once per mode.
func (s *Session) Logout() {
	t := s.door.customer.lab.t
	t.Helper()
	s.Keys("end\rexit\r")
	Eventually(t, s.who()+" has logged out", func() (bool, string) {
		return !s.proc.Running(), fmt.Sprintf("%q", s.Output())
	})
	_ = s.keys.Close()
}

// Output is everything that came back so far.
func (s *Session) Output() string { return strings.ReplaceAll(s.proc.Output(), "\r", "") }

// Ended is closed when the connection is gone.
func (s *Session) Ended() <-chan struct{} { return s.proc.Exited() }

func (s *Session) who() string {
	return fmt.Sprintf("%s at %s", s.door.customer.Name, s.door.node.Name())
}

// runProgram runs a program outside any namespace.
func runProgram(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).CombinedOutput()
	return string(out), err
}
