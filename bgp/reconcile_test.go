package bgp

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// fakeTable is a speaker that can be told to fail, and that counts.
type fakeTable struct {
	mu      sync.Mutex
	routes  map[netip.Prefix]rtbh.Route
	refuse  map[netip.Prefix]bool // put and remove of these fail
	puts    []netip.Prefix        // tried, in order
	removes []netip.Prefix
	listing chan struct{} // what is listed is answered when it is closed
	stopped bool          // nothing is answered any more but that

	dialects map[string]*fakeTable
}

func newFakeTable() *fakeTable {
	return &fakeTable{routes: map[netip.Prefix]rtbh.Route{}, refuse: map[netip.Prefix]bool{}, dialects: map[string]*fakeTable{}}
}

var (
	errFake    = errors.New("no memory for it")
	errStopped = errors.New("server stopped")
)

func (f *fakeTable) put(dialect string, routes []rtbh.Route) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if dialect != "" {
		return f.in(dialect).put("", routes)
	}
	var errs []error
	for i, r := range routes {
		f.puts = append(f.puts, r.Prefix)
		if f.refuse[r.Prefix] || f.stopped {
			if errs == nil {
				errs = make([]error, len(routes))
			}
			errs[i] = errFake
			continue
		}
		f.routes[r.Prefix] = r
	}
	return errs
}

// in is the table of a dialect, a fake of its own.
func (f *fakeTable) in(dialect string) *fakeTable {
	if f.dialects[dialect] == nil {
		f.dialects[dialect] = newFakeTable()
	}
	return f.dialects[dialect]
}

func (f *fakeTable) remove(dialect string, prefixes []netip.Prefix) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if dialect != "" {
		return f.in(dialect).remove("", prefixes)
	}
	f.removes = append(f.removes, prefixes...)
	for _, p := range prefixes {
		if f.refuse[p] {
			return errFake
		}
	}
	for _, p := range prefixes {
		delete(f.routes, p)
	}
	return nil
}

func (f *fakeTable) held(dialect string) ([]rtbh.Route, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if dialect != "" {
		return f.in(dialect).held("")
	}
	var out []rtbh.Route
	for _, r := range f.routes {
		out = append(out, r)
	}
	if listing := f.listing; listing != nil {
		f.mu.Unlock()
		<-listing
		f.mu.Lock()
	}
	if f.stopped {
		return nil, errStopped
	}
	return out, nil
}

func (f *fakeTable) set(refuse bool, prefixes ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range prefixes {
		f.refuse[pfx(p)] = refuse
	}
}

func (f *fakeTable) tries(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, p := range f.puts {
		if p == pfx(prefix) {
			n++
		}
	}
	return n
}

func (f *fakeTable) holds(prefix string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.routes[pfx(prefix)]
	return ok
}

// world is a running reconciler in virtual time.
type world struct {
	*reconciler
	want   *wanted
	table  *fakeTable
	alarms *alarm.Registry
}

func inVirtualTime(t *testing.T, routes []rtbh.Route, story func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{want: want(routes...), table: newFakeTable(), alarms: alarm.New(slog.New(slog.DiscardHandler))}
		w.reconciler = newReconciler(w.want, w.table, slog.New(slog.DiscardHandler), w.alarms)
		w.load()
		done := make(chan struct{})
		go func() { w.run(t.Context()); close(done) }()
		story(w)
	})
}

// set changes desired routes, wakes, and waits until nothing moves any more.
func (w *world) set(routes ...rtbh.Route) {
	for _, r := range routes {
		w.want.now(r)
		w.wake([]netip.Prefix{r.Prefix}, false)
	}
	synctest.Wait()
}

func (w *world) after(d time.Duration) {
	time.Sleep(d) // virtual
	synctest.Wait()
}

func TestRefusedRouteIsTriedForEverWithGrowingPauses(t *testing.T) {
	inVirtualTime(t, nil, func(w *world) {
		w.table.set(true, "192.0.2.12/32")
		w.set(hole("192.0.2.12/32"), hole("192.0.2.13/32"))
		if !w.table.holds("192.0.2.13/32") {
			t.Error("one refused route held up another")
		}
		up := w.alarms.List()
		if len(up) != 1 || up[0].Kind != alarm.AnnounceFailed || !strings.Contains(up[0].Text, "192.0.2.12/32: no memory for it") {
			t.Fatalf("alarms = %v", up)
		}
		w.after(time.Second)
		if n := w.table.tries("192.0.2.12/32"); n != 2 {
			t.Errorf("%d tries after a second, want 2", n)
		}
		w.after(2*time.Second + 4*time.Second)
		if n := w.table.tries("192.0.2.12/32"); n != 4 {
			t.Errorf("%d tries after 7 seconds, want 4", n)
		}
		w.after(24 * time.Hour)
		if n := w.table.tries("192.0.2.12/32"); n < 24*60 || n > 3*24*60 {
			t.Errorf("%d tries in a day, want about one a minute", n)
		}
		w.table.set(false, "192.0.2.12/32")
		w.after(time.Minute)
		if !w.table.holds("192.0.2.12/32") {
			t.Error("the route is still missing although the speaker takes it now")
		}
		if up := w.alarms.List(); len(up) != 0 {
			t.Errorf("alarms = %v", up)
		}
	})
}

// The bell's slot is filled again when a prefix is marked between the bell and the
// look that takes it: the next look finds nothing marked.
func TestAWakeUpWithNothingMarkedTouchesNothing(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.12/32"), hole("2001:db8::12/128")}, func(w *world) {
		for _, none := range [][]netip.Prefix{nil, {}} {
			w.wake(none, false)
			synctest.Wait()
		}
		if len(w.table.removes) != 0 || len(w.table.puts) != 2 || !w.table.holds("192.0.2.12/32") {
			t.Errorf("put %v, withdrawn %v", w.table.puts, w.table.removes)
		}
	})
}

func TestFailedWithdrawalIsTriedAgain(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.12/32")}, func(w *world) {
		w.table.set(true, "192.0.2.12/32")
		w.set(gone("192.0.2.12/32"))
		if len(w.alarms.List()) != 1 {
			t.Error("a withdrawal that failed is no alarm")
		}
		w.table.set(false, "192.0.2.12/32")
		w.after(time.Second)
		if w.table.holds("192.0.2.12/32") || len(w.alarms.List()) != 0 {
			t.Error("the withdrawal was not repeated")
		}
	})
}

func TestChangeThatFailedAndWasTakenBackIsNoAlarm(t *testing.T) {
	for _, all := range []bool{false, true} {
		inVirtualTime(t, []rtbh.Route{hole("192.0.2.12/32")}, func(w *world) {
			w.table.set(true, "192.0.2.12/32")
			changed := hole("192.0.2.12/32")
			changed.MED = rtbh.Some(1)
			w.set(changed)
			w.want.now(hole("192.0.2.12/32"))
			w.wake([]netip.Prefix{pfx("192.0.2.12/32")}, all)
			synctest.Wait()
			if up := w.alarms.List(); len(up) != 0 {
				t.Errorf("looking at all %v: alarms = %v", all, up)
			}
		})
	}
}

func TestRouteThatIsNoLongerWantedIsNotTriedAgain(t *testing.T) {
	inVirtualTime(t, nil, func(w *world) {
		w.table.set(true, "192.0.2.12/32")
		w.set(hole("192.0.2.12/32"))
		w.set(gone("192.0.2.12/32"))
		tries := w.table.tries("192.0.2.12/32")
		w.after(time.Hour)
		if n := w.table.tries("192.0.2.12/32"); n != tries {
			t.Errorf("%d more tries for an unwanted route", n-tries)
		}
		if len(w.alarms.List()) != 0 {
			t.Error("the alarm stays although nothing is wanted")
		}
	})
}

func TestChangedAttributeReplacesAndNeverWithdraws(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.12/32")}, func(w *world) {
		changed := hole("192.0.2.12/32")
		changed.MED = rtbh.Some(0) // as good as absent for some, but another value
		w.set(changed)
		if n := w.table.tries("192.0.2.12/32"); n != 2 || len(w.table.removes) != 0 {
			t.Errorf("%d puts and %v withdrawn, want 2 and none", n, w.table.removes)
		}
		w.set(changed)
		if n := w.table.tries("192.0.2.12/32"); n != 2 {
			t.Error("an unchanged route was announced again")
		}
	})
}

func TestAuditRepairsTheTable(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.1/32"), hole("192.0.2.2/32"), hole("192.0.2.3/32")}, func(w *world) {
		other := hole("192.0.2.2/32")
		other.MED = rtbh.Some(9)
		w.table.mu.Lock()
		delete(w.table.routes, pfx("192.0.2.1/32"))                      // lost
		w.table.routes[other.Prefix] = other                             // altered
		w.table.routes[pfx("198.51.100.7/32")] = hole("198.51.100.7/32") // stray
		w.table.mu.Unlock()
		w.after(auditEvery + time.Second)
		held, _ := w.table.held("")
		if len(held) != 3 || !w.table.holds("192.0.2.1/32") || w.table.holds("198.51.100.7/32") {
			t.Errorf("after the audit: %v", held)
		}
		if !w.table.routes[other.Prefix].Equal(hole("192.0.2.2/32")) {
			t.Error("the altered route was not repaired")
		}
	})
}

// A listing of a large table takes a while. What is committed meanwhile goes out at
// once, and the listing, which knows nothing of it, undoes none of it.
func TestNoBlackholeWaitsForAnAudit(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.1/32"), hole("192.0.2.2/32")}, func(w *world) {
		w.table.mu.Lock()
		w.table.listing = make(chan struct{})
		w.table.mu.Unlock()
		w.after(auditEvery + time.Second) // it has listed, and has not answered
		w.want.now(rtbh.Route{Prefix: pfx("192.0.2.1/32")})
		w.wake([]netip.Prefix{pfx("192.0.2.1/32")}, false)
		w.set(hole("192.0.2.3/32"))
		if !w.table.holds("192.0.2.3/32") || w.table.holds("192.0.2.1/32") {
			t.Error("a change waits for the audit")
		}
		w.table.mu.Lock()
		delete(w.table.routes, pfx("192.0.2.2/32"))
		w.table.mu.Unlock()
		close(w.table.listing)
		synctest.Wait()
		if told := w.announced(""); len(told) != 2 || told[0].Prefix != pfx("192.0.2.2/32") || told[1].Prefix != pfx("192.0.2.3/32") {
			t.Errorf("the listing is believed over what came after it: %v", told)
		}
		if n := w.table.tries("192.0.2.3/32"); n != 1 {
			t.Errorf("%d tries, want 1", n)
		}
		w.after(auditEvery) // the one before took a second, so it is not time yet
		if w.table.holds("192.0.2.2/32") {
			t.Error("audits of a large table take more than their share")
		}
		w.after(auditShare*time.Second - auditEvery)
		if !w.table.holds("192.0.2.2/32") {
			t.Error("the next audit does not repair")
		}
	})
}

// A node that stops takes its tables down under whatever is going on: no reason for
// warnings and alarms, which are for what somebody has to look at.
func TestAStopInTheMiddleOfAnAuditIsNoWarning(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.1/32")}, func(w *world) {
		said := w.listen()
		listing := make(chan struct{})
		w.table.mu.Lock()
		w.table.listing = listing
		w.table.mu.Unlock()
		w.after(auditEvery + time.Second) // it waits for the answer
		w.end()
		w.table.mu.Lock()
		w.table.stopped = true
		w.table.mu.Unlock()
		w.set(hole("192.0.2.2/32")) // a last wake-up
		close(listing)
		synctest.Wait()
		if said.Len() > 0 || len(w.alarms.List()) > 0 {
			t.Errorf("%s%v", said, w.alarms.List())
		}
	})
}

func TestATableThatIsTakenDownIsNotMissed(t *testing.T) {
	inVirtualTime(t, []rtbh.Route{hole("192.0.2.1/32")}, func(w *world) {
		said := w.listen()
		w.end()
		w.table.mu.Lock()
		clear(w.table.routes)
		w.table.mu.Unlock()
		w.after(auditEvery + time.Second)
		if said.Len() > 0 {
			t.Errorf("%s", said)
		}
	})
}

// listen returns what is logged from now on.
func (w *world) listen() *strings.Builder {
	said := &strings.Builder{}
	w.log = slog.New(slog.NewTextHandler(said, nil))
	return said
}

func TestWakeDuringALoadIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := want(hole("192.0.2.1/32"))
		table := newFakeTable()
		r := newReconciler(w, table, slog.New(slog.DiscardHandler), nil)
		r.load()
		w.now(hole("192.0.2.2/32")) // applied after the load and before run
		r.wake([]netip.Prefix{pfx("192.0.2.2/32")}, false)
		go r.run(t.Context())
		synctest.Wait()
		if !table.holds("192.0.2.2/32") {
			t.Error("the change between load and run was lost")
		}
	})
}

// Whatever happens in whatever order, and whatever fails in between, the table
// ends up as the desired set.
func TestTableBecomesTheDesiredSet(t *testing.T) {
	prefixes := []string{"192.0.2.0/32", "192.0.2.1/32", "192.0.2.0/24", "2001:db8::/128", "2001:db8::/32"}
	rapid.Check(t, func(rt *rapid.T) {
		var wrong string // rapid cannot fail from inside the bubble
		inVirtualTime(t, nil, func(w *world) {
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				p := rapid.SampledFrom(prefixes).Draw(rt, "prefix")
				r := hole(p)
				r.MED = rtbh.Some(rapid.Uint32Range(0, 2).Draw(rt, "med"))
				switch rapid.SampledFrom([]string{"want", "drop", "break", "mend", "all", "pass"}).Draw(rt, "event") {
				case "want":
					w.want.now(r)
					w.wake([]netip.Prefix{r.Prefix}, false)
				case "drop":
					w.want.now(gone(p))
					w.wake([]netip.Prefix{r.Prefix}, false)
				case "break":
					w.table.set(true, p)
				case "mend":
					w.table.set(false, p)
				case "all":
					w.wake(nil, true)
				case "pass":
					w.after(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
				}
			}
			w.table.set(false, prefixes...)
			w.after(2 * time.Minute)
			held, _ := w.table.held("")
			desired := w.want.Routes()
			slices.SortFunc(held, byPrefix)
			slices.SortFunc(desired, byPrefix)
			if !slices.EqualFunc(held, desired, rtbh.Route.Equal) {
				wrong = fmt.Sprintf("table %v, desired %v", held, desired)
			}
			if !slices.EqualFunc(w.announced(""), desired, rtbh.Route.Equal) || len(w.alarms.List()) != 0 {
				wrong = fmt.Sprintf("announced %v, alarms %v", w.announced(""), w.alarms.List())
			}
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func byPrefix(a, b rtbh.Route) int { return comparePrefix(a.Prefix, b.Prefix) }
