package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const blackhole7 = "configure terminal; customer acme; network 192.0.2.7/32"

func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	n.write(n.router()...)
	n.init().run("--log-format", "json")
	n.asks(defineCustomer)
	n.asks(blackhole7)
	before := n.everything()
	if refused := n.does("cli", "configure terminal; customer acme; network 198.51.100.7/32"); refused.status != 1 || !strings.HasPrefix(refused.stdout, "% 198.51.100.7/32") {
		t.Errorf("want status 1 and the rule, got %v", refused)
	}
	n.kill9()

	t.Log("killed, started: the same state")
	n.run("--log-format", "json")
	if got := n.blackholes(); !slices.Equal(got, []string{"192.0.2.7/32"}) {
		t.Errorf("after kill -9 the blackholes are %q", got)
	}
	if got := n.everything(); got != before {
		t.Errorf("the state was\n%s\nand is\n%s", before, got)
	}
	t.Log("stopped by SIGTERM: status 0, and each line of the log is JSON")
	n.ends()
	for line := range strings.Lines(n.stderr.String()) {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" || entry.Msg == "" {
			t.Errorf("not a line of the log: %v %q", err, line)
		}
	}
	n.run()
	if got := n.everything(); got != before {
		t.Errorf("the state was\n%s\nand after SIGTERM is\n%s", before, got)
	}
	n.stop(syscall.SIGINT)
}

func TestDoorOnTheMachineItself(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	n.init().run()
	n.asks(defineCustomer)
	t.Log("piped: goes on after an error, and the status tells of it")
	piped := triggerd(t, "configure terminal\nfrobnicate\ncustomer acme\nnetwork 192.0.2.8/32\n", "cli", "-c", n.conf)
	if piped.status != 1 || !strings.Contains(piped.stdout, "% Unknown command: frobnicate") {
		t.Errorf("want status 1 and the error beside its line, got %v", piped)
	}
	if got := n.blackholes(); !slices.Equal(got, []string{"192.0.2.8/32"}) {
		t.Errorf("the line after the error was not executed: %q", got)
	}
	t.Log("as an argument: stops at the first error")
	r := n.does("cli", "configure terminal; frobnicate; customer acme; network 192.0.2.9/32")
	if r.status != 1 || slices.Contains(n.blackholes(), "192.0.2.9/32") {
		t.Errorf("went on after an error: %v", r)
	}
	if r := n.does("cli", "show", "version"); r.status != 0 || !strings.Contains(r.stdout, "FRRouting") {
		t.Errorf("words as several arguments: %v", r)
	}
	socket := filepath.Join(n.data, "triggerd.sock")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v %v, want mode 0600", info, err)
	}
	n.ends()
	if _, err := os.Stat(socket); err == nil {
		t.Error("the socket outlives the node")
	}
}

// Every start that can't go well ends with an error, not with an empty state.
func TestNoStartOverABrokenDisk(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	n.init().run()
	n.asks(defineCustomer)
	n.asks(blackhole7)
	n.ends()
	log := filepath.Join(n.data, "raft", "log.db")
	whole := readFile(t, log)
	garbage := strings.Repeat("garbage!", 1024) // two pages: all that says where the rest is
	for name, broken := range map[string]string{
		"garbage":            strings.Repeat(garbage, 4),
		"garbage further on": whole[:len(garbage)] + strings.Repeat("garbage!", (len(whole)-len(garbage))/8),
		"torn":               whole[:10000],
		"cut to nothing":     "",
		"another beginning":  garbage + whole[len(garbage):],
	} {
		writeFile(t, log, broken, 0o600)
		r := n.does("run")
		r.refusedWith(t, 1, "log on disk is damaged", log)
		if t.Failed() {
			t.Fatalf("with a log that is %s", name)
		}
		if got := readFile(t, log); got != broken && broken != "" {
			t.Errorf("%s: the broken log was written to", name)
		}
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	n.does("run").refusedWith(t, 1, "is missing", "empty state")
	if _, err := os.Stat(log); err == nil {
		t.Error("a new log was made in place of the missing one")
	}
	identity := filepath.Join(n.data, "identity.json")
	id := readFile(t, identity)
	writeFile(t, identity, id[:len(id)/2], 0o600)
	n.does("run").refusedWith(t, 1, "identity file is damaged")
	writeFile(t, identity, id, 0o600)

	t.Log("the log restored: all is there")
	writeFile(t, log, whole, 0o600)
	n.run()
	if got := n.blackholes(); !slices.Equal(got, []string{"192.0.2.7/32"}) {
		t.Errorf("the blackholes are %q", got)
	}
}

func TestDirectoryOfAnotherNode(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	n.init()
	n.name = "trigger2"
	n.write()
	n.does("run").refusedWith(t, 1, "belongs to the node trigger1", "hostname trigger2")
}

// A port that somebody else has, and a node that runs already, are named.
func TestTakenPortsAndDirectories(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	n.write(n.router()...)
	n.init()
	for what, port := range map[string]int{"cluster": n.cluster, "ssh": n.ssh, "bgp": n.bgp} {
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		why := fmt.Sprintf("127.0.0.1:%d: bind: address already in use", port)
		r := n.does("run")
		r.refusedWith(t, 1, why)
		if _, last, _ := strings.Cut(r.stderr, "\ntriggerd: "); !strings.Contains(last, why) {
			t.Errorf("the last word does not say why: %q", last)
		}
		if t.Failed() {
			t.Fatalf("the port of %s was taken", what)
		}
		_ = l.Close()
	}
	n.run()
	other := newNode(t, "trigger1")
	other.data = n.data
	other.write()
	other.does("run").refusedWith(t, 1, "another triggerd runs in this directory")
	n.asks("show version")
}

func TestReloadTouchesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	neighbor := func(addr string, more string) []string {
		return []string{" neighbor " + addr + " remote-as 64501", " neighbor " + addr + " passive", " neighbor " + addr + " ebgp-multihop " + more}
	}
	n.write(n.router(append(neighbor("127.0.0.2", "2"), neighbor("127.0.0.3", "2")...)...)...)
	n.init()
	n.run()
	n.says("announcing")
	n.signal(syscall.SIGHUP)
	n.says("neighbors_added=0 neighbors_removed=0 neighbors_changed=0")

	t.Log("one gone, one changed, one new; and one line that needs a restart")
	n.write(append(n.router(append(neighbor("127.0.0.3", "3"), neighbor("127.0.0.4", "2")...)...), "ssh banner hello")...)
	n.signal(syscall.SIGHUP)
	n.says("neighbors_added=1 neighbors_removed=1 neighbors_changed=1")
	n.says("take effect with the next start")
	n.says("lines=[ssh]")
	shown := n.asks("show ip bgp summary")
	if strings.Contains(shown, "127.0.0.2 ") || !strings.Contains(shown, "127.0.0.3 ") || !strings.Contains(shown, "127.0.0.4 ") {
		t.Errorf("the neighbors are not those of the file:\n%s", shown)
	}
	if running := n.asks("show running-config"); strings.Contains(running, "ssh banner") {
		t.Errorf("what waits for a restart is shown as running:\n%s", running)
	}

	t.Log("a file with an error changes nothing")
	n.write("frobnicate")
	n.signal(syscall.SIGHUP)
	n.says("the old configuration stays")
	t.Log("and does not shut the operator out")
	if after := n.asks("show ip bgp summary"); !strings.Contains(after, "127.0.0.4 ") {
		t.Errorf("neighbors are gone:\n%s", after)
	}
	n.ends()
}

// On a full disk nothing is accepted that could be lost, what was accepted stays,
// and with room again the node starts as it was.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	mountSmall(t, n.data)
	n.init().run()
	n.asks(defineCustomer)
	n.asks(blackhole7)
	fill(t, filepath.Join(n.data, "filler"))
	var refused result
	eventually(t, "a write on a full disk is not accepted", func() (bool, string) {
		refused = n.does("cli", "configure terminal; customer acme; description "+strings.Repeat("x", 200))
		return refused.status != 0, refused.String()
	})
	if !strings.Contains(refused.stdout, "% NOT") {
		t.Errorf("the customer is not told: %v", refused)
	}
	if !n.running() {
		t.Fatalf("the full disk has ended the node:\n%s", &n.stderr)
	}
	if got := n.does("cli", "show alarms"); !strings.Contains(got.stdout, "store-error") {
		t.Errorf("no alarm is up: %v", got)
	}
	n.kill9()
	if err := os.Remove(filepath.Join(n.data, "filler")); err != nil {
		t.Fatal(err)
	}
	n.run()
	if got := n.blackholes(); !slices.Equal(got, []string{"192.0.2.7/32"}) {
		t.Errorf("the blackholes are %q", got)
	}
}

// The reader of the log goes away: the node stays.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	n := newNode(t, "trigger1")
	n.init()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := triggerdCommand(t, "run", "-c", n.conf)
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	_ = writer.Close()
	eventually(t, "the node answers", func() (bool, string) {
		r := n.does("cli", "show version")
		return r.status == 0, r.String()
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
