package cli

import (
	"strings"
	"testing"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// The two halves of this package together: OpenSSH's client, the door, the
// editor and the real Shell. An old script logs in as it did with telnet and
// sends its enable secret, which nobody asks for any more.
func TestAnOldScriptBlackholesOverSSH(t *testing.T) {
	l := newLab(t)
	h := open(t, func(o *ServerOptions) { o.Shells = NewShells(l.ports()) })
	c := newClient(t, h, "alice", "ed25519")
	out, errs, status := c.ssh(t, "enable\rold-s3cret\rconf t\rrouter bgp 65534\rnetwork 203.0.113.12/32\r"+
		"network 198.51.100.1/32\rend\rshow history\rexit\r", "-tt")
	if status != 0 || strings.Contains(out, "old-s3cret") {
		t.Errorf("status %d, shows %q %s", status, out, errs)
	}
	for _, want := range []string{
		"trigger1# enable\r\ntrigger1# \r\ntrigger1# conf t\r\ntrigger1(config)# router bgp 65534\r\n" +
			"trigger1(config-router)# network 203.0.113.12/32\r\ntrigger1(config-router)# network 198.51.100.1/32\r\n% ",
		"trigger1# show history\r\n  enable\r\n  conf t\r\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("does not show\n%q\nbut\n%q", want, out)
		}
	}
	l.View(func(s *rtbh.State, now rtbh.Instant) {
		if holes := s.Blackholes("", now); len(holes) != 1 || holes[0].Prefix.String() != "203.0.113.12/32" {
			t.Errorf("blackholed is %v", holes)
		}
	})
	out, errs, status = c.ssh(t, "", "--", "conf t; router bgp 65534; no network 203.0.113.12/32; no network 203.0.113.12/32; end")
	if status != 1 || out != "% Can't find specified static route configuration.\n" {
		t.Errorf("status %d, shows %q %s", status, out, errs)
	}
}
