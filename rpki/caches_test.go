package rpki

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// node is a service with caches, within a bubble.
type node struct {
	*heard
	alarms *alarm.Registry
	end    func()
}

func configured(caches ...*rtrtest.Cache) rtr.GroupOptions {
	o := rtr.GroupOptions{Dial: func(c rtr.Cache) (func(context.Context) (net.Conn, error), error) {
		return caches[c.Preference].Dial, nil
	}}
	for i := range caches {
		o.Caches = append(o.Caches, rtr.Cache{Addr: fmt.Sprintf("cache%d:323", i), Preference: uint8(i)})
	}
	return o
}

func start(t *testing.T, caches ...*rtrtest.Cache) *node {
	n := &node{heard: &heard{t: t}, alarms: alarm.New(slog.New(slog.DiscardHandler))}
	n.Service = New(Options{OwnAS: ourAS, Caches: configured(caches...), Alarms: n.alarms, OnChange: n.hears})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { n.Run(ctx); close(done) }()
	n.end = func() { cancel(); <-done; synctest.Wait() }
	synctest.Wait()
	return n
}

func (n *node) alarmed(want ...string) {
	n.t.Helper()
	synctest.Wait()
	var got []string
	for _, a := range n.alarms.List() {
		got = append(got, string(a.Kind)+" "+a.Subject)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		n.t.Errorf("alarms %q, want %q", got, want)
	}
}

func served(d *rtr.Data) *rtrtest.Cache {
	c := rtrtest.New(7)
	c.Timers = rtr.Timers{Refresh: 600, Retry: 60, Expire: 1800}
	c.Set(d)
	return c
}

const roa = "192.0.2.0/24-24 AS64500"

func TestTheOnlyCacheDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := served(data(roa))
		n := start(t, cache)
		defer n.end()
		n.alarmed()
		n.Apply([]route.Update{announced(peerA, "192.0.2.0/24", 64510, 64500), announced(peerA, "198.51.100.0/24", 64510, 1)})
		n.forget()
		cache.Refuse(true)
		time.Sleep(2 * time.Minute)
		n.says()
		n.shows("192.0.2.0/24 valid", "198.51.100.0/24 not-found")
		n.alarmed("rpki-cache cache0:323")
		time.Sleep(27 * time.Minute)
		n.says() // the data live
		time.Sleep(2 * time.Minute)
		n.says("expiry: 192.0.2.0/24 valid -> not-found") // and nothing else moves
		n.alarmed("rpki-cache cache0:323", "rpki-no-data ")
		cache.Refuse(false)
		time.Sleep(2 * time.Minute)
		n.shows("192.0.2.0/24 valid", "198.51.100.0/24 not-found")
		n.alarmed()
	})
}

func TestACacheThatNeverAnsweredIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Refuse(true)
		n := start(t, cache)
		defer n.end()
		time.Sleep(10 * time.Second)
		n.alarmed("rpki-cache cache0:323", "rpki-no-data ")
	})
}

func TestASuddenLossIsAnAlarmUntilSomebodyBelievesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many []string
		for i := range 1000 {
			many = append(many, fmt.Sprintf("10.%d.%d.0/24-24 AS64500", i>>8, i&255))
		}
		cache := served(data(many...))
		n := start(t, cache)
		defer n.end()
		n.Apply([]route.Update{announced(peerA, "10.0.1.0/24", 64510, 64500)})
		n.forget()
		cache.Set(data(many[0]))
		n.alarmed("rpki-held ")
		n.shows("10.0.1.0/24 valid")
		if !n.Accept() {
			t.Error("nothing to accept")
		}
		n.alarmed()
		n.says("cache0:323: 10.0.1.0/24 valid -> not-found")
	})
}

func TestOtherCachesAreConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := served(data(roa))
		n := start(t, old)
		defer n.end()
		n.Apply([]route.Update{announced(peerA, "192.0.2.0/24", 64510, 64500)})
		n.forget()
		fresh := rtrtest.New(9)
		fresh.Refuse(true)
		n.Reconfigure(configured(fresh))
		time.Sleep(time.Minute)
		if old.Connections() != 0 {
			t.Error("the old cache is still followed")
		}
		n.shows("192.0.2.0/24 valid") // its data serve until the new one has answered
		time.Sleep(30 * time.Minute)
		n.shows("192.0.2.0/24 not-found") // or they expire
		fresh.Refuse(false)
		fresh.Set(data(roa))
		time.Sleep(2 * time.Minute)
		n.shows("192.0.2.0/24 valid")
		n.Reconfigure(rtr.GroupOptions{})
		n.shows("192.0.2.0/24 not-found")
		n.alarmed()
	})
}

// The faults that GoBGP's client has, one by one, on ours.
func TestTheFaultsOfGoBGP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Log("version 0 only, and it hangs on an Unsupported Version error")
		cache := served(data(roa, "198.51.100.0/24-24 AS64501"))
		cache.Max, cache.Unknown = rtr.Version1, rtrtest.Report
		n := start(t, cache)
		defer n.end()
		updates := []route.Update{announced(peerA, "192.0.2.0/24", 64510, 64500), announced(peerA, "198.51.100.0/24", 64510, 64501)}
		n.Apply(updates)
		n.shows("192.0.2.0/24 valid", "198.51.100.0/24 valid")

		t.Log("after Cache Reset or a reconnect, VRPs that vanished stay")
		n.forget()
		cache.Restart(8, data("198.51.100.0/24-24 AS64501"))
		time.Sleep(5 * time.Second)
		n.says("cache0:323: 192.0.2.0/24 valid -> not-found")

		t.Log("deltas are not atomic; a changed VRP revalidates nothing")
		cache.Set(data("198.51.100.0/24-24 AS64502", roa))
		synctest.Wait()
		n.says("cache0:323: 192.0.2.0/24 not-found -> valid", "cache0:323: 198.51.100.0/24 valid -> invalid(as)")

		t.Log("a short PDU panics the process")
		cache.Send([]byte{1, 4, 0, 0, 0, 0, 0, 9, 0})
		time.Sleep(5 * time.Second)
		n.says()
		if s := n.Caches()[0]; !s.Up() || s.Connects < 3 {
			t.Errorf("%+v", s)
		}

		t.Log("an AS_SET origin comes out not-found")
		set := announced(peerA, "192.0.2.0/24")
		set.Path = route.PathOf([]route.Segment{{Type: route.Set, ASNs: []uint32{64500}}})
		n.Apply([]route.Update{set})
		n.says("update: 192.0.2.0/24 valid -> invalid(as)")

		t.Log("refresh and expire are ignored")
		cache.Refuse(true)
		time.Sleep(31 * time.Minute)
		n.shows("192.0.2.0/24 not-found", "198.51.100.0/24 not-found")
	})
}

// One VRP makes one route of 200,000 invalid, and a neighbor that talks meanwhile
// is heard at once: with GoBGP the route stayed valid, or the whole speaker stood
// still for a soft reset.
func TestOneOf200000RoutesBecomesInvalid(t *testing.T) {
	h := listen(t)
	all := make([]route.Update, 0, 200_000)
	for i := range cap(all) {
		all = append(all, announced(peerA, fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255), 64510, 64500))
	}
	h.Apply(all)
	h.SetData(data("10.0.0.0/8-32 AS64500"), Cause{Cache: "c"})
	h.forget()
	h.Apply([]route.Update{announced(peerA, "192.0.2.0/24", 64510, 64500)})
	h.says("update: 192.0.2.0/24 appears not-found")
	h.SetData(data("10.0.0.0/8-32 AS64500", "192.0.2.0/24-24 AS64501"), Cause{Cache: "c"})
	h.says("c: 192.0.2.0/24 not-found -> invalid(as)")
	h.SetData(data("10.0.0.0/8-32 AS64500", "10.1.2.3/32-32 AS64501", "192.0.2.0/24-24 AS64501"), Cause{Cache: "c"})
	h.says() // another origin is authorized too: nothing changes
	one := announced(peerB, "10.1.2.3/32", 64510, 64502)
	h.Apply([]route.Update{one})
	h.says("update: 10.1.2.3/32 appears invalid(as)")
	if c := h.Counts(); c.Valid != len(all) || c.InvalidAS != 2 {
		t.Errorf("%+v", c)
	}
}
