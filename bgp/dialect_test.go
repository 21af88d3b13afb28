package bgp

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// everything is a route-map that sets whatever can be set.
func everything(r rtbh.Route) (rtbh.Route, bool) {
	r.NextHop = adr("198.51.100.66")
	if !r.Prefix.Addr().Is4() {
		r.NextHop = adr("2001:db8:66::1")
	}
	r.Origin = rtbh.OriginIncomplete
	r.MED = rtbh.Some(77)
	r.LocalPref = rtbh.Some(200)
	r.Communities = []rtbh.Community{0xfde9029a}
	r.Large = []rtbh.LargeCommunity{{Global: 64501, Local1: 666, Local2: 4200000000}}
	r.Ext = []rtbh.ExtCommunity{0x0002fde900000005, 0x4306000000000001}
	r.Prepend = []uint32{64501, 4200000001, 7}
	return r, true
}

// denying lets everything out but one prefix.
func denying(prefix string) func(rtbh.Route) (rtbh.Route, bool) {
	return func(r rtbh.Route) (rtbh.Route, bool) { return r, r.Prefix != pfx(prefix) }
}

func through(n config.Neighbor, routeMap string) config.Neighbor {
	n.RouteMapOut = routeMap
	return n
}

// same checks what a router was sent against a route of ours, attribute by
// attribute. On iBGP the path has no AS of ours, and a local preference.
func (r *router) same(t *testing.T, want rtbh.Route, ourAS uint32) {
	t.Helper()
	got, ok := r.route(want.Prefix.String())
	if !ok {
		t.Errorf("%s was not sent", want.Prefix)
		return
	}
	path := slices.Clone(want.Prepend)
	if ourAS != 0 {
		path = append([]uint32{ourAS}, path...)
		want.LocalPref = rtbh.Optional{}
	} else if !want.LocalPref.Set {
		want.LocalPref = rtbh.Some(100)
	}
	is := rtbh.Route{
		Prefix: got.Prefix, NextHop: got.NextHop, Origin: got.Origin, LocalPref: got.LocalPref, MED: got.MED,
		Communities: got.Communities, Large: got.Large, Ext: got.Ext, Prepend: want.Prepend,
	}
	if !is.Equal(want) || !slices.Equal(got.ASPath, path) {
		t.Errorf("sent %+v with path %v,\nwant %+v with path %v", is, got.ASPath, want, path)
	}
}

func TestEachNeighborIsSentItsOwnDialect(t *testing.T) {
	t.Parallel()
	four, six := hole("192.0.2.12/32"), hole("2001:db8::12/128")
	w := want(four, six, hole("192.0.2.13/32"))
	w.routeMap("UPSTREAM", everything)
	w.routeMap("NOT-13", denying("192.0.2.13/32"))
	speaker := open(t, w, routerConf(
		passive("127.0.0.1", 64501),
		through(passive("127.0.0.2", 64501), "UPSTREAM"),
		through(passive("127.0.0.3", 64500), "UPSTREAM"), // iBGP
		through(passive("127.0.0.4", 64504), "NOT-13"),
		through(passive("127.0.0.5", 64505), "NOT-13"),
	))
	routers := map[string]*router{}
	for addr, as := range map[string]uint32{"127.0.0.1": 64501, "127.0.0.2": 64501, "127.0.0.3": 64500, "127.0.0.4": 64504, "127.0.0.5": 64505} {
		routers[addr] = dialing(t, speaker.address(), addr, sink.Config{LocalAS: as})
	}
	for addr, n := range map[string]int{"127.0.0.1": 3, "127.0.0.2": 3, "127.0.0.3": 3, "127.0.0.4": 2, "127.0.0.5": 2} {
		eventually(t, "routes at "+addr, routers[addr].holds(n))
	}
	for _, r := range []rtbh.Route{four, six} {
		sent, _ := everything(r)
		routers["127.0.0.1"].same(t, r, 64500)
		routers["127.0.0.2"].same(t, sent, 64500) // its own AS is in the path, and it is sent all the same
		routers["127.0.0.3"].same(t, sent, 0)
		routers["127.0.0.4"].same(t, r, 64500)
		for addr, want := range map[string]rtbh.Route{"127.0.0.2": sent, "127.0.0.4": r} {
			if told, ok := speaker.ExportedRoute(adr(addr), r.Prefix); !ok || !told.Equal(want) {
				t.Errorf("exported to %s: %+v", addr, told)
			}
		}
	}
	if _, ok := routers["127.0.0.4"].route("192.0.2.13/32"); ok {
		t.Error("sent although the route-map denies it")
	}

	// What is made and ended while the sessions are up takes the same roads.
	speaker.set(hole("192.0.2.14/32"), gone("192.0.2.12/32"), gone("2001:db8::12/128"))
	for addr, n := range map[string]int{"127.0.0.1": 2, "127.0.0.2": 2, "127.0.0.3": 2, "127.0.0.4": 1, "127.0.0.5": 1} {
		eventually(t, "changed routes at "+addr, func() bool { return routers[addr].holds(n)() && routers[addr].hasRoute("192.0.2.14/32")() })
	}
}

// A neighbor whose route-map does not exist goes on being sent everything: in a
// trigger, silence would let an attack through.
func TestUndefinedRouteMapIsAnAlarmAndHidesNothing(t *testing.T) {
	t.Parallel()
	w := want(hole("192.0.2.12/32"))
	speaker := open(t, w, routerConf(through(passive("127.0.0.1", 64501), "LATER")))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "route", r.hasRoute("192.0.2.12/32"))
	r.same(t, hole("192.0.2.12/32"), 64500)
	if !speaker.alarmed(alarm.NeighborConfig, "127.0.0.1") || !strings.Contains(speaker.alarms.List()[0].Text, "no route-map LATER") {
		t.Errorf("alarms: %v", speaker.alarms.List())
	}
	w.routeMap("LATER", everything)
	speaker.Wake(nil, true)
	sent, _ := everything(hole("192.0.2.12/32"))
	eventually(t, "the route in its dialect", func() bool { got, _ := r.route("192.0.2.12/32"); return got.NextHop == sent.NextHop })
	r.same(t, sent, 64500)
	eventually(t, "no alarm", func() bool { return !speaker.alarmed(alarm.NeighborConfig, "127.0.0.1") })
	if n := r.count(sink.Withdraw); n != 0 {
		t.Errorf("%d withdrawals", n)
	}
}

// Editing a route-map under a thousand live blackholes is a thousand
// replacements to the neighbors that have it, and nothing to the others.
func TestRouteMapChangeIsUpdatesOnly(t *testing.T) {
	t.Parallel()
	w := want(manyHoles(1000)...)
	w.routeMap("EDGE", denying("0.0.0.0/0"))
	speaker := open(t, w, routerConf(through(passive("127.0.0.1", 64501), "EDGE"), passive("127.0.0.2", 64502)))
	edge := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	plain := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64502})
	eventually(t, "routes", func() bool { return edge.holds(1000)() && plain.holds(1000)() })

	w.routeMap("EDGE", everything)
	speaker.Wake(nil, true)
	eventually(t, "all changed", func() bool {
		return !slices.ContainsFunc(edge.Routes(), func(r sink.Route) bool { return !r.MED.Set })
	})
	if w, a := edge.count(sink.Withdraw), edge.count(sink.Announce); w != 0 || a != 2000 {
		t.Errorf("%d withdrawals and %d announcements, want 0 and 2000", w, a)
	}
	if a := plain.count(sink.Announce); a != 1000 {
		t.Errorf("%d announcements to a neighbor without that route-map", a)
	}
}

// Sending all again is announcements too, though the other dialects hold the
// same prefixes.
func TestRefreshInADialectWithdrawsNothing(t *testing.T) {
	t.Parallel()
	w := want(manyHoles(100)...)
	w.routeMap("EDGE", everything)
	w.routeMap("OTHER", denying("10.0.0.7/32"))
	speaker := open(t, w, routerConf(through(passive("127.0.0.1", 64501), "EDGE"), through(passive("127.0.0.2", 64502), "OTHER")))
	for addr, as := range map[string]uint32{"127.0.0.1": 64501, "127.0.0.2": 64502} {
		r := dialing(t, speaker.address(), addr, sink.Config{LocalAS: as})
		n := map[string]int{"127.0.0.1": 100, "127.0.0.2": 99}[addr]
		eventually(t, "routes", r.holds(n))
		if err := speaker.Refresh(adr(addr), false, true); err != nil {
			t.Fatal(err)
		}
		eventually(t, "routes again", func() bool { return r.count(sink.Announce) == 2*n })
		if w := r.count(sink.Withdraw); w != 0 || !r.holds(n)() {
			t.Errorf("%d withdrawals, %d routes", w, len(r.Routes()))
		}
	}
}

func TestNeighborTakesAnotherDialectWithoutARestart(t *testing.T) {
	t.Parallel()
	w := want(hole("192.0.2.12/32"), hole("192.0.2.13/32"))
	w.routeMap("NOT-13", denying("192.0.2.13/32"))
	speaker := open(t, w, routerConf(passive("127.0.0.1", 64501), passive("127.0.0.2", 64502)))
	r := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	other := dialing(t, speaker.address(), "127.0.0.2", sink.Config{LocalAS: 64502})
	eventually(t, "routes", func() bool { return r.holds(2)() && other.holds(2)() })
	for _, step := range []struct {
		routeMap string
		routes   int
		dialects int
	}{{"NOT-13", 1, 2}, {"", 2, 1}} {
		c := routerConf(through(passive("127.0.0.1", 64501), step.routeMap), passive("127.0.0.2", 64502))
		c.Listen = speaker.Listening()
		if _, err := speaker.Reconfigure(c); err != nil {
			t.Fatal(err)
		}
		eventually(t, "routes through "+step.routeMap, r.holds(step.routes))
		if n := len(speaker.routes.list()); n != step.dialects {
			t.Errorf("%d dialects are kept", n)
		}
	}
	if other.count(sink.Established) != 1 || other.count(sink.Withdraw) != 0 {
		t.Error("the other neighbor noticed")
	}
}

func TestPlannedRestartIsInvisibleInADialect(t *testing.T) {
	w := want(manyHoles(500)...)
	w.routeMap("EDGE", everything)
	first := open(t, w, routerConf(through(restartable("127.0.0.1", 64501), "EDGE")))
	r := dialing(t, first.address(), "127.0.0.1", sink.Config{LocalAS: 64501, Graceful: time.Minute})
	eventually(t, "routes", func() bool { return r.holds(500)() && r.count(sink.EndOfRIB) == 2 })
	first.shut(true)
	eventually(t, "session lost", func() bool { return len(r.Up()) == 0 })
	again(t, first, w)
	eventually(t, "End-of-RIB again", func() bool { return r.count(sink.EndOfRIB) == 4 })
	if !r.holds(500)() || r.count(sink.Withdraw) != 0 {
		t.Errorf("%d routes, %d withdrawals", len(r.Routes()), r.count(sink.Withdraw))
	}
}

// The audit reads back what was put, in every dialect.
func TestAuditSeesADialectAsItWasPut(t *testing.T) {
	t.Parallel()
	w := want(hole("192.0.2.12/32"), hole("2001:db8::12/128"))
	w.routeMap("EDGE", everything)
	speaker := open(t, w, routerConf(through(passive("127.0.0.1", 64501), "EDGE")))
	held, err := speaker.engine.held("EDGE")
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(held, byPrefix)
	if told := speaker.routes.announced("EDGE"); !slices.EqualFunc(held, told, rtbh.Route.Equal) || len(held) != 2 {
		t.Errorf("held %+v\ntold %+v", held, told)
	}
	speaker.engine.remove("EDGE", []netip.Prefix{pfx("192.0.2.12/32")})
	speaker.routes.audit()
	eventually(t, "repaired", func() bool {
		held, err := speaker.engine.held("EDGE")
		return err == nil && len(held) == 2
	})
	if err := speaker.engine.dropDialect(context.Background(), "nobody's"); err != nil {
		t.Error(err)
	}
}

// Whatever the route-map becomes, whatever fails and in whatever order, each
// dialect ends up as the route-map's picture of the desired set.
func TestEveryDialectBecomesItsPictureOfTheDesiredSet(t *testing.T) {
	prefixes := []string{"192.0.2.0/32", "192.0.2.1/32", "2001:db8::/128"}
	rapid.Check(t, func(rt *rapid.T) {
		wrong := false
		inVirtualTime(t, nil, func(w *world) {
			w.speak("M")
			for range rapid.IntRange(1, 20).Draw(rt, "steps") {
				p := rapid.SampledFrom(prefixes).Draw(rt, "prefix")
				switch rapid.SampledFrom([]string{"want", "drop", "map", "undefine", "break", "mend", "pass"}).Draw(rt, "event") {
				case "want":
					w.set(hole(p))
				case "drop":
					w.set(gone(p))
				case "map":
					w.want.routeMap("M", denying(p))
					w.wake(nil, true)
				case "undefine":
					w.want.routeMap("M", nil)
					w.wake(nil, true)
				case "break":
					w.table.dialect("M").set(true, p)
				case "mend":
					w.table.dialect("M").set(false, p)
				case "pass":
					w.after(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
				}
				synctest.Wait()
			}
			w.table.dialect("M").set(false, prefixes...)
			w.after(2 * time.Minute)
			picture := w.want.Routes()
			if out, defined := w.want.Export("M", picture); defined {
				picture = out
			}
			held, _ := w.table.held("M")
			slices.SortFunc(held, byPrefix)
			slices.SortFunc(picture, byPrefix)
			wrong = !slices.EqualFunc(held, picture, rtbh.Route.Equal) || len(w.alarms.List()) != 0
		})
		if wrong {
			rt.Fatal("the dialect differs")
		}
	})
}

// dialect is the fake of a dialect's table, from outside.
func (f *fakeTable) dialect(name string) *fakeTable {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.in(name)
}
