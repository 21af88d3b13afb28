package lab

import (
	"net/netip"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// TestRestartWithoutATrace: a trigger with graceful restart is stopped and started,
// upgraded to another build, and killed. Neither router sees one withdrawal, no
// route is missing, and not one packet of the attack arrives.
func TestRestartWithoutATrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 60)
	many := everyone
	for a := netip.MustParseAddr("198.51.100.100"); a.Less(netip.MustParseAddr("198.51.100.160")); a = a.Next() {
		many = append(many, netip.PrefixFrom(a, 32))
	}
	h.alice.At(h.trigger1).Blackholes(many...)
	h.waitSources(many, h.trigger1, h.trigger2)
	stopped := h.packetsStop()

	for _, phase := range []struct {
		name string
		end  func()
	}{
		{"a planned restart", h.trigger1.Stop},
		{"an upgrade", func() { h.trigger1.Stop(); h.trigger1.Upgrade() }},
		{"a crash", h.trigger1.Kill9},
	} {
		phase.end()
		h.waitDead(h.trigger1)
		for _, r := range h.routers {
			h.lab.MustHold(r, h.trigger1.Host, many...)
		}
		h.trigger1.Start()
		h.waitSessions(h.trigger1)
		h.waitFresh(h.trigger1)
		for _, r := range h.routers {
			h.lab.MustHold(r, h.trigger1.Host, many...)
		}
		h.untouched(t, h.trigger1, phase.name, many...)
		stopped.held(t, "lost over "+phase.name)
	}

	// It is no echo of the past: what is withdrawn now goes at once, once.
	h.alice.At(h.trigger1).Withdraws(victims...)
	h.waitSources(victims)
	h.packetsFlow()
	h.removed(t, h.trigger1, victim4, 1)
	h.removed(t, h.trigger1, victim6, 1)
	if n := h.frr.Withdrawals(h.trigger1.Host.Addr4(), victim4); n != 1 {
		t.Errorf("the FRR edge counts %d withdrawals of %s, want 1", n, victim4)
	}
}

// TestRestartTimeBoundsAWithdrawal: what is withdrawn while a trigger is away is
// gone from the routers as soon as it is back, or after its restart time.
func TestRestartTimeBoundsAWithdrawal(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 5)
	h.alice.At(h.trigger1).Blackholes(everyone...)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	h.packetsStop()

	h.trigger1.Stop()
	h.alice.At(h.trigger2).Withdraws(victims...)
	h.waitSources(victims) // its restart time ends
	h.packetsFlow()
	h.waitSources([]netip.Prefix{kept4}, h.trigger2)
}

// TestRestartWithoutGracefulRestart: the routers drop what the trigger announced at
// once, and its partner's routes carry every blackhole.
func TestRestartWithoutGracefulRestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 0)
	h.alice.At(h.trigger1).Blackholes(everyone...)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	stopped := h.packetsStop()

	h.trigger1.Stop()
	h.waitSources(everyone, h.trigger2)
	h.trigger1.Start()
	h.waitSessions(h.trigger1)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	stopped.held(t, "lost over a restart without graceful restart")
	h.untouched(t, h.trigger2, "the partner's restart", everyone...)
}

// waitFresh waits until no router holds a route of the trigger as stale: it has
// announced all of them again.
func (h *house) waitFresh(trigger *testenv.Trigger) {
	h.lab.WaitFresh(h.frr, trigger.Host)
	h.lab.WaitFresh(h.bird, trigger.Host)
}

// untouched checks that neither router has ever seen these prefixes end.
func (h *house) untouched(t *testing.T, trigger *testenv.Trigger, over string, prefixes ...netip.Prefix) {
	t.Helper()
	for _, p := range prefixes {
		if n := h.bird.Removals(trigger.Host, p); n != 0 {
			t.Errorf("the BIRD edge removed %s %d times over %s", p, n, over)
		}
		if n := h.frr.Withdrawals(trigger.Host.Addr4(), p); n != 0 {
			t.Errorf("the FRR edge took %d withdrawals of %s over %s", n, p, over)
		}
	}
}
