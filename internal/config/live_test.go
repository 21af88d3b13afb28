package config

import (
	"net/netip"
	"strings"
	"testing"
)

const liveBefore = `hostname trigger1
cluster advertise 127.0.0.1:7600
router bgp 65535
 bgp router-id 192.0.2.10
 neighbor 192.0.2.20 remote-as 65535
 neighbor 192.0.2.20 timers 10 30
 neighbor 192.0.2.20 timers connect 5
 neighbor 2001:db8::20 remote-as 64500
 address-family ipv6
  neighbor 2001:db8::20 activate
`

func TestLiveLines(t *testing.T) {
	node, _, err := Parse("f", strings.NewReader(liveBefore))
	if err != nil {
		t.Fatal(err)
	}
	a, b := netip.MustParseAddr("192.0.2.20"), netip.MustParseAddr("2001:db8::20")
	for _, c := range []struct {
		family, line string
		remove       string // with it: `no`
		peer         netip.Addr
		want, gone   string
	}{
		{line: "neighbor 192.0.2.20 description edge", peer: a, want: "neighbor 192.0.2.20 description edge"},
		{line: "neighbor 192.0.2.20 remote-as 64501", peer: a, want: "neighbor 192.0.2.20 remote-as 64501", gone: "remote-as 65535"},
		{line: "neighbor 192.0.2.9 remote-as 64509", peer: netip.MustParseAddr("192.0.2.9"), want: "neighbor 192.0.2.9 remote-as 64509"},
		{family: "ipv6", line: "neighbor 192.0.2.20 activate", peer: a, want: "  neighbor 192.0.2.20 activate"},
		{line: "neighbor 192.0.2.20 shutdown message going home", peer: a, want: "neighbor 192.0.2.20 shutdown"},
		{remove: "timers", peer: a, want: "timers connect 5", gone: "timers 10 30"},
		{remove: "timers connect", peer: a, want: "timers 10 30", gone: "timers connect"},
		{remove: " ", peer: b, want: "192.0.2.20", gone: "2001:db8::20"},
	} {
		next, _, err := node.Without(c.peer, c.remove)
		if c.remove == "" {
			next, _, err = node.With(c.family, c.line, c.peer)
		}
		text := next.String()
		if err != nil || !strings.Contains(text, c.want) || c.gone != "" && strings.Contains(text, c.gone) {
			t.Errorf("%s %q: %v\n%s", c.line, c.remove, err, text)
		}
	}
	for _, line := range []string{"neighbor 192.0.2.20 ebgp-multihop 999", "neighbor 192.0.2.77 description no AS yet", "neighbor 192.0.2.20 port 0"} {
		if _, _, err := node.With("", line, a); err == nil {
			t.Errorf("%s was taken", line)
		}
	}
	if _, _, err := node.Without(a, "password"); err == nil {
		t.Error("removed what was not there")
	}
}
