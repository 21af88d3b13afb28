package clients

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/triggerd/triggerd/testenv"
)

// vtyPassword is the one of FRR's vty here.
const vtyPassword = "zebra"

// frrVty starts FRR's bgpd with a vty on loopback and no BGP listener, and logs in.
func frrVty(t *testing.T) net.Conn {
	t.Helper()
	testenv.Require(t, testenv.Root, "frr")
	dir := shortDir(t)
	who, err := user.Lookup("frr")
	if err != nil {
		t.Fatalf("the frr package makes the user frr: %v", err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	conf := file(t, filepath.Join(dir, "bgpd.conf"), "hostname trigger1\npassword "+vtyPassword+"\nrouter bgp 65534\n!\nline vty\n exec-timeout 0 0\n")
	for _, path := range []string{dir, conf} {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	addr := freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	bgpd := exec.Command("/usr/lib/frr/bgpd", "-u", "frr", "-g", "frr", "-f", conf, "-i", filepath.Join(dir, "pid"), "-z", filepath.Join(dir, "z"),
		"--vty_socket", dir, "-A", "127.0.0.1", "-P", port, "-l", "127.0.0.1", "-p", "0", "-Z", "--log", "stdout")
	var said output
	bgpd.Stdout, bgpd.Stderr = &said, &said
	bgpd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithUs(bgpd.SysProcAttr)
	if err := bgpd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = bgpd.Process.Kill()
		_ = bgpd.Wait()
	})
	var c net.Conn
	testenv.Eventually(quiet{t}, "FRR's vty answers", func() (bool, string) {
		c, err = net.Dial("tcp", addr)
		return err == nil, said.String()
	})
	t.Cleanup(func() { _ = c.Close() })
	readUntil(t, c, "Password: ")
	_, _ = io.WriteString(c, vtyPassword+"\r\n")
	readUntil(t, c, "trigger1> ")
	return c
}

// freeAddress is one that nobody listens at just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// readUntil reads up to a text and returns what stands before it.
func readUntil(t *testing.T, c net.Conn, text string) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(testenv.Patience))
	var b strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(b.String(), text) {
		if _, err := c.Read(one); err != nil {
			t.Fatalf("waiting for %q: %v; there is %q", text, err, b.String())
		}
		b.Write(one)
	}
	return strings.TrimSuffix(b.String(), text)
}

// TestEveryKeyAsAtFRR types the same keys, drawn at random, at a real FRR's vty and at
// a trigger, and compares what the two line editors draw, byte by byte. Ctrl-D is
// left out, which ends the session where it meets an empty line, and so are `?` and
// Tab, whose words are others.
func TestEveryKeyAsAtFRR(t *testing.T) {
	t.Parallel()
	frr := frrVty(t)
	d := startDev(t)
	term := d.customer("alice", []string{"203.0.113.0/24"}, "landing view").terminal(0, 200, 24)
	term.until("trigger1> ")
	const mark = "\x05Q!Q" // typed at the end of the line; what stands before it is the answer
	draw := rand.New(rand.NewPCG(4, 2))
	for i := range 300 {
		keys := someKeys(draw)
		_, _ = io.WriteString(frr, keys+mark)
		want := readUntil(t, frr, "Q!Q")
		term.keys(keys + mark)
		if got := term.until("Q!Q"); got != want {
			t.Errorf("%d: %q draws\n%q\nat FRR\n%q", i, keys, got, want)
		}
		_, _ = io.WriteString(frr, "\x03")
		readUntil(t, frr, "trigger1> ")
		term.keys("\x03")
		term.until("trigger1> ")
	}
}

// TestErrorsAsAtFRR types wrong lines at both: the line editor and the words of errors
// are the same, but for the name of the daemon.
func TestErrorsAsAtFRR(t *testing.T) {
	t.Parallel()
	frr := frrVty(t)
	d := startDev(t)
	term := d.customer("alice", []string{"203.0.113.0/24"}, "landing view").terminal(0, 200, 24)
	term.until("trigger1> ")
	for _, line := range []string{
		"", "   ", "! a comment", "# another", "zz", "show", "show ip", "show zz", "show ip bgp zz", "show version extra", "SHOW VERSION", "sh", "terminal length",
		"terminal length 0", "terminal length 513", "terminal length x", "echo hi", "echo", "end", "configure terminal", "router bgp 65534", "no network 192.0.2.1/32", "show ip bgp 1.2.3.999",
		"show ip bgp 192.0.2.1/33", "exit now",
	} {
		_, _ = io.WriteString(frr, line+"\r\n")
		want := strings.ReplaceAll(readUntil(t, frr, "trigger1> "), "% [BGP] ", "% ")
		term.keys(line + "\r\n")
		if got := term.until("trigger1> "); got != want {
			t.Errorf("%q is answered with\n%q\nat FRR with\n%q", line, got, want)
		}
	}
}

// someKeys are up to 16 words and editing keys, never at the beginning of a line.
func someKeys(draw *rand.Rand) string {
	words := []string{"show", "ip", "bgp", "network", "192.0.2.1/32", " ", " ", "  ", "x", "ab"}
	edits := []string{
		"\x01", "\x02", "\x05", "\x06", "\x08", "\x7f", "\x0b", "\x14", "\x15", "\x17", "\x1bb", "\x1bf", "\x1bd", "\x1b\x7f", "\x1b[C", "\x1b[D", "\x10", "\x0e", "\x1b[A", "\x1b[B",
	}
	var b strings.Builder
	fmt.Fprint(&b, "z")
	for range 1 + draw.IntN(16) {
		from := words
		if draw.IntN(2) == 0 {
			from = edits
		}
		b.WriteString(from[draw.IntN(len(from))])
	}
	return b.String()
}
