package clients

import (
	"strings"
	"testing"
)

// The cluster's banner greets terminals at every node, and no script reads it.
func TestTheBannerGreetsTerminals(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.0/24"})
	d.operator().runs(0, "conf t; banner motd line Trigger of Example Transit").works(t)
	term := alice.terminal(1, 80, 24)
	if before := term.until("trigger2# "); before != "Trigger of Example Transit\r\n" {
		t.Errorf("a terminal is greeted with %q", before)
	}
	if r := alice.runs(0, "show version").works(t); strings.Contains(r.stdout, "Example Transit") {
		t.Errorf("a script reads the banner: %q", r.stdout)
	}
}

// An operator sees at the terminal what a customer does and what the node says, and
// in show ssh what was kept out.
func TestAnOperatorWatchesTheDoor(t *testing.T) {
	t.Parallel()
	d := startDev(t)
	alice := d.customer("alice", []string{"203.0.113.0/24"})
	root := d.operator().terminal(0, 120, 24)
	root.until("trigger1# ")
	root.types("terminal length 0")
	root.types("terminal monitor")
	alice.runs(0, "conf t; router bgp 65534; network 203.0.113.7/32 reason SYN flood").works(t)
	root.until(" INFO ssh login component=ssh user=alice ")
	root.until(" blackhole 203.0.113.7/32 of alice has begun, until ")
	root.until("(SYN flood)\r\n")
	root.until("trigger1# ")
	root.types("terminal no monitor")

	mallory := *alice
	mallory.name = "mallory"
	if r := mallory.runs(0, "show version"); r.status != 255 {
		t.Errorf("mallory got in: %v", r)
	}
	if shown := root.types("show ssh"); !strings.Contains(shown, "Listening on "+d.line.Triggers[0].SSH+"\r\n") ||
		!strings.Contains(strings.Join(strings.Fields(shown), " "), "Logins refused 1 ") {
		t.Errorf("show ssh: %s", shown)
	}
	if shown := root.types("show logging | include mallory"); !strings.Contains(shown, "WARN ssh login refused") {
		t.Errorf("show logging: %s", shown)
	}
}
