package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// ansible are the patterns by which the frr.frr collection 2.0.2 (Debian's ansible
// 7.7) takes an answer for a failure.
var ansible = regexp.MustCompile(`(?i:% Command incomplete|% Unknown command|\S+ instance is already running|` +
	`% (Create|Specify) .* first|\S+ is not running|% Can't find .*|invalid input|connection timed out)|[^\r\n]+ not found`)

// TestAutomationSeesEveryFailure: and what succeeds is none.
func TestAutomationSeesEveryFailure(t *testing.T) {
	l := busyLab(t)
	u, _ := l.st.User("alice")
	tool := l.shell(Login{User: u, Door: rtbh.DoorSSH, Client: "SSH-2.0-paramiko_2.12.0"})
	person := l.shell(Login{User: u, Door: rtbh.DoorSSH, Client: "SSH-2.0-OpenSSH_9.2p1 Debian-2"})
	for _, x := range []*screen{tool, person} {
		x.must("configure terminal", "router bgp 65534")
	}
	const refused = "% Invalid input: the line was refused and changed nothing.\n"
	for _, c := range []struct{ line, added string }{
		{"network 198.51.100.7/32", refused},
		{"network 203.0.113.7", refused},
		{"network 203.0.113.7/24", refused},
		{"network 203.0.113.7/32 route-map NOPE", refused},
		{"router bgp 64999", refused},
		{"e", refused}, // ambiguous
		{"no network 203.0.113.7/32", ""},
		{"nonsense", ""},
		{"network", ""},
		{"do show route-map NOPE", refused},
		{"do show ip bgp | grep x", ""},
	} {
		plain, flagged := person.refused(c.line), tool.refused(c.line)
		if want := strings.TrimSuffix(plain+"\n"+c.added, "\n"); flagged != want {
			t.Errorf("%s: automation reads\n%s\nwant\n%s", c.line, flagged, want)
		}
		if !ansible.MatchString(flagged) {
			t.Errorf("%s is no failure to Ansible:\n%s", c.line, flagged)
		}
	}
	l.fail = &NotAccepted{Reaches: 1, Members: 3}
	if out := tool.run("network 203.0.113.8/32"); !strings.HasSuffix(out, "\n% Can't find a majority that accepts the line; it changed nothing.\n") {
		t.Error(out)
	}
	l.fail = &NotConfirmed{}
	if out := tool.run("network 203.0.113.8/32"); !strings.HasSuffix(out, "\n% Can't find out yet whether the line takes effect; repeating it is safe.\n") {
		t.Error(out)
	}
	tool.must("network 203.0.113.8/32")
	l.silent = []Silent{{Name: "trigger2"}}
	if out := tool.run("network 203.0.113.9/32"); ansible.MatchString(out) || !strings.HasPrefix(out, "Note: ") {
		t.Errorf("an accepted line with a note is a failure to Ansible: %s", out)
	}
}

// TestAutomationGoesOnWhereItWasRefused: in the mode of the line that failed, which
// for people stays as it was at Quagga.
func TestAutomationGoesOnWhereItWasRefused(t *testing.T) {
	l := busyLab(t)
	u, _ := l.st.User("alice")
	tool := l.shell(Login{User: u, Door: rtbh.DoorSSH, Client: "SSH-2.0-paramiko_2.12.0"})
	tool.must("configure terminal", "router bgp 65534")
	tool.refused("network 198.51.100.7/32")
	if out := tool.run("show version"); !strings.HasPrefix(out, "triggerd ") || tool.Prompt() != "trigger1(config-router)# " {
		t.Errorf("%q at %s", out, tool.Prompt())
	}
	tool.refused("clear nonsense")
	tool.must("terminal length 0", "configure terminal")
	if tool.Prompt() != "trigger1(config)# " {
		t.Error(tool.Prompt())
	}
	person := l.login("alice")
	person.must("configure terminal", "router bgp 65534")
	person.refused("show version")
	person.refused("configure terminal")
}

func TestSoftwareOfAClientIsShownSafely(t *testing.T) {
	for in, want := range map[string]string{
		"SSH-2.0-OpenSSH_9.2": "SSH-2.0-OpenSSH_9.2", "SSH-2.0-\x1b[2J\xff": `SSH-2.0-\x1b[2J?`,
		"SSH-2.0-" + strings.Repeat("x", 1000): "SSH-2.0-" + strings.Repeat("x", 56),
	} {
		if got := softwareOf([]byte(in)); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestRunningConfigOfTheDaemon(t *testing.T) {
	l := busyLab(t)
	for _, user := range []string{"alice", "root"} {
		x := l.login(user)
		if want, got := x.run("show running-config bgp"), x.run("show running-config bgpd"); got != want || x.last.Status != vty.OK {
			t.Errorf("%s: bgpd is\n%s\nbgp is\n%s", user, got, want)
		}
		if x.refused("show running-config bgpx") == "" || strings.Contains(x.run("list"), "bgpd") {
			t.Errorf("%s: bgpd is more than a way of saying bgp", user)
		}
	}
}
