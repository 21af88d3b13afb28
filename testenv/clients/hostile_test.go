package clients

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/testenv"
)

// neighborhood is a customer at work beside somebody hostile, and the router that
// must not notice anything.
type neighborhood struct {
	*dev
	t     *testing.T
	alice *person   // works at the same trigger
	desk  *terminal // where she is logged in all the time
	turn  int
}

func newNeighborhood(t *testing.T) *neighborhood {
	testenv.Require(t, "openssh-client")
	d := startDev(t)
	n := &neighborhood{dev: d, t: t, alice: d.customer("alice", []string{"203.0.113.0/24"})}
	n.desk = n.alice.terminal(0, 80, 24)
	n.desk.until("trigger1# ")
	n.desk.types("conf t")
	n.desk.types("router bgp 65534")
	n.worksOn()
	return n
}

// worksOn is what alice does all the time: one more blackhole where she is logged
// in, one withdrawn at a new login from another address, or from that of the hostile one.
func (n *neighborhood) worksOn() {
	n.t.Helper()
	n.turn++
	prefix := fmt.Sprintf("203.0.113.%d/32", n.turn)
	if said := n.desk.types("network " + prefix); strings.Contains(said, "%") {
		n.t.Errorf("alice is refused: %s", said)
	}
	n.sees(prefix)
	source := []string{"127.0.0.1", "127.0.0.2"}[n.turn%2]
	finish(n.t, n.alice.ssh(0, []string{"-b", source}, "conf t; router bgp 65534; no network "+prefix), "").works(n.t)
	n.sees()
}

// notices fails the test when a router lost a session, or a trigger anything else.
func (n *neighborhood) notices() {
	n.t.Helper()
	for _, sign := range []string{"is down", "alarm raised", "level=ERROR", "panic"} {
		if log := n.errs.String(); strings.Contains(log, sign) {
			n.t.Errorf("somebody noticed: %q in\n%s", sign, log)
		}
	}
}

// knock opens a connection to the ssh door.
func (n *neighborhood) knock() net.Conn {
	n.t.Helper()
	c, err := net.Dial("tcp", n.line.Triggers[0].SSH)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

// drain reads until the other end has had enough.
func drain(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(testenv.Patience))
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

func TestGarbageAtTheDoor(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise) // never fails
	huge := []byte("SSH-2.0-x\r\n\x7f\xff\xff\xff\x00")
	for _, burst := range [][]byte{
		noise, bytes.Repeat([]byte("A"), 1<<20), bytes.Repeat([]byte("\n"), 1<<16), []byte("GET / HTTP/1.1\r\n\r\n"), huge,
		append([]byte("SSH-2.0-x\r\n"), noise...), []byte("SSH-1.5-old\r\n"), {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0},
	} {
		c := n.knock()
		_, _ = c.Write(burst) // the door may have shut already
		_ = c.(*net.TCPConn).CloseWrite()
		drain(c)
		n.worksOn()
	}
	n.notices()
}

func TestHundredsOfHalfOpenHandshakes(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	for i := range 300 {
		c := n.knock()
		if i%2 == 0 {
			_, _ = io.WriteString(c, "SSH-2.0-slow\r\n")
		}
	}
	for range 3 {
		n.worksOn()
	}
	n.notices()
	if !strings.Contains(n.errs.String(), "too many are logging in") {
		t.Error("no line in the log")
	}
}

func TestFloodOfPasswords(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	n.customer("bob", []string{"198.51.100.0/24"}, "password a-long-password")
	var flood sync.WaitGroup
	stop := make(chan struct{})
	for i := range 15 {
		user := []string{"bob", "alice", "nobody", "\x1b[2Jroot"}[i%4]
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				client, err := ssh.Dial("tcp", n.line.Triggers[0].SSH, &ssh.ClientConfig{
					User: user, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: testenv.Patience,
					Auth: []ssh.AuthMethod{ssh.RetryableAuthMethod(ssh.Password("guess"), 6)},
				})
				if err == nil {
					_ = client.Close()
					t.Errorf("%q got in", user)
				}
			}
		})
	}
	for range 5 {
		n.worksOn()
	}
	close(stop)
	n.desk.types("end") // and the desk still answers
	flood.Wait()
	n.notices()
	// Every node knows of it, and of lines that never reached the log.
	n.alice.runs(0, "conf t; router bgp 65534; network 198.51.100.7/32")
	testenv.Eventually(t, "the refused tries are counted for the whole cluster", func() (bool, string) {
		users := n.operator().runs(1, "show users").stdout
		return refusedTries(users, "bob") > 5 && refusedTries(users, "alice") > 5 && refusedTries(users, "operator") == 0, users
	})
	if log := n.errs.String(); strings.Contains(log, "\x1b") || !strings.Contains(log, "ssh login refused") {
		t.Errorf("the log: %q", log)
	}
}

func TestLinesOfAMegabyte(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	bob := n.customer("bob", []string{"198.51.100.0/24"})
	long := "network " + strings.Repeat("9", 1<<20)
	told := "% Line too long: at most 16384 bytes are taken; nothing was done."

	r := bob.pipes(0, "conf t", "router bgp 65534", long, "network 198.51.100.1/32")
	if r.status != 1 || strings.Count(r.stdout, told) != 1 || len(r.stdout) > 4096 {
		t.Errorf("through a pipe: status %d, %d bytes: %.500s", r.status, len(r.stdout), r.stdout)
	}
	n.worksOnBesides("198.51.100.1/32")
	term := bob.terminal(0, 80, 24)
	term.until("trigger1# ")
	go term.keys(long + "\rshow version\r") // the echo fills the window before all is sent
	term.until(told)
	term.until("triggerd ")
	n.worksOnBesides("198.51.100.1/32")
	if r := bob.runs(0, strings.Repeat("x", 100_000)); r.status != 1 || !strings.Contains(r.stdout, told) {
		t.Errorf("as a command: status %d: %.500s", r.status, r.stdout)
	}
	n.worksOnBesides("198.51.100.1/32")
	n.notices()
}

// worksOnBesides is worksOn while others have these blackholes.
func (n *neighborhood) worksOnBesides(others ...string) {
	n.t.Helper()
	n.turn++
	prefix := fmt.Sprintf("203.0.113.%d/32", n.turn)
	n.desk.types("network " + prefix)
	n.sees(append(others, prefix)...)
	n.desk.types("no network " + prefix)
	n.sees(others...)
}

// Nothing of a command line ever reaches a shell: there is none.
func TestShellMetacharacters(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	bob := n.customer("bob", []string{"198.51.100.0/24"})
	mark := shortDir(t) + "/mark"
	for _, script := range []string{
		"touch " + mark, "show version; touch " + mark, "show version && touch " + mark, "show version | touch " + mark,
		"$(touch " + mark + ")", "`touch " + mark + "`", "show version > " + mark, "show version\ntouch " + mark, "show version & touch " + mark,
		"/bin/sh -c 'touch " + mark + "'", "../../../bin/touch " + mark,
		"show running-config | include $(touch " + mark + ")", "conf t; router bgp 65534; network 198.51.100.2/32 reason `touch " + mark + "` $(touch " + mark + ")",
	} {
		r := finish(n.t, bob.ssh(0, nil, script), "")
		if r.status > 1 {
			t.Errorf("%q: %v", script, r)
		}
	}
	n.worksOnBesides("198.51.100.2/32")
	if r := bob.runs(0, "show running-config"); !strings.Contains(r.stdout, "reason `touch "+mark+"` $(touch "+mark+")\n") {
		t.Errorf("the reason is another: %v", r)
	}
	if found := finish(t, shell("ls "+mark), ""); found.status == 0 {
		t.Error("a command was run")
	}
	n.notices()
}

// What one types never drives the terminal of another.
func TestEscapeSequencesStayWithWhoTypesThem(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	bob := n.customer("bob", []string{"198.51.100.0/24"})
	evil := "\x1b[2J\x1b]0;owned\x07\u009b31mred\u202egnp.exe\x7f\x08\x08done"
	bob.pipes(0, "conf t", "router bgp 65534", "network 198.51.100.3/32 ticket T-1 reason "+evil)
	bob.runs(0, "conf t; router bgp 65534; network 198.51.100.4/32 reason "+evil)
	term := bob.terminal(0, 80, 24)
	term.until("trigger1# ")
	term.keys("conf t\rrouter bgp 65534\rnetwork 198.51.100.5/32 reason \x16" + evil + "\r" + evil + "\r")
	finish(t, bob.ssh(0, []string{"-l", evil}, "show version"), "")

	watcher := n.operator()
	for _, line := range []string{
		"show running-config", "show blackhole", "show blackhole 198.51.100.3/32", "show blackhole json", "who", "show audit", "show history",
	} {
		for _, got := range []string{watcher.runs(1, line).stdout, watcher.pipes(0, line).stdout, n.alice.runs(0, line).stdout} {
			if i := strings.IndexAny(got, "\x1b\x07\x7f\b\u009b\u202e"); i >= 0 {
				t.Errorf("%s shows %q", line, got[max(0, i-60):min(len(got), i+60)])
			}
		}
	}
	if log := n.errs.String(); strings.ContainsAny(log, "\x1b\x07\x7f\u009b\u202e") {
		t.Errorf("the log has it raw: %q", log)
	}
	n.desk.types("end")
	n.notices()
}

// refusedTries reads the last column of `show users`; -1 when the user is not there.
func refusedTries(users, name string) int {
	for line := range strings.Lines(users) {
		words := strings.Fields(line)
		if len(words) > 2 && words[0] == name {
			n, err := strconv.Atoi(words[len(words)-1])
			if err == nil {
				return n
			}
		}
	}
	return -1
}

// A server that keeps the first user name of a connection lets alice's key in as
// bobby. The whole story, with more turns, is told where the door is.
func TestOneCustomerCannotBecomeAnother(t *testing.T) {
	t.Parallel()
	n := newNeighborhood(t)
	n.customer("bobby", []string{"198.51.100.0/24"})
	for range 3 {
		name := []byte("alice") // x/crypto's client takes one name; its bytes are written over between the tries
		tries := 0
		client, err := ssh.Dial("tcp", n.line.Triggers[0].SSH, &ssh.ClientConfig{
			User: unsafe.String(&name[0], len(name)), HostKeyCallback: ssh.InsecureIgnoreHostKey(),
			AuthCallback: func(*ssh.ClientAuthContext) (ssh.AuthMethod, error) {
				if tries++; tries == 1 {
					return ssh.Password("wrong"), nil
				}
				copy(name, "bobby")
				return ssh.PublicKeys(n.alice.signer()), nil
			},
		})
		if err == nil {
			_ = client.Close()
			t.Error("alice's key let her in as bobby")
		}
		n.worksOn()
	}
	n.notices()
}
