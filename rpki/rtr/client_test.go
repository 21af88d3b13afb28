package rtr_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

func vrp(s string) rtr.VRP {
	var v rtr.VRP
	var prefix string
	if _, err := fmt.Sscanf(strings.Replace(s, "-", " ", 1), "%s %d AS%d", &prefix, &v.MaxLen, &v.ASN); err != nil {
		panic(err)
	}
	v.Prefix = netip.MustParsePrefix(prefix)
	return v
}

func data(vrps ...string) *rtr.Data {
	var all []rtr.VRP
	for _, s := range vrps {
		all = append(all, vrp(s))
	}
	return &rtr.Data{VRPs: rtr.NewSet(all)}
}

const (
	a = "192.0.2.0/24-24 AS64500"
	b = "198.51.100.0/24-24 AS64501"
	c = "2001:db8::/32-48 AS64502"
)

// world is a client and the log of what it showed.
type world struct {
	*rtr.Client
	t    *testing.T
	logs *bytes.Buffer
	end  context.CancelFunc
}

// follow runs a client of the cache within a bubble.
func follow(t *testing.T, cache *rtrtest.Cache, change ...func(*rtr.Options)) *world {
	w := &world{t: t, logs: &bytes.Buffer{}}
	o := rtr.Options{Name: "cache", Dial: cache.Dial, MaxVersion: rtr.Latest, Log: slog.New(slog.NewTextHandler(w.logs, nil))}
	for _, f := range change {
		f(&o)
	}
	w.Client = rtr.NewClient(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	w.end = func() { cancel(); <-done; synctest.Wait() }
	synctest.Wait()
	return w
}

func (w *world) has(vrps ...string) {
	w.t.Helper()
	synctest.Wait()
	var got []string
	if e := w.Epoch(); e != nil {
		for v := range e.Data.VRPs.All() {
			got = append(got, v.String())
		}
	}
	if !slices.Equal(got, vrps) {
		w.t.Errorf("at %s the client has %v, want %v (status %+v)", time.Now().Format(time.TimeOnly), got, vrps, w.Status())
	}
}

func (w *world) speaks(version uint8, state rtr.State) {
	w.t.Helper()
	synctest.Wait()
	if s := w.Status(); s.Version != version || s.State != state {
		w.t.Errorf("version %d %s, want %d %s (%s)", s.Version, s.State, version, state, s.LastError)
	}
}

func asked(t *testing.T, cache *rtrtest.Cache, want string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for _, q := range cache.Queries() {
		switch q.Type {
		case rtr.ResetQuery:
			got = append(got, fmt.Sprintf("reset%d", q.Version))
		case rtr.SerialQuery:
			got = append(got, fmt.Sprintf("serial%d(%d,%d)", q.Version, q.Session, q.Serial))
		case rtr.ErrorReport:
			got = append(got, fmt.Sprintf("error%d(%d)", q.Version, q.Code))
		}
	}
	if s := strings.Join(got, " "); s != want {
		t.Errorf("the cache was asked\n %s, want\n %s", s, want)
	}
}

func within(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestADeltaFollowsANotifyAtOnce(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		w.has(a)
		w.speaks(2, rtr.Synced)
		cache.Set(data(a, b, c))
		w.has(a, b, c)
		cache.Set(data(c))
		w.has(c)
		asked(t, cache, "reset2 serial2(7,1) serial2(7,2)")
	})
}

func TestARefreshComesWithoutNotifyToo(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Timers.Refresh = 300
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		time.Sleep(299 * time.Second)
		asked(t, cache, "reset2")
		time.Sleep(2 * time.Second)
		asked(t, cache, "reset2 serial2(7,1)")
		time.Sleep(300 * time.Second)
		asked(t, cache, "reset2 serial2(7,1) serial2(7,1)")
	})
}

func TestTheOperatorsCeilingsLowerTheTimers(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache, func(o *rtr.Options) {
			o.Ceilings = rtr.Ceilings{Refresh: time.Minute, Retry: time.Second, Expire: 10 * time.Minute}
		})
		defer w.end()
		if i := w.Status().Intervals; i.Refresh != time.Minute || i.Retry != time.Second || i.Expire != 10*time.Minute {
			t.Errorf("%+v", i)
		}
		time.Sleep(61 * time.Second)
		asked(t, cache, "reset2 serial2(7,1)")
	})
}

// The three ways down (RFC 8210 section 7).
func TestTheVersionGoesDown(t *testing.T) {
	for _, c := range []struct {
		name    string
		unknown rtrtest.Unknown
		max     uint8
		want    string
	}{
		{"by an error report, to 1", rtrtest.Report, 1, "reset2 reset1"},
		{"by an error report, to 0", rtrtest.Report, 0, "reset2 reset0"},
		{"by a lower answer, to 1", rtrtest.Lower, 1, "reset2"},
		{"by a lower answer, to 0", rtrtest.Lower, 0, "reset2"},
		{"by silence, to 1", rtrtest.Silent, 1, "reset2 reset1"},
		{"by silence, to 0", rtrtest.Silent, 0, "reset2 reset1 reset0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, func(t *testing.T) {
				cache := rtrtest.New(7)
				cache.Max, cache.Unknown = c.max, c.unknown
				cache.Set(data(a))
				w := follow(t, cache)
				defer w.end()
				w.has(a)
				w.speaks(c.max, rtr.Synced)
				asked(t, cache, c.want) // and no Error Report of ours
				// A new connection goes on where the version is known.
				cache.Drop()
				time.Sleep(2 * time.Second)
				asked(t, cache, fmt.Sprintf("%s serial%d(7,1)", c.want, c.max))
				if i := w.Status().Intervals; c.max == 0 && i.Refresh != rtr.DefaultRefresh {
					t.Errorf("version 0 has no timers: %+v", i)
				}
			})
		})
	}
}

func TestSessionAndSerialStayInTheirVersion(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		w.speaks(2, rtr.Synced)
		// The cache is replaced by one that knows version 1 and answers in it.
		cache.Max, cache.Unknown = 1, rtrtest.Lower
		cache.Drop()
		time.Sleep(5 * time.Second)
		asked(t, cache, "reset2 serial2(7,1) reset1")
		w.has(a)
	})
}

func TestACacheThatOnlyRestartsIsNotTakenForAnOldOne(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		silent := 0
		cache.Misbehave(func(rtr.PDU) ([]byte, bool, bool) { silent++; return nil, true, silent <= 2 })
		cache.Drop()
		time.Sleep(10 * time.Second)
		w.speaks(2, rtr.Synced)
		w.has(a)
	})
}

func TestANewSessionReplacesTheOldDataInOneStep(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a, b))
		w := follow(t, cache)
		defer w.end()
		cache.Restart(8, data(b, c))
		w.has(a, b) // the old data serve while there is no connection
		time.Sleep(5 * time.Second)
		w.has(b, c)
		asked(t, cache, "reset2 serial2(7,1) reset2")
		if s := w.Status(); s.Session != 8 {
			t.Errorf("%+v", s)
		}
	})
}

func TestASessionThatDoesNotFitEndsTheConnectionAndKeepsTheData(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		cache.Send(rtr.PDU{Version: 2, Type: rtr.SerialNotify, Session: 9, Serial: 1}.Append(nil))
		w.has(a)
		time.Sleep(2 * time.Second)
		asked(t, cache, "reset2 error2(0) reset2")
		w.has(a)
	})
}

func TestNoDataAvailableIsNoError(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		w := follow(t, cache)
		defer w.end()
		w.speaks(2, rtr.NoData)
		time.Sleep(601 * time.Second)
		asked(t, cache, "reset2 reset2")
		cache.Set(data(a)) // and a Notify
		w.has(a)
		if cache.Connections() != 1 || w.Status().Connects != 1 {
			t.Error("the connection did not stay")
		}
	})
}

// half is an answer that breaks off.
func half(cache *rtrtest.Cache, to *rtr.Data) []byte {
	whole := cache.Answer(2, nil, to)
	return whole[:len(whole)-24-10]
}

func TestHalfAnEpochIsNone(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		cache.Misbehave(func(rtr.PDU) ([]byte, bool, bool) { return half(cache, data(b, c)), true, true })
		cache.Set(data(b, c))
		time.Sleep(20 * time.Second)
		w.has(a)
		cache.Misbehave(nil)
		time.Sleep(time.Minute)
		w.has(b, c)
	})
}

func TestACacheThatStopsWithinAnAnswerIsLeft(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		cache.Misbehave(func(rtr.PDU) ([]byte, bool, bool) { return half(cache, data(a)), false, true })
		w := follow(t, cache)
		defer w.end()
		w.has()
		cache.Misbehave(nil)
		time.Sleep(3 * time.Minute)
		w.has(a)
		if !strings.Contains(w.logs.String(), "stopped in the middle") {
			t.Error(w.logs)
		}
	})
}

func TestALiarIsToldAndLeftAndTheOldDataServe(t *testing.T) {
	reply := func(cache *rtrtest.Cache, serial uint32, middle ...[]byte) []byte {
		out := rtr.PDU{Version: 2, Type: rtr.CacheResponse, Session: 7}.Append(nil)
		out = append(out, slices.Concat(middle...)...)
		return rtr.PDU{Version: 2, Type: rtr.EndOfData, Session: 7, Serial: serial, Timers: cache.Timers}.Append(out)
	}
	long := rtrtest.Prefix(2, true, vrp(b))
	long[10] = 33 // maxLength
	for _, l := range []struct {
		name string
		lie  func(*rtrtest.Cache) []byte
		code int
	}{
		{"duplicate", func(c *rtrtest.Cache) []byte { return reply(c, 2, rtrtest.Prefix(2, true, vrp(a))) }, 7},
		{"unknown withdrawal", func(c *rtrtest.Cache) []byte { return reply(c, 2, rtrtest.Prefix(2, false, vrp(b))) }, 6},
		{"bad length", func(c *rtrtest.Cache) []byte { return reply(c, 2, long) }, 0},
		{"past serial", func(c *rtrtest.Cache) []byte { return reply(c, 0xffffff00, rtrtest.Prefix(2, true, vrp(b))) }, 0},
		{"another session", func(*rtrtest.Cache) []byte {
			return rtr.PDU{Version: 2, Type: rtr.CacheResponse, Session: 8}.Append(nil)
		}, 0},
		{"another version", func(*rtrtest.Cache) []byte {
			return rtr.PDU{Version: 1, Type: rtr.CacheResponse, Session: 7}.Append(nil)
		}, 8},
		{"a query", func(*rtrtest.Cache) []byte { return rtr.PDU{Version: 2, Type: rtr.ResetQuery}.Append(nil) }, 3},
		{"a prefix outside of an answer", func(*rtrtest.Cache) []byte { return rtrtest.Prefix(2, true, vrp(b)) }, 0},
		{"a type that is none", func(*rtrtest.Cache) []byte { return []byte{2, 99, 0, 0, 0, 0, 0, 8} }, 5},
		{"a length of gigabytes", func(*rtrtest.Cache) []byte { return []byte{2, 4, 0, 0, 0xff, 0, 0, 0} }, 0},
		{"a bad ASPA", func(c *rtrtest.Cache) []byte {
			return reply(c, 2, rtr.PDU{Version: 2, Type: rtr.ASPAPDU, Announce: true, ASPA: rtr.ASPA{Customer: 5, Providers: []uint32{5}}}.Append(nil))
		}, 9},
	} {
		t.Run(l.name, func(t *testing.T) {
			within(t, func(t *testing.T) {
				cache := rtrtest.New(7)
				cache.Set(data(a))
				w := follow(t, cache)
				defer w.end()
				cache.Misbehave(func(q rtr.PDU) ([]byte, bool, bool) {
					return l.lie(cache), false, q.Type == rtr.SerialQuery
				})
				cache.Set(data(a, c))
				w.has(a)
				synctest.Wait()
				asked(t, cache, fmt.Sprintf("reset2 serial2(7,1) error2(%d)", l.code))
				cache.Misbehave(nil)
				time.Sleep(5 * time.Second)
				w.has(a, c)
				asked(t, cache, fmt.Sprintf("reset2 serial2(7,1) error2(%d) reset2", l.code))
			})
		})
	}
}

func TestAnErrorReportIsNeverAnsweredWithOne(t *testing.T) {
	for name, report := range map[string][]byte{
		"whole":        rtr.PDU{Version: 2, Type: rtr.ErrorReport, Code: rtr.InternalError, Text: "oops"}.Append(nil),
		"broken":       {2, 10, 0, 0, 0, 0, 0, 16, 0, 0, 0, 99, 0, 0, 0, 0},
		"huge":         {2, 10, 0, 0, 0xff, 0, 0, 0},
		"of version 9": {9, 10, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(t *testing.T) {
				cache := rtrtest.New(7)
				cache.Set(data(a))
				w := follow(t, cache)
				defer w.end()
				cache.Send(report)
				time.Sleep(5 * time.Second)
				w.has(a)
				for _, q := range cache.Queries() {
					if q.Type == rtr.ErrorReport {
						t.Errorf("it was answered with %+v", q)
					}
				}
			})
		})
	}
}

func TestTheOnlyCacheDies(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Timers = rtr.Timers{Refresh: 600, Retry: 60, Expire: 1800}
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		cache.Refuse(true)
		time.Sleep(1799 * time.Second)
		w.has(a)
		time.Sleep(2 * time.Second)
		w.has()
		if s := w.Status(); s.Expired != 1 || s.HasEpoch {
			t.Errorf("%+v", s)
		}
		cache.Refuse(false)
		time.Sleep(2 * time.Minute)
		w.has(a)
		if q := cache.Queries(); q[len(q)-1].Type != rtr.ResetQuery {
			t.Error("data that are gone were asked to be continued")
		}
	})
}

func TestAnAnswerThatComesAfterExpiryIsNotBuiltOnNothing(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Timers = rtr.Timers{Refresh: 600, Retry: 60, Expire: 600}
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		cache.Misbehave(func(q rtr.PDU) ([]byte, bool, bool) {
			return []byte{2, 3, 0, 7, 0, 0, 0, 8}, false, q.Type == rtr.SerialQuery
		})
		time.Sleep(301 * time.Second) // refresh is no later than half of expire
		for range 40 {                // a prefix every ten seconds: progress, but no end
			cache.Send(rtrtest.Prefix(2, true, vrp(b)))
			time.Sleep(10 * time.Second)
		}
		w.has()
		cache.Misbehave(nil)
		cache.Send(rtr.PDU{Version: 2, Type: rtr.EndOfData, Session: 7, Serial: 1, Timers: cache.Timers}.Append(nil))
		time.Sleep(time.Second)
		w.has(a)
	})
}

func TestASPAsAndRouterKeysComeAndGo(t *testing.T) {
	within(t, func(t *testing.T) {
		key := rtr.RouterKey{ASN: 64500, SPKI: "key"}
		cache := rtrtest.New(7)
		one := data(a)
		one.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{1, 2}}, {Customer: 64501, Providers: []uint32{0}}}
		one.Keys = []rtr.RouterKey{key}
		cache.Set(one)
		w := follow(t, cache)
		defer w.end()
		if d := w.Epoch().Data; len(d.ASPAs) != 2 || len(d.Keys) != 1 || d.Keys[0] != key {
			t.Fatalf("%+v", d)
		}
		two := data(a)
		two.ASPAs = []rtr.ASPA{{Customer: 64500, Providers: []uint32{2, 3}}}
		cache.Set(two)
		synctest.Wait()
		if d := w.Epoch().Data; len(d.ASPAs) != 1 || !slices.Equal(d.ASPAs[0].Providers, []uint32{2, 3}) || len(d.Keys) != 0 {
			t.Fatalf("%+v", d)
		}
	})
}

func TestANotifyDuringAnAnswerIsNotLost(t *testing.T) {
	within(t, func(t *testing.T) {
		cache := rtrtest.New(7)
		cache.Set(data(a))
		w := follow(t, cache)
		defer w.end()
		first := true
		cache.Misbehave(func(q rtr.PDU) ([]byte, bool, bool) {
			was := first
			first = false
			return nil, false, was // the answer comes later, by hand
		})
		cache.Set(data(a, b))
		late := cache.Answer(2, data(a), data(a, b))
		cache.Set(data(a, b, c))
		synctest.Wait()
		cache.Send(late)
		w.has(a, b, c)
	})
}
