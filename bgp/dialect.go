package bgp

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// dialect is what neighbors with the same export route-map are sent
// (`neighbor X route-map NAME out`). The route-map is evaluated by the pure
// core, route by route, so that what leaves is what `test blackhole` prints.
//
// A route-map that does not exist changes nothing: such a neighbor is sent the
// blackholes with their own attributes, and an alarm says so. Quagga would send
// it nothing, which for a trigger means an attack that goes on.
type dialect struct {
	name string // of the route-map; "" = the blackholes' own attributes

	// The rest is guarded by the reconciler's mu, but failed, which only who
	// holds its work writes.
	told      map[netip.Prefix]*rtbh.Route // what the table was told and accepted; the prefix is in the key alone
	told4     int                          // of them IPv4
	last      *rtbh.Route                  // of told: most blackholes have the attributes of the one before, and share them
	failed    map[netip.Prefix]error
	undefined bool                      // there is no such route-map
	touched   map[netip.Prefix]struct{} // changed while an audit lists the table; nil when none does
}

func newDialect(name string) *dialect {
	return &dialect{name: name, told: map[netip.Prefix]*rtbh.Route{}, failed: map[netip.Prefix]error{}}
}

// has returns what the table was told for a prefix.
func (d *dialect) has(p netip.Prefix) (rtbh.Route, bool) {
	attributes, held := d.told[p]
	if !held {
		return rtbh.Route{}, false
	}
	return attributes.At(p), true
}

// tell notes what the table has accepted.
func (d *dialect) tell(route rtbh.Route) {
	p := route.Prefix
	if _, held := d.told[p]; !held && p.Addr().Is4() {
		d.told4++
	}
	if route.Prefix = (netip.Prefix{}); d.last == nil || !d.last.Equal(route) {
		d.last = &route
	}
	d.told[p] = d.last
}

// untell notes what was taken out of the table.
func (d *dialect) untell(p netip.Prefix) {
	if _, held := d.told[p]; held && p.Addr().Is4() {
		d.told4--
	}
	delete(d.told, p)
}

// spoken is how an alarm speaks of the dialect.
func (d *dialect) spoken() string {
	if d.name == "" {
		return ""
	}
	return " through route-map " + d.name
}

// list returns the dialects, own attributes first.
func (r *reconciler) list() []*dialect {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.dialects)
}

func (r *reconciler) dialect(name string) *dialect {
	for _, d := range r.dialects {
		if d.name == name {
			return d
		}
	}
	return nil
}

// speak adds a dialect and fills its table. It does nothing when it is there.
func (r *reconciler) speak(name string) {
	r.work.Lock()
	defer r.work.Unlock()
	r.mu.Lock()
	known := r.dialect(name) != nil
	if !known {
		r.dialects = append(r.dialects, newDialect(name))
	}
	r.mu.Unlock()
	if !known {
		r.reconcileAll()
	}
}

// forget takes a dialect away, once no neighbor is sent it.
func (r *reconciler) forget(name string) {
	r.work.Lock()
	defer r.work.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dialects = slices.DeleteFunc(r.dialects, func(d *dialect) bool { return d.name == name && name != "" })
}

// export is what the dialect makes of routes.
func (r *reconciler) export(d *dialect, routes []rtbh.Route) []rtbh.Route {
	if d.name == "" {
		return routes
	}
	out, defined := r.source.Export(d.name, routes)
	r.mu.Lock()
	d.undefined = !defined
	r.mu.Unlock()
	if !defined {
		return routes
	}
	return out
}

// difference is what the table of d has to be told so that it holds want: at
// the given prefixes, or everywhere when these are nil. Both are sorted by
// prefix without repetitions, and so is what comes out.
func (r *reconciler) difference(d *dialect, want []rtbh.Route, at []netip.Prefix) (puts []rtbh.Route, removes []netip.Prefix) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := 0
	for _, w := range want {
		has, is := d.has(w.Prefix)
		if is {
			held++
		}
		if !is || !has.Equal(w) {
			puts = append(slices.Grow(puts, len(want)-len(puts)), w)
		} else {
			delete(d.failed, w.Prefix) // what failed there is not wanted any more
		}
	}
	if at == nil && held == len(d.told) && len(d.failed) == 0 {
		return puts, nil // nothing is there that is not wanted
	}
	if at == nil {
		at = slices.AppendSeq(slices.Collect(maps.Keys(d.told)), maps.Keys(d.failed))
		slices.SortFunc(at, comparePrefix)
		at = slices.Compact(at)
	}
	for _, p := range at {
		for len(want) > 0 && comparePrefix(want[0].Prefix, p) < 0 {
			want = want[1:]
		}
		if len(want) > 0 && want[0].Prefix == p {
			continue
		}
		if _, is := d.told[p]; is {
			removes = append(removes, p)
		} else {
			delete(d.failed, p)
		}
	}
	return puts, removes
}

// undefinedMaps names the route-maps of dialects that do not exist.
func (r *reconciler) undefinedMaps() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]bool{}
	for _, d := range r.dialects {
		if d.undefined {
			names[d.name] = true
		}
	}
	return names
}

// has returns what a dialect's table was told for a prefix.
func (r *reconciler) has(name string, p netip.Prefix) (rtbh.Route, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dialect(name)
	if d == nil {
		return rtbh.Route{}, false
	}
	return d.has(p)
}

// announced returns what a dialect's table was told, sorted by prefix.
func (r *reconciler) announced(name string) []rtbh.Route {
	r.mu.Lock()
	var routes []rtbh.Route
	if d := r.dialect(name); d != nil {
		routes = make([]rtbh.Route, 0, len(d.told))
		for p, attributes := range d.told {
			routes = append(routes, attributes.At(p))
		}
	}
	r.mu.Unlock()
	slices.SortFunc(routes, func(a, b rtbh.Route) int { return comparePrefix(a.Prefix, b.Prefix) })
	return routes
}

// count returns how many routes of each family a dialect has.
func (r *reconciler) count(name string) (ipv4, ipv6 int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dialect(name)
	if d == nil {
		return 0, 0
	}
	return d.told4, len(d.told) - d.told4
}
