package rtr_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// group follows several caches within a bubble.
type group struct {
	*rtr.Group
	t       *testing.T
	mu      sync.Mutex
	changes []rtr.Effective
	end     func()
}

func follows(t *testing.T, mode rtr.Mode, caches ...*rtrtest.Cache) *group {
	g := &group{t: t}
	o := rtr.GroupOptions{Mode: mode, OnChange: func(before, after rtr.Effective) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if n := len(g.changes); n > 0 && g.changes[n-1].Data != before.Data {
			t.Error("a change was skipped")
		}
		g.changes = append(g.changes, after)
	}}
	for i := range caches {
		o.Caches = append(o.Caches, rtr.Cache{Addr: fmt.Sprintf("cache%d:323", i), Preference: uint8(i)})
	}
	o.Dial = func(c rtr.Cache) (func(context.Context) (net.Conn, error), error) {
		return caches[c.Preference].Dial, nil
	}
	g.Group = rtr.NewGroup(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	g.end = func() { cancel(); <-done; synctest.Wait() }
	synctest.Wait()
	return g
}

func (g *group) has(from []string, vrps ...string) {
	g.t.Helper()
	synctest.Wait()
	e := g.Effective()
	var got []string
	for v := range e.Data.Set().All() {
		got = append(got, v.String())
	}
	if !slices.Equal(got, vrps) || !slices.Equal(e.From, from) {
		g.t.Errorf("at %s %v from %v, want %v from %v", time.Now().Format(time.TimeOnly), got, e.From, vrps, from)
	}
}

func served(d *rtr.Data) *rtrtest.Cache {
	cache := rtrtest.New(7)
	cache.Timers = rtr.Timers{Refresh: 600, Retry: 60, Expire: 3600}
	cache.Set(d)
	return cache
}

var first, second = []string{"cache0:323"}, []string{"cache1:323"}

func TestTheNextCacheTakesOverAndGivesBack(t *testing.T) {
	within(t, func(t *testing.T) {
		good, spare := served(data(a)), served(data(b))
		g := follows(t, rtr.Prefer, good, spare)
		defer g.end()
		g.has(first, a)
		good.Refuse(true)
		time.Sleep(20 * time.Second)
		g.has(first, a) // a restart is not worth switching twice
		time.Sleep(20 * time.Second)
		g.has(second, b)
		good.Refuse(false)
		time.Sleep(2 * time.Minute)
		g.has(first, a)
	})
}

func TestOldDataServeUntilTheyExpireWhenNobodyAnswers(t *testing.T) {
	within(t, func(t *testing.T) {
		good, spare := served(data(a)), served(data(b))
		spare.Timers.Expire = 1200
		g := follows(t, rtr.Prefer, good, spare)
		defer g.end()
		good.Refuse(true)
		spare.Refuse(true)
		time.Sleep(59 * time.Minute)
		g.has(first, a)
		time.Sleep(2 * time.Minute)
		g.has(nil)
		if n := len(g.changes); g.changes[n-1].Data != nil || g.changes[n-2].Data == nil {
			t.Error("nobody was told")
		}
	})
}

func TestAUnionHasWhatAnyCacheSays(t *testing.T) {
	within(t, func(t *testing.T) {
		one, two := served(data(a, c)), served(data(b, c))
		g := follows(t, rtr.Unite, one, two)
		defer g.end()
		both := []string{"cache0:323", "cache1:323"}
		g.has(both, a, b, c)
		two.Set(data(c))
		g.has(both, a, c)
		two.Refuse(true)
		two.Set(data(b))
		time.Sleep(61 * time.Minute)
		g.has(first, a, c)
	})
}

func TestCachesThatDisagreeAreCompared(t *testing.T) {
	within(t, func(t *testing.T) {
		g := follows(t, rtr.Prefer, served(data(a, c)), served(data(b, c)))
		defer g.end()
		got := g.Differences(1)
		if len(got) != 1 || got[0].OnlyA != 1 || got[0].OnlyB != 1 || got[0].A != "cache0:323" || got[0].B != "cache1:323" ||
			!slices.Equal(got[0].SampleA, []rtr.VRP{vrp(a)}) {
			t.Errorf("%+v", got)
		}
	})
}

// many returns n VRPs.
func many(n int) *rtr.Data {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("10.%d.%d.0/24-24 AS64500", i>>8, i&255))
	}
	return data(all...)
}

func TestASuddenLossIsHeldUntilItIsAcceptedOrExpires(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := served(many(1000))
		g := follows(t, rtr.Prefer, cache)
		defer g.end()
		size := func(want int, held bool) {
			t.Helper()
			synctest.Wait()
			e := g.Effective()
			if e.Data.Set().Len() != want || (e.Held != nil) != held {
				t.Errorf("%d VRPs, held %+v; want %d, %v", e.Data.Set().Len(), e.Held, want, held)
			}
		}
		cache.Set(many(850))
		size(850, false) // less than a fifth
		cache.Set(many(100))
		size(850, true)
		if h := g.Effective().Held; h.Lost != 750 || h.Of != 850 || h.Cache != "cache0:323" {
			t.Errorf("%+v", h)
		}
		cache.Set(many(840))
		size(840, false) // the cache has recovered by itself
		cache.Set(many(200))
		size(840, true)
		if !g.Accept() {
			t.Error("nothing to accept")
		}
		size(200, false)
		if g.Accept() {
			t.Error("accepted what is not held")
		}
		cache.Set(data())
		size(200, true)
		time.Sleep(59 * time.Minute)
		size(200, true)
		time.Sleep(2 * time.Minute)
		size(0, false)
	})
}

func TestAWrongConfigurationIsShownNotFatal(t *testing.T) {
	within(t, func(t *testing.T) {
		g := rtr.NewGroup(rtr.GroupOptions{Caches: []rtr.Cache{{Addr: "nonsense"}, {Addr: "[::1]:323", Transport: rtr.SSH, Preference: 9}}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		g.Run(ctx)
		s := g.Status()
		if len(s) != 2 || s[0].LastError == "" || s[1].LastError == "" || s[1].Transport != "ssh" || s[1].Preference != 9 {
			t.Errorf("%+v", s)
		}
	})
}
