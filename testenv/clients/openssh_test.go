package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

func TestOpenSSHInEveryWay(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client")
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.0/24"})

	t.Run("at a terminal", func(t *testing.T) {
		r := finish(t, alice.ssh(0, []string{"-tt"}), "conf t\rrouter bgp 65534\rnetwork 203.0.113.1/32\rend\rexit\r").works(t)
		want := "trigger1# conf t\r\ntrigger1(config)# router bgp 65534\r\ntrigger1(config-router)# network 203.0.113.1/32\r\n" +
			"trigger1(config-router)# end\r\ntrigger1# exit\r\n"
		if r.stdout != want || r.stderr != "" {
			t.Errorf("got %q, want %q", r, want)
		}
	})
	t.Run("with a command", func(t *testing.T) {
		r := alice.runs(0, "configure terminal; router bgp 65534; network 203.0.113.2/32").works(t)
		if r.stdout != "" || r.stderr != "" {
			t.Errorf("it is not silent: %q", r)
		}
		if r := alice.runs(0, "show nonsense; conf t"); r.status != 1 || r.stdout != "% Unknown command: show nonsense\n" {
			t.Errorf("a refused line: %q", r)
		}
	})
	t.Run("through a pipe", func(t *testing.T) {
		r := alice.pipes(0, "conf t", "router bgp 65534", "bogus", "network 203.0.113.3/32")
		want := "trigger1# conf t\ntrigger1(config)# router bgp 65534\ntrigger1(config-router)# bogus\n% Unknown command: bogus\n" +
			"trigger1(config-router)# network 203.0.113.3/32\n"
		if r.status != 1 || r.stdout != want {
			t.Errorf("got %q, want %q", r, want)
		}
	})
	t.Run("with new keys every few kilobytes", func(t *testing.T) {
		var lines []string
		for range 2000 {
			lines = append(lines, "! "+strings.Repeat("x", 100))
		}
		r := finish(t, alice.ssh(0, []string{"-T", "-o", "RekeyLimit=16K", "-o", "LogLevel=DEBUG1"}), strings.Join(lines, "\n")+"\n").works(t)
		if n := strings.Count(r.stderr, "rekeying in progress") + strings.Count(r.stderr, "set_newkeys: rekeying"); n < 10 {
			t.Errorf("only %d new keys: %.2000s", n, r.stderr)
		}
		if n := strings.Count(r.stdout, "\ntrigger1# ! x"); n != len(lines)-1 {
			t.Errorf("%d of %d lines came back", n, len(lines)-1)
		}
	})
	t.Run("many sessions on one connection", func(t *testing.T) {
		socket := filepath.Join(shortDir(t), "s")
		master := alice.ssh(0, []string{"-M", "-N", "-S", socket})
		if err := master.Start(); err != nil {
			t.Fatal(err)
		}
		testenv.Eventually(t, "the connection is there", func() (bool, string) {
			r := finish(t, alice.ssh(0, []string{"-S", socket, "-O", "check"}), "")
			return r.status == 0, r.String()
		})
		for range 5 {
			if r := finish(t, alice.ssh(0, []string{"-S", socket, "-o", "ControlMaster=no"}, "show version"), "").works(t); !strings.HasPrefix(r.stdout, "triggerd ") {
				t.Errorf("got %v", r)
			}
		}
		finish(t, alice.ssh(0, []string{"-S", socket, "-O", "exit"}), "").works(t)
		_ = master.Wait() // its status is that of a connection that was told to end
	})
	t.Run("asking whether the server is still there", func(t *testing.T) {
		var errs output
		cmd := alice.ssh(0, []string{"-N", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "-o", "LogLevel=DEBUG3"})
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
		testenv.Eventually(t, "it was answered twice", func() (bool, string) {
			// SSH_MSG_REQUEST_FAILURE (RFC 4254 section 4) is an answer, too.
			return strings.Count(errs.String(), "receive packet: type 82") >= 2, errs.String()
		})
	})
	d.sees("203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32")
}

// What is not a command line is refused at once, and quietly where the client
// asked for it besides a command.
func TestOpenSSHAsksForMoreThanThereIs(t *testing.T) {
	t.Parallel()
	testenv.Require(t, "openssh-client")
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.0/24"})
	host, port := d.address(0)

	t.Run("files", func(t *testing.T) {
		from, to := file(t, filepath.Join(t.TempDir(), "f"), "x"), alice.name+"@"+host+":f"
		for _, args := range [][]string{{"sftp"}, {"scp"}, {"scp", "-O"}} {
			all := append(append(args[:len(args):len(args)], alice.options()...), "-P", port)
			if args[0] == "sftp" {
				all = append(all, alice.name+"@"+host)
			} else {
				all = append(all, from, to)
			}
			if r := finish(t, exec.Command(all[0], all[1:]...), "ls\n"); r.status == 0 {
				t.Errorf("%v works: %v", args, r)
			}
		}
	})
	t.Run("an agent", func(t *testing.T) {
		socket := filepath.Join(shortDir(t), "agent")
		agent := exec.Command("ssh-agent", "-D", "-a", socket)
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = agent.Process.Kill()
			_ = agent.Wait()
		}()
		testenv.Eventually(t, "the agent is there", func() (bool, string) {
			_, err := os.Stat(socket)
			return err == nil, fmt.Sprint(err)
		})
		cmd := alice.ssh(0, []string{"-A"}, "show version")
		cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		if r := finish(t, cmd, "").works(t); r.stderr != "" {
			t.Errorf("not quietly: %v", r)
		}
	})
	t.Run("forwarding and variables", func(t *testing.T) {
		for _, options := range [][]string{
			{"-R", "0:127.0.0.1:1"}, {"-X"}, {"-o", "SendEnv=LANG", "-o", "SetEnv=A=b"}, {"-w", "any"},
		} {
			r := finish(t, alice.ssh(0, options, "show version"), "")
			if !strings.HasPrefix(r.stdout, "triggerd ") && options[0] != "-w" {
				t.Errorf("%v: the command does not run: %v", options, r)
			}
		}
		if r := finish(t, alice.ssh(0, []string{"-W", "127.0.0.1:" + port}), ""); r.status == 0 || strings.Contains(r.stdout, "SSH-2.0") {
			t.Errorf("-W connects: %v", r)
		}
	})
	t.Run("algorithms of another age", func(t *testing.T) {
		for _, option := range []string{
			"KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc", "MACs=hmac-sha1", "HostKeyAlgorithms=ssh-rsa",
		} {
			cmd := alice.ssh(0, []string{"-o", option, "-o", "LogLevel=INFO"}, "show version")
			r := finish(t, cmd, "")
			if strings.HasPrefix(option, "MACs") { // AEAD ciphers need none
				cmd = alice.ssh(0, []string{"-o", option, "-o", "LogLevel=INFO", "-o", "Ciphers=aes128-ctr"}, "show version")
				r = finish(t, cmd, "")
			}
			if r.status != 255 || !strings.Contains(r.stderr, "no matching") {
				t.Errorf("%s: %v", option, r)
			}
		}
	})
	alice.runs(0, "show version").works(t)
}
