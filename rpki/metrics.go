package rpki

import (
	"cmp"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// Metrics is everything that is counted about RPKI at this node, as of one call:
// what an exporter needs. Counters only grow while the process lives; what
// Reconfigure brings begins at zero.
type Metrics struct {
	Routes    Counts           // received routes by state
	Neighbors []NeighborCounts // by address; those that were ever seen
	VRPs4     int              // that routes are judged by
	VRPs6     int
	ASPAs     int
	Usable    bool      // there are data to judge by
	Expires   time.Time // of the data; zero without
	Held      *rtr.Held // a sudden loss that is held off; nil: none
	Caches    []rtr.Status
	Last      Timing // of the data that came last
	Work      Work
}

// NeighborCounts are the routes of one neighbor by state.
type NeighborCounts struct {
	route.Peer
	Counts
}

// Work adds up all changes of data since the process began.
type Work struct {
	Changes int           // of the data
	Took    time.Duration // from End of Data to the last changed state, all together
	Longest time.Duration
	Added   int // VRPs
	Removed int // VRPs
	Changed int // states of routes
}

func (w *Work) add(t Timing) {
	w.Changes++
	w.Took += t.Took
	w.Longest = max(w.Longest, t.Took)
	w.Added += t.Added
	w.Removed += t.Removed
	w.Changed += t.Changed
}

// Metrics returns all counts. It costs some microseconds, whatever the number of
// routes.
func (s *Service) Metrics() Metrics {
	e := s.Effective()
	m := Metrics{Usable: e.Data != nil, Expires: e.Expires, Held: e.Held, Caches: s.Caches(), ASPAs: len(e.Data.Attestations())}
	m.VRPs4, m.VRPs6 = e.Data.Set().Lens()
	m.Routes, m.Neighbors = s.index.countAll()
	s.mu.Lock()
	defer s.mu.Unlock()
	m.Last, m.Work = s.last, s.work
	return m
}

// countAll returns the counts of one moment.
func (x *index) countAll() (all Counts, by []NeighborCounts) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, p := range x.peers.all {
		by = append(by, NeighborCounts{p.Peer, p.counts[x.current]})
	}
	slices.SortFunc(by, func(a, b NeighborCounts) int { return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.AS, b.AS)) })
	return x.counts[x.current], by
}
