package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// keysOf lists every key of a JSON value as a path, arrays as [].
func keysOf(prefix string, v any) (keys []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			keys = append(keys, prefix+k)
			keys = append(keys, keysOf(prefix+k+".", inner)...)
		}
	case []any:
		for _, inner := range v {
			keys = append(keys, keysOf(prefix, inner)...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func TestDevSaysAllThatAScriptNeedsInOneLine(t *testing.T) {
	t.Parallel()
	tmp := shortDir(t)
	cmd := triggerdCommand(t, "dev", "--json")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	d := awaitDev(t, launch(t, cmd))

	var line any
	if err := json.Unmarshal([]byte(d.line), &line); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"customer", "customer.asn", "customer.key", "customer.prefixes", "customer.user", "operator", "operator.key", "operator.user",
		"router", "router.table", "triggers", "triggers.bgp", "triggers.name", "triggers.ssh", "witness", "witness.name",
	}
	if got := keysOf("", line); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if len(d.Triggers) != 2 || d.Triggers[0].Name != "trigger1" || d.Triggers[1].Name != "trigger2" || d.Witness.Name != "witness" {
		t.Errorf("the cluster is not two triggers and a witness: %s", d.line)
	}
	if d.Customer.ASN != 65534 || !slices.Equal(d.Customer.Prefixes, []string{"203.0.113.0/24", "2001:db8:113::/48"}) {
		t.Errorf("the customer is another one: %s", d.line)
	}
	for _, key := range []string{d.Customer.Key, d.Operator.Key} {
		if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want a file of mode 0600", key, info, err)
		}
	}
	d.sees() // an empty table is []
	for _, trigger := range []string{"trigger1", "trigger2"} {
		d.says("session with " + trigger + " is up")
	}

	d.stop(syscall.SIGINT)
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left behind in the temporary directory: %v %v", left, err)
	}
	if d.stdout.String() != d.line {
		t.Errorf("standard output has more than the one line: %q", &d.stdout)
	}
	for logged := range strings.Lines(d.stderr.String()) {
		if strings.Contains(logged, "level=ERROR") {
			t.Errorf("a planned stop logs an error: %s", logged)
		}
	}
}

func TestCustomerAtEitherTriggerOfDev(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	login := d.customerRuns(0, "show version").works(t)
	if !strings.Contains(login.stdout, "command line compatible with FRRouting") {
		t.Errorf("show version: %s", login.stdout)
	}

	t.Log("IPv4 at trigger 1, IPv6 at trigger 2: both announce both")
	d.customerRuns(0, "configure terminal; router bgp 65534; network 203.0.113.7/32").works(t)
	d.customerTypes(1, "conf t", "router bgp 65534", "address-family ipv6", "network 2001:db8:113::7/128").works(t)
	d.sees(fromBoth("203.0.113.7/32", "2001:db8:113::7/128")...)

	t.Log("each withdrawn at the other trigger")
	d.customerTypes(1, "conf t", "router bgp 65534", "no network 203.0.113.7/32").works(t)
	d.customerRuns(0, "conf t; router bgp 65534; address-family ipv6; no network 2001:db8:113::7/128").works(t)
	d.sees()

	t.Log("what is not the customer's is refused with the rule, status 1, and nothing is announced")
	r := d.customerRuns(0, "configure terminal; router bgp 65534; network 198.51.100.7/32; network 203.0.113.8/32")
	if want := "% 198.51.100.7/32 is not within your prefixes (203.0.113.0/24, 2001:db8:113::/48)."; r.status != 1 || strings.TrimSpace(r.stdout) != want {
		t.Errorf("want %q, got %v", want, r)
	}
	d.sees()

	t.Log("a blackhole of one second ends by itself, at both")
	d.customerRuns(0, "conf t; router bgp 65534; network 203.0.113.9/32 expire 1s").works(t)
	for _, trigger := range []string{"trigger1", "trigger2"} {
		d.says(trigger + " announces 203.0.113.9/32")
		d.says(trigger + " withdraws 203.0.113.9/32")
	}

	t.Log("never is allowed, 1,000 are allowed, one more is not")
	lines := []string{"conf t", "router bgp 65534", "network 203.0.113.0/32 expire never"}
	for i := range 999 {
		if i < 255 {
			lines = append(lines, "network 203.0.113."+strconv.Itoa(i+1)+"/32")
			continue
		}
		if i == 255 {
			lines = append(lines, "address-family ipv6")
		}
		lines = append(lines, "network 2001:db8:113::"+strconv.Itoa(i)+"/128")
	}
	d.customerTypes(0, lines...).works(t)
	eventually(t, "the router has 2,000 routes", func() (bool, string) {
		n := len(d.table())
		return n == 2000, strconv.Itoa(n)
	})
	if r := d.customerTypes(1, "conf t", "router bgp 65534", "address-family ipv6", "network 2001:db8:113::ffff/128"); r.status != 1 || !strings.Contains(r.stdout, "1000") {
		t.Errorf("the blackhole over the limit was not refused: %v", r)
	}
	d.stop(syscall.SIGTERM)
}

func TestDevGoesOnFromItsData(t *testing.T) {
	t.Parallel()
	data := filepath.Join(shortDir(t), "d")
	first := startDev(t, "--data", data)
	first.customerRuns(0, "configure terminal; router bgp 65534; network 203.0.113.7/32").works(t)
	first.sees(fromBoth("203.0.113.7/32")...)
	key := readFile(t, first.Customer.Key)
	if !strings.HasPrefix(first.Customer.Key, data) {
		t.Errorf("the key is at %s, outside --data %s", first.Customer.Key, data)
	}
	first.stop(syscall.SIGTERM)

	second := startDev(t, "--data", data)
	second.sees(fromBoth("203.0.113.7/32")...)
	if readFile(t, second.Customer.Key) != key {
		t.Error("the customer has another key")
	}
	t.Log("killed, it goes on as well")
	second.customerRuns(1, "configure terminal; router bgp 65534; network 203.0.113.8/32").works(t)
	second.kill9()
	third := startDev(t, "--data", data)
	third.sees(fromBoth("203.0.113.7/32", "203.0.113.8/32")...)
	third.customerRuns(1, "configure terminal; router bgp 65534; no network 203.0.113.8/32").works(t)
	third.sees(fromBoth("203.0.113.7/32")...)

	t.Log("a second one with the same data is refused and does no harm")
	refused := triggerd(t, "", "dev", "--json", "--data", data)
	refused.refusedWith(t, 1, data)
	if refused.stdout != "" {
		t.Errorf("it says that it is ready: %v", refused)
	}
	third.sees(fromBoth("203.0.113.7/32")...)
}

// Closing its terminal ends it as Ctrl-C does: nothing stays behind.
func TestDevEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	tmp := shortDir(t)
	cmd := triggerdCommand(t, "dev")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	p := launch(t, cmd)
	eventually(t, "it says how to log in", func() (bool, string) {
		text := p.stdout.String()
		return strings.Contains(text, "ssh -p ") && strings.Contains(text, "What the router sees:"), text
	})
	p.stop(syscall.SIGHUP)
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("left behind in the temporary directory: %v %v", left, err)
	}
}

// An ordinary user starts it, while somebody else runs another one.
func TestDevAsAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("these tests run as an ordinary user themselves")
	}
	other := startDev(t)
	const nobody = 65534
	home := shortDir(t)
	cmd := triggerdCommand(t, "dev", "--json")
	// Copied by another process: a program started here at the same moment would
	// inherit the open file, and a file that is open for writing can't be run.
	binary := filepath.Join(home, "triggerd")
	if out, err := exec.Command("cp", cmd.Path, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tmp := filepath.Join(home, "tmp")
	for _, step := range []error{os.Chmod(home, 0o755), os.Mkdir(tmp, 0o700), os.Chown(tmp, nobody, nobody)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	cmd.Path, cmd.Args[0], cmd.Dir = binary, binary, tmp
	cmd.Env = []string{asTriggerd + "=1", "GORACE=atexit_sleep_ms=0", "TMPDIR=" + tmp, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: false}}
	d := awaitDev(t, launch(t, cmd))
	d.customerRuns(0, "configure terminal; router bgp 65534; network 203.0.113.7/32").works(t)
	d.sees(fromBoth("203.0.113.7/32")...)
	other.sees()
	d.stop(syscall.SIGINT)
	other.stop(syscall.SIGINT)
}
