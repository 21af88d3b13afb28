package lab

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// What alice blackholes: the victim in both families, and a third address which she
// never withdraws.
var (
	victims  = []netip.Prefix{victim4, victim6}
	everyone = []netip.Prefix{victim4, victim6, kept4}
)

// TestTriggerDies: a customer stops an attack at trigger1, trigger1 dies, nothing
// changes, the customer ends the blackhole at trigger2, and trigger1 comes back.
// Without graceful restart the routers drop the dead trigger's routes at once, and
// its partner's carry the blackhole.
func TestTriggerDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 0)

	h.alice.At(h.trigger1).Blackholes(everyone...)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	stopped := h.packetsStop()
	h.sameFromBoth(t)

	h.trigger1.Kill9()
	h.waitDead(h.trigger1)
	h.waitSources(everyone, h.trigger2)
	stopped.held(t, "lost while trigger1 was killed")

	h.alice.At(h.trigger2).Withdraws(victims...)
	h.waitSources(victims)
	flowing := h.packetsFlow()
	h.waitSources([]netip.Prefix{kept4}, h.trigger2)

	h.trigger1.Start()
	h.waitSessions(h.trigger1)
	h.waitSources([]netip.Prefix{kept4}, h.trigger1, h.trigger2)
	h.onlyCommitted(t)
	h.removed(t, h.trigger1, kept4, 1)
	h.removed(t, h.trigger2, kept4, 0)
	flowing.held(t, "arrived while trigger1 came back")
}

// TestTriggerDiesGraceful is the same with graceful restart: the routers keep the
// dead trigger's routes, also the one that was withdrawn meanwhile, until trigger1
// is back within its restart time and announces what is committed.
func TestTriggerDiesGraceful(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 60)

	h.alice.At(h.trigger1).Blackholes(everyone...)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	stopped := h.packetsStop()
	h.sameFromBoth(t)

	h.trigger1.Kill9()
	h.waitDead(h.trigger1)
	h.waitSources(everyone, h.trigger1, h.trigger2) // trigger1's are kept as stale

	h.alice.At(h.trigger2).Withdraws(victims...)
	h.waitSources(victims, h.trigger1)
	stopped.held(t, "lost while the routers waited for trigger1")

	h.trigger1.Start()
	h.waitSessions(h.trigger1)
	h.waitSources(victims)
	h.packetsFlow()
	h.waitSources([]netip.Prefix{kept4}, h.trigger1, h.trigger2)
	h.onlyCommitted(t)
	h.removed(t, h.trigger1, kept4, 0) // the router never noticed
	h.removed(t, h.trigger1, victim4, 1)
	h.removed(t, h.trigger1, victim6, 1)
}

// TestTriggerStaysDeadGraceful: the restart time is the bound. When trigger1 does
// not come back within it, a withdrawal made at trigger2 takes effect all the same.
func TestTriggerStaysDeadGraceful(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 6)

	h.alice.At(h.trigger1).Blackholes(everyone...)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	h.packetsStop()

	h.trigger1.Kill9()
	h.alice.At(h.trigger2).Withdraws(victims...)
	h.waitSources(victims)
	flowing := h.packetsFlow()
	h.waitSources([]netip.Prefix{kept4}, h.trigger2)

	h.trigger1.Start()
	h.waitSessions(h.trigger1)
	h.waitSources([]netip.Prefix{kept4}, h.trigger1, h.trigger2)
	h.onlyCommitted(t)
	flowing.held(t, "arrived while trigger1 came back")
}

// sameFromBoth checks that both triggers sent the BIRD edge the same routes,
// attribute by attribute, before its own filters: those of the default route-map.
func (h *house) sameFromBoth(t *testing.T) {
	t.Helper()
	received := h.bird.Received(h.trigger1.Host, h.trigger2.Host)
	if len(received) != 2*len(everyone) {
		t.Errorf("the BIRD edge was sent %v, not %v by each trigger", received, everyone)
	}
	for _, route := range received {
		discard := netip.MustParseAddr("192.0.2.1")
		if route.Prefix.Addr().Is6() {
			discard = netip.MustParseAddr("100::1")
		}
		if route.NextHop != discard ||
			!slices.Equal(route.ASPath, []uint32{triggerAS}) ||
			!slices.Equal(route.Communities, []string{"65535:65281", "65535:666"}) {
			t.Errorf("not as the default route-map has it: %v", route)
		}
	}
}

// removed checks how often the BIRD edge has taken the prefix from that trigger out
// of its tables since it started.
func (h *house) removed(t *testing.T, by *testenv.Trigger, p netip.Prefix, want int) {
	t.Helper()
	if got := h.bird.Removals(by.Host, p); got != want {
		t.Errorf("the BIRD edge has removed %s of %s %d times, want %d", p, by.Name(), got, want)
	}
}

// onlyCommitted checks that trigger1, which was dead when the victims' blackholes
// were withdrawn, announces what is left and nothing else, and shows it so.
func (h *house) onlyCommitted(t *testing.T) {
	t.Helper()
	for _, r := range h.routers {
		h.lab.MustHold(r, h.trigger1.Host, kept4)
		h.lab.MustHold(r, h.trigger2.Host, kept4)
	}
	for _, node := range []*testenv.Trigger{h.trigger1, h.trigger2} {
		shown := h.alice.At(node).Types("terminal length 0", "show running-config")
		if !strings.Contains(shown, kept4.String()) || strings.Contains(shown, victim4.String()) || strings.Contains(shown, victim6.String()) {
			t.Errorf("alice at %s should see %v alone:\n%s", node.Name(), kept4, shown)
		}
	}
}

// TestAnyOneNodeMayDie: whichever node of the three dies, the attack stays stopped,
// the customer blackholes and withdraws at the trigger that is left, and the dead
// node comes back to where the others are.
func TestAnyOneNodeMayDie(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 0)
	both := []*testenv.Trigger{h.trigger1, h.trigger2}

	h.alice.At(h.trigger1).Blackholes(victims...)
	h.waitSources(victims, both...)
	stopped := h.packetsStop()

	for _, dead := range []*testenv.Trigger{h.trigger1, h.witness, h.trigger2} {
		alive := slices.DeleteFunc(slices.Clone(both), func(d *testenv.Trigger) bool { return d == dead })
		dead.Kill9()
		h.alice.At(alive[0]).Blackholes(kept4)
		h.waitSources(everyone, alive...)
		h.alice.At(alive[0]).Withdraws(kept4)
		h.waitSources([]netip.Prefix{kept4})

		dead.Start()
		h.cluster.WaitComplete()
		h.waitSources(victims, both...)
		h.waitSources([]netip.Prefix{kept4})
		stopped.held(t, "lost while "+dead.Name()+" was dead")
	}
	if one, two := h.trigger1.Routes(), h.trigger2.Routes(); len(one) != len(victims) || len(two) != len(victims) {
		t.Errorf("trigger1 holds %v, trigger2 holds %v, but %v are blackholed", one, two, victims)
	}
}

// TestTriggerCutOff: trigger1 lives, but its wire carries nothing any more. What it
// announced holds until the routers give it up, the customer withdraws at trigger2
// meanwhile, and with the wire back trigger1 drops the withdrawn routes by itself.
func TestTriggerCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 0)

	h.alice.At(h.trigger1).Blackholes(everyone...)
	h.waitSources(everyone, h.trigger1, h.trigger2)
	stopped := h.packetsStop()

	h.trigger1.Host.Unplug(h.lan)
	h.waitDead(h.trigger1) // by their hold time
	h.waitSources(everyone, h.trigger2)
	stopped.held(t, "lost while trigger1 was cut off")
	h.alice.At(h.trigger2).Withdraws(victims...)
	h.waitSources(victims)
	h.packetsFlow()
	if held := h.trigger1.Routes(); len(held) != len(everyone) {
		t.Errorf("trigger1 cannot know of the withdrawal, but holds %v", held)
	}

	h.trigger1.Host.Plug(h.lan)
	h.cluster.WaitComplete()
	h.waitSessions(h.trigger1)
	h.waitSources([]netip.Prefix{kept4}, h.trigger1, h.trigger2)
	h.waitSources(victims) // until it has heard of the withdrawal it may announce them again
	h.packetsFlow()
	h.onlyCommitted(t)
}
