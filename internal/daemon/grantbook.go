package daemon

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki/rtr"
)

const (
	// strangersStay is how long a leader leaves a grant alone that none of its own
	// caches has ever named. Nodes have different caches: without this, each change
	// of the leader would take away what the next one gives back.
	strangersStay = time.Hour
	// standsAfter is how long a leader may be without a cache that answers until it
	// says that grants stand still.
	standsAfter = 2 * time.Minute
)

// grantBook is what a node remembers from one look at its VRPs to the next. With
// it, a grant ends for two reasons only: this leader has seen the VRP and a later,
// complete answer of its caches is without it; or the leader's caches have had
// nothing to say for it for an hour.
type grantBook struct {
	seen map[uint32]map[netip.Prefix]bool // by AS, what any answer since the start has named

	data *rtr.Data // of the last look
	asns []uint32
	of   map[uint32][]netip.Prefix // what data name for asns

	leads  time.Time // since when this node leads; zero: it does not
	whole  time.Time // since when data are fully trusted without a break; zero: they are not
	lost   time.Time // since when there is nothing to tell grants by; zero: there is
	stands bool      // for longer than standsAfter
}

// look is what a node sees at one moment.
type look struct {
	now       time.Time
	leader    bool
	customers []rtbh.Customer // that have grants by ROA, or had
	data      rtr.Effective
	caches    []rtr.Status
	union     bool
}

// look decides what this node has to tell. ask: the caches are to be asked for
// what is new first, since the leader before may have known it.
func (b *grantBook) look(l look) (commands []rtbh.Command, ask bool) {
	b.remember(l)
	if !l.leader || len(l.customers) == 0 {
		b.leads, b.whole, b.lost, b.stands = time.Time{}, time.Time{}, time.Time{}, false
		return nil, false
	}
	if ask = b.leads.IsZero(); ask {
		b.leads = l.now
	}
	trust := trustIn(l.data, l.caches, l.union, b.leads)
	b.whole = since(b.whole, trust == full, l.now)
	b.lost = since(b.lost, trust == untrusted, l.now)
	b.stands = !b.lost.IsZero() && l.now.Sub(b.lost) >= standsAfter
	settled := !b.whole.IsZero() && l.now.Sub(b.whole) >= strangersStay
	return changesOf(l.customers, b.of, trust, func(p netip.Prefix) bool { return settled || b.known(p) }), ask
}

// since keeps the time when something began, zero while it is not so.
func since(before time.Time, so bool, now time.Time) time.Time {
	switch {
	case !so:
		return time.Time{}
	case before.IsZero():
		return now
	}
	return before
}

// remember reads the data when they, or what is asked of them, have changed.
func (b *grantBook) remember(l look) {
	var asns []uint32
	for _, c := range l.customers {
		asns = append(asns, c.OriginAS...)
	}
	slices.Sort(asns)
	asns = slices.Compact(asns)
	if b.of != nil && b.data == l.data.Data && slices.Equal(b.asns, asns) {
		return
	}
	b.data, b.asns, b.of = l.data.Data, asns, prefixesOf(l.customers, l.data.Data.Set())
	if b.seen == nil {
		b.seen = map[uint32]map[netip.Prefix]bool{}
	}
	for n, all := range b.of {
		if b.seen[n] == nil {
			b.seen[n] = map[netip.Prefix]bool{}
		}
		for _, p := range all {
			b.seen[n][p] = true
		}
	}
}

// known tells whether any cache of this node has ever named the prefix for an AS
// of a customer.
func (b *grantBook) known(p netip.Prefix) bool {
	for all := range maps.Values(b.seen) {
		if all[p] {
			return true
		}
	}
	return false
}
