package lab

import (
	"net/netip"
	"testing"
)

// TestSuppressWithoutAMajority: two of three nodes are dead, so `no network` is not
// accepted. The operator at the one that is left ends the blackhole there alone. It
// is an alarm, and it ends by itself when the majority is back: the cluster still
// wants the blackhole, and the audit has both.
func TestSuppressWithoutAMajority(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 0)
	victim := []netip.Prefix{victim4}

	h.alice.At(h.trigger1).Blackholes(victim4, kept4)
	h.waitSources([]netip.Prefix{victim4, kept4}, h.trigger1, h.trigger2)
	h.trigger2.Kill9()
	h.witness.Kill9()
	h.waitDead(h.trigger2)
	h.trigger1.WaitShows("show alarms", "no-majority")
	if out, status := h.alice.At(h.trigger1).Runs("configure terminal; router bgp 65534; no network " + victim4.String()); status == 0 {
		t.Fatalf("a withdrawal without a majority: %s", out)
	}
	h.waitSources(victim, h.trigger1)

	h.trigger1.Operator("suppress " + victim4.String())
	h.waitSources(victim)
	h.waitSources([]netip.Prefix{kept4}, h.trigger1)
	h.trigger1.WaitShows("show alarms", "suppressed", victim4.String(), "until the majority is back")
	h.trigger1.WaitShows("show suppressed", victim4.String(), "local")

	h.trigger2.Start()
	h.witness.Start()
	h.cluster.WaitComplete()
	h.waitSources([]netip.Prefix{victim4, kept4}, h.trigger1, h.trigger2)
	h.trigger1.WaitShows("show suppressed", "Nothing is suppressed")
	h.trigger2.WaitShows("show audit", "suppress "+victim4.String(), "no suppress "+victim4.String()+" (the majority is back)")
}
