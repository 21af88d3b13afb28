package cli

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// tally is a Refusals that writes down what it hears: "USER: WHY".
type tally struct {
	mu    sync.Mutex
	heard []string
}

func (l *tally) Refused(user, from, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, user+": "+why)
	if from == "" {
		l.heard = append(l.heard, "from nowhere")
	}
}

func (l *tally) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(slices.Values(l.heard))
}

func TestRefusedLoginsOfKnownUsersAreCounted(t *testing.T) {
	heard := &tally{}
	h := open(t, func(o *ServerOptions) { o.Refusals = heard })
	alice, other := h.person(t, "alice"), h.person(t, "bobby")
	hash, err := HashPassword("a-long-password")
	if err != nil {
		t.Fatal(err)
	}
	h.put(rtbh.User{Name: "carla", Password: hash})

	t.Log("who offers some keys until one fits is no attacker")
	client, err := h.dial("alice", ssh.PublicKeys(other, alice))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	t.Log("strangers are the node's business alone")
	for _, name := range []string{"nobody", "", "root\x1b"} {
		if c, err := h.dial(name, ssh.PublicKeys(other), ssh.Password("x")); err == nil {
			c.Close()
			t.Errorf("%q got in", name)
		}
	}
	if got := heard.list(); len(got) != 0 {
		t.Errorf("heard %q", got)
	}
	t.Log("two wrong keys in one connection are one try, each password is one")
	_, _ = h.dial("alice", ssh.PublicKeys(other, liar{alice}))
	_, _ = h.dial("carla", ssh.RetryableAuthMethod(ssh.Password("guess"), 3))
	t.Log("and a second name in the same connection does not hide the first")
	_, _ = h.attack(try{"bobby", ssh.PublicKeys(alice)}, try{"nosuc", ssh.PublicKeys(alice)})
	want := []string{
		"alice: no key or certificate of this user", "bobby: no key or certificate of this user",
		"carla: wrong password", "carla: wrong password", "carla: wrong password",
	}
	until(t, fmt.Sprintf("all are counted: %q", want), func() bool { return slices.Equal(heard.list(), want) })
}

func TestRefusedLinesThatDoNotReachTheLogAreCounted(t *testing.T) {
	l, heard := newLab(t), &tally{}
	ports := l.ports()
	ports.Refusals = heard
	from := netip.MustParseAddrPort("192.0.2.7:5022")
	sh := NewShell(ports, Login{User: rtbh.User{Name: "alice"}, Door: rtbh.DoorSSH, From: from})
	entries := len(l.entries)
	for _, line := range []string{
		"conf t", "router bgp 65534", "network 198.51.100.7/32", // another customer's
		"no network 203.0.113.99/32", // not there: nobody's right is in question
		"frobnicate",                 // no command
		"batch", "network 198.51.100.8/32", "abort",
	} {
		sh.Execute(t.Context(), line, io.Discard)
	}
	got := heard.list()
	if len(got) != 2 || !strings.HasPrefix(got[0], "alice: network 198.51.100.7/32 % 198.51.100.7/32 is not within") || !strings.HasPrefix(got[1], "alice: network 198.51.100.8/32 % 198.51.100.8/32 is not within") {
		t.Errorf("heard %q", got)
	}
	if len(l.entries) != entries {
		t.Errorf("%d entries reached the log", len(l.entries)-entries)
	}
}

// TestRefusedTriesStandInTheAudit: who, from where, which line and why, for
// operators, and for a customer about its own users.
func TestRefusedTriesStandInTheAudit(t *testing.T) {
	l := newLab(t)
	l.asCluster(
		rtbh.CountRefused{User: "alice", Count: 1, From: "192.0.2.7:5022", Why: "network 8.8.8.8/32 % 8.8.8.8/32 is not within your prefixes."},
		rtbh.CountRefused{User: "bob", Count: 12, From: "192.0.2.66:1", Why: "wrong password"})
	const hers, his = "network 8.8.8.8/32 % 8.8.8.8/32 is not within", "wrong password (the last of 12 tries)"
	for _, c := range []struct {
		user, line string
		her, him   bool
	}{
		{"alice", "show audit", true, false}, {"alice", "show audit json", true, false}, {"bob", "show audit", false, true},
		{"root", "show audit", true, true}, {"root", "show audit customer acme", true, false}, {"vera", "show audit customer beta", false, true},
		{"root", "show audit export", true, true},
	} {
		out := l.login(c.user).run(c.line)
		if strings.Contains(out, hers) != c.her || strings.Contains(out, his) != c.him {
			t.Errorf("%s: %s\n%s", c.user, c.line, out)
		}
	}
	if out := l.login("alice").run("show audit"); !strings.Contains(out, "alice") || !strings.Contains(out, "192.0.2.7:5022") || !strings.Contains(out, "refused before the log") {
		t.Error(out)
	}
}
