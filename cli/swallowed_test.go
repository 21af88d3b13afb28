package cli

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// TestNoCommandVanishesInAReason: alice's script blackholes two addresses in one
// command line, the first with a reason. It hears that the second would not be.
func TestNoCommandVanishesInAReason(t *testing.T) {
	l := busyLab(t)
	alice, _ := l.st.User("alice")
	for _, c := range []struct {
		script, says string
		accepted     bool
	}{
		{"conf t; router bgp 65534; network 203.0.113.50/32 reason NTP flood; network 203.0.113.51/32", "`network 203.0.113.51/32` would not be run", false},
		{"conf t; router bgp 65534; network 203.0.113.50/32 reason NTP; end; show blackhole", "`end` would not be run", false},
		{"conf t; router bgp 65534; no network 203.0.113.12/32 reason over; no network 203.0.113.13/32", "`no network 203.0.113.13/32` would not be run", false},
		{"conf t; router bgp 65534; network 203.0.113.52/32 reason NTP; see ticket 5; done\nend", "", true},
		{"conf t; router bgp 65534; network 203.0.113.53/32 reason NTP\nnetwork 203.0.113.54/32", "", true},
	} {
		var out strings.Builder
		x := l.shell(Login{User: alice, Door: rtbh.DoorExec, AtEnable: true})
		status := vty.RunScript(t.Context(), c.script, &out, x.Shell, false)
		if (status == 0) != c.accepted || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: status %d, %q", c.script, status, out.String())
		}
	}
	for p, want := range map[string]bool{"203.0.113.50/32": false, "203.0.113.12/32": true, "203.0.113.52/32": true, "203.0.113.54/32": true} {
		if _, has := l.st.Blackhole(netip.MustParsePrefix(p), "acme", l.now); has != want {
			t.Errorf("%s is blackholed: %v", p, has)
		}
	}
}
