package bgp

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

const (
	auditEvery = 5 * time.Minute // at most so often, or
	auditShare = 400             // four hundred times what the last one took
	retryFirst = time.Second
	retryMost  = time.Minute
	batchSize  = 512 // routes under one hold of the speaker's lock
)

// Source is the desired set, as it is now. All methods may be called at any moment
// and from several goroutines.
type Source interface {
	// Routes returns the whole desired set: one route a prefix. Whatever changes
	// while it is put together may be in it or not: it is woken for.
	Routes() []rtbh.Route
	// RoutesAt returns the desired routes of these prefixes, in the same order.
	RoutesAt([]netip.Prefix) []rtbh.Route
	// Export runs routes through a route-map and returns what it lets out, in
	// the same order. defined is false when there is no route-map of that name.
	Export(routeMap string, routes []rtbh.Route) (out []rtbh.Route, defined bool)
}

// table is what the reconciler changes: GoBGP's tables of our own routes, one
// for each dialect.
type table interface {
	put(dialect string, routes []rtbh.Route) []error // nil, or one error or nil for each route
	remove(dialect string, prefixes []netip.Prefix) error
	held(dialect string) ([]rtbh.Route, error)
}

// reconciler makes the tables equal to the source. It is level-triggered: a
// wake-up says where to look, never what to do, so that losing none, one or
// all of several wake-ups for a prefix comes to the same.
type reconciler struct {
	source Source
	table  table
	log    *slog.Logger
	alarms *alarm.Registry

	bell chan struct{} // one slot: somebody marked something dirty

	mu       sync.Mutex
	dirty    map[netip.Prefix]struct{}
	all      bool
	dialects []*dialect // the first is the own attributes, and always there

	// work is held over every change of the tables: by run, and by those who
	// add and take away dialects.
	work  sync.Mutex
	pause time.Duration // until what failed is tried again; grows

	over atomic.Bool // the tables are being taken down
}

func newReconciler(source Source, t table, log *slog.Logger, alarms *alarm.Registry) *reconciler {
	return &reconciler{
		source:   source,
		table:    t,
		log:      log,
		alarms:   alarms,
		bell:     make(chan struct{}, 1),
		dirty:    map[netip.Prefix]struct{}{},
		dialects: []*dialect{newDialect("")},
		pause:    retryFirst,
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

// end says that the tables are taken down from now on: that they refuse is then
// nothing to tell anybody. It does not end run.
func (r *reconciler) end() { r.over.Store(true) }

// load announces the whole desired set, before run and before any neighbor
// exists. What fails is left to run.
func (r *reconciler) load() {
	r.work.Lock()
	defer r.work.Unlock()
	r.takeDirty()
	r.reconcileAll()
}

// run keeps the tables equal to the source until ctx ends.
func (r *reconciler) run(ctx context.Context) {
	audit := time.NewTimer(auditEvery)
	defer audit.Stop()
	retry := time.NewTimer(r.pause)
	defer retry.Stop()
	audited := make(chan time.Duration) // how long it took
	var auditing sync.WaitGroup
	defer auditing.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.bell:
			r.locked(func() { r.look(r.takeDirty()) })
		case <-retry.C:
			r.locked(r.retry)
		case <-audit.C:
			auditing.Go(func() {
				began := time.Now()
				r.audit()
				select {
				case audited <- time.Since(began):
				case <-ctx.Done():
				}
			})
		case took := <-audited:
			audit.Reset(max(auditEvery, auditShare*took))
		}
		if r.failures() > 0 {
			retry.Reset(r.pause)
		} else {
			retry.Stop()
			r.pause = retryFirst
		}
	}
}

func (r *reconciler) locked(f func()) {
	r.work.Lock()
	defer r.work.Unlock()
	f()
}

func (r *reconciler) look(prefixes []netip.Prefix, all bool) {
	if all {
		r.reconcileAll()
		return
	}
	r.reconcile(prefixes)
}

// reconcile brings the given prefixes into line, in the order of prefixes. There
// are none when the bell rang for what an earlier look has seen already.
func (r *reconciler) reconcile(prefixes []netip.Prefix) {
	if len(prefixes) == 0 {
		return // to bringIntoLine, no prefixes would mean all of them
	}
	slices.SortFunc(prefixes, comparePrefix)
	r.bringIntoLine(r.source.RoutesAt(prefixes), prefixes)
}

// reconcileAll compares the whole sets.
func (r *reconciler) reconcileAll() {
	r.bringIntoLine(r.wanted(), nil)
}

// wanted is the whole desired set, sorted by prefix.
func (r *reconciler) wanted() []rtbh.Route {
	want := r.source.Routes()
	slices.SortFunc(want, func(a, b rtbh.Route) int { return comparePrefix(a.Prefix, b.Prefix) }) // cheap when it is already
	return want
}

// bringIntoLine makes every dialect what it has to be for the desired routes
// want: at the given prefixes, or everywhere when these are nil. Both are sorted. Announcements
// come first, in all dialects: should anything be slow, a new blackhole is
// worth more than a withdrawal.
func (r *reconciler) bringIntoLine(want []rtbh.Route, at []netip.Prefix) {
	all := r.list()
	removes := make([][]netip.Prefix, len(all))
	for i, d := range all {
		var puts []rtbh.Route
		puts, removes[i] = r.difference(d, r.export(d, want), at)
		for batch := range slices.Chunk(puts, batchSize) {
			r.put(d, batch)
		}
	}
	for i, d := range all {
		for batch := range slices.Chunk(removes[i], batchSize) {
			r.remove(d, batch)
		}
	}
	r.report()
}

func (r *reconciler) put(d *dialect, batch []rtbh.Route) {
	r.touch(d, prefixesOf(batch))
	errs := r.table.put(d.name, batch)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, route := range batch {
		if errs != nil && errs[i] != nil {
			d.failed[route.Prefix] = errs[i]
			continue
		}
		d.tell(route)
		delete(d.failed, route.Prefix)
	}
}

// prefixesOf are the prefixes of routes.
func prefixesOf(routes []rtbh.Route) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		for i := range routes {
			if !yield(routes[i].Prefix) {
				return
			}
		}
	}
}

func (r *reconciler) remove(d *dialect, batch []netip.Prefix) {
	r.touch(d, slices.Values(batch))
	err := r.table.remove(d.name, batch)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range batch {
		if err != nil {
			d.failed[p] = err
			continue
		}
		d.untell(p)
		delete(d.failed, p)
	}
}

// retry tries what failed once more, and waits twice as long next time.
func (r *reconciler) retry() {
	again := map[netip.Prefix]struct{}{}
	for _, d := range r.list() {
		for p := range d.failed {
			again[p] = struct{}{}
		}
	}
	if len(again) == 0 {
		return
	}
	r.pause = min(2*r.pause, retryMost)
	r.reconcile(slices.Collect(maps.Keys(again)))
}

// failures counts what differs from what it should be.
func (r *reconciler) failures() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.dialects {
		n += len(d.failed)
	}
	return n
}

// report raises or clears the alarm about what could not be done.
func (r *reconciler) report() {
	if r.over.Load() {
		return
	}
	for _, d := range r.list() {
		if len(d.failed) == 0 {
			continue
		}
		first := slices.MinFunc(slices.Collect(maps.Keys(d.failed)), comparePrefix)
		r.alarms.Raise(alarm.AnnounceFailed, "", fmt.Sprintf(
			"%d routes differ from what should be announced, first %s%s: %v; it is tried again and again",
			r.failures(), first, d.spoken(), d.failed[first]))
		return
	}
	r.alarms.Clear(alarm.AnnounceFailed, "")
}

// comparePrefix orders IPv4 before IPv6, then by address, then shorter first.
func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}
