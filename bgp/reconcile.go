package bgp

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

const (
	auditEvery = time.Minute
	retryFirst = time.Second
	retryMost  = time.Minute
	batchSize  = 500 // routes under one hold of the speaker's lock
)

// Source is the desired set, as it is now. Both methods are called from one
// goroutine at a time and may be called at any moment.
type Source interface {
	// Routes returns the whole desired set: one route a prefix.
	Routes() []rtbh.Route
	// Route returns the desired route for a prefix, or false for none.
	Route(netip.Prefix) (rtbh.Route, bool)
}

// table is what the reconciler changes: GoBGP's table of our own routes.
type table interface {
	put([]rtbh.Route) []error // nil, or one error or nil for each route
	remove([]netip.Prefix) error
	held() ([]rtbh.Route, error)
}

// reconciler makes the table equal to the source. It is level-triggered: a
// wake-up says where to look, never what to do, so that losing none, one or
// all of several wake-ups for a prefix comes to the same.
type reconciler struct {
	source Source
	table  table
	log    *slog.Logger
	alarms *alarm.Registry

	bell chan struct{} // one slot: somebody marked something dirty

	mu    sync.Mutex
	dirty map[netip.Prefix]struct{}
	all   bool
	told  map[netip.Prefix]rtbh.Route // what the table was told and accepted

	// Only the goroutine in run (or load, before it) uses these.
	failed map[netip.Prefix]error
	pause  time.Duration // until failed is tried again; grows
}

func newReconciler(source Source, t table, log *slog.Logger, alarms *alarm.Registry) *reconciler {
	return &reconciler{
		source: source,
		table:  t,
		log:    log,
		alarms: alarms,
		bell:   make(chan struct{}, 1),
		dirty:  map[netip.Prefix]struct{}{},
		told:   map[netip.Prefix]rtbh.Route{},
		failed: map[netip.Prefix]error{},
		pause:  retryFirst,
	}
}

// wake marks prefixes (or all) to be looked at. It never waits.
func (r *reconciler) wake(changed []netip.Prefix, all bool) {
	r.mu.Lock()
	r.all = r.all || all
	for _, p := range changed {
		r.dirty[p] = struct{}{}
	}
	r.mu.Unlock()
	select {
	case r.bell <- struct{}{}:
	default: // the slot is taken: the coming look sees this change too
	}
}

// takeDirty returns what was marked since the last call.
func (r *reconciler) takeDirty() (prefixes []netip.Prefix, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	prefixes, all = slices.Collect(maps.Keys(r.dirty)), r.all
	clear(r.dirty)
	r.all = false
	return prefixes, all
}

// load announces the whole desired set, before run and before any neighbor
// exists. What fails is left to run.
func (r *reconciler) load() {
	r.takeDirty()
	r.reconcileAll()
}

// run keeps the table equal to the source until ctx ends.
func (r *reconciler) run(ctx context.Context) {
	audit := time.NewTicker(auditEvery)
	defer audit.Stop()
	retry := time.NewTimer(r.pause)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.bell:
			r.look(r.takeDirty())
		case <-retry.C:
			r.retry()
		case <-audit.C:
			r.audit()
		}
		if len(r.failed) > 0 {
			retry.Reset(r.pause)
		} else {
			retry.Stop()
			r.pause = retryFirst
		}
	}
}

func (r *reconciler) look(prefixes []netip.Prefix, all bool) {
	if all {
		r.reconcileAll()
		return
	}
	r.reconcile(prefixes)
}

// reconcile brings the given prefixes into line, in the order of prefixes.
func (r *reconciler) reconcile(prefixes []netip.Prefix) {
	var puts []rtbh.Route
	var removes []netip.Prefix
	slices.SortFunc(prefixes, comparePrefix)
	for _, p := range prefixes {
		want, wanted := r.source.Route(p)
		has, held := r.has(p)
		switch {
		case wanted && (!held || !has.Equal(want)):
			puts = append(puts, want)
		case !wanted && held:
			removes = append(removes, p)
		default:
			delete(r.failed, p) // whatever failed there is no longer wanted
		}
	}
	r.apply(puts, removes)
}

// reconcileAll compares the whole sets.
func (r *reconciler) reconcileAll() {
	want := r.source.Routes()
	wanted := make(map[netip.Prefix]struct{}, len(want))
	var puts []rtbh.Route
	for _, w := range want {
		wanted[w.Prefix] = struct{}{}
		if has, held := r.has(w.Prefix); !held || !has.Equal(w) {
			puts = append(puts, w)
		} else {
			delete(r.failed, w.Prefix) // what failed there is not wanted any more
		}
	}
	for p := range r.failed {
		if _, ok := wanted[p]; !ok {
			delete(r.failed, p)
		}
	}
	r.apply(puts, r.superfluous(wanted))
}

// superfluous lists what is announced and not wanted.
func (r *reconciler) superfluous(wanted map[netip.Prefix]struct{}) []netip.Prefix {
	r.mu.Lock()
	defer r.mu.Unlock()
	var removes []netip.Prefix
	for p := range r.told {
		if _, ok := wanted[p]; !ok {
			removes = append(removes, p)
		}
	}
	slices.SortFunc(removes, comparePrefix)
	return removes
}

// apply tells the table, announcements first: should anything be slow, a new
// blackhole is worth more than a withdrawal.
func (r *reconciler) apply(puts []rtbh.Route, removes []netip.Prefix) {
	for batch := range slices.Chunk(puts, batchSize) {
		r.put(batch)
	}
	for batch := range slices.Chunk(removes, batchSize) {
		r.remove(batch)
	}
	r.report()
}

func (r *reconciler) put(batch []rtbh.Route) {
	errs := r.table.put(batch)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, route := range batch {
		if errs != nil && errs[i] != nil {
			r.failed[route.Prefix] = errs[i]
			continue
		}
		r.told[route.Prefix] = route
		delete(r.failed, route.Prefix)
	}
}

func (r *reconciler) remove(batch []netip.Prefix) {
	err := r.table.remove(batch)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range batch {
		if err != nil {
			r.failed[p] = err
			continue
		}
		delete(r.told, p)
		delete(r.failed, p)
	}
}

// retry tries what failed once more, and waits twice as long next time.
func (r *reconciler) retry() {
	if len(r.failed) == 0 {
		return
	}
	r.pause = min(2*r.pause, retryMost)
	r.reconcile(slices.Collect(maps.Keys(r.failed)))
}

// report raises or clears the alarm about what could not be done.
func (r *reconciler) report() {
	if len(r.failed) == 0 {
		r.alarms.Clear(alarm.AnnounceFailed, "")
		return
	}
	first := slices.MinFunc(slices.Collect(maps.Keys(r.failed)), comparePrefix)
	r.alarms.Raise(alarm.AnnounceFailed, "", fmt.Sprintf(
		"%d routes differ from what should be announced, first %s: %v; it is tried again and again",
		len(r.failed), first, r.failed[first]))
}

// audit replaces what we believe the table holds by what it does hold, and
// brings it into line with the whole desired set.
func (r *reconciler) audit() {
	held, err := r.table.held()
	if err != nil {
		r.log.Warn("audit of the announced routes failed", "error", err)
		return
	}
	if n := r.believe(held); n > 0 {
		r.log.Warn("announced routes were not what they should be; repairing", "routes", n)
	}
	r.takeDirty() // the whole set covers it
	r.reconcileAll()
}

// believe sets told to held and returns in how many prefixes they differed.
func (r *reconciler) believe(held []rtbh.Route) int {
	now := make(map[netip.Prefix]rtbh.Route, len(held))
	differ := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range held {
		if t, ok := r.told[h.Prefix]; !ok || !t.Equal(h) {
			differ++
		}
		now[h.Prefix] = h
	}
	for p := range r.told {
		if _, ok := now[p]; !ok {
			differ++
		}
	}
	r.told = now
	return differ
}

func (r *reconciler) has(p netip.Prefix) (rtbh.Route, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	route, ok := r.told[p]
	return route, ok
}

// announced returns what the table was told, sorted by prefix.
func (r *reconciler) announced() []rtbh.Route {
	r.mu.Lock()
	routes := slices.Collect(maps.Values(r.told))
	r.mu.Unlock()
	slices.SortFunc(routes, func(a, b rtbh.Route) int { return comparePrefix(a.Prefix, b.Prefix) })
	return routes
}

// count returns how many routes of each family are announced.
func (r *reconciler) count() (ipv4, ipv6 int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.told {
		if p.Addr().Is4() {
			ipv4++
		}
	}
	return ipv4, len(r.told) - ipv4
}

// comparePrefix orders IPv4 before IPv6, then by address, then shorter first.
func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}
