package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// showRPKIStatistics prints what this node counts about RPKI.
func showRPKIStatistics(c *call, m *match) error {
	var s RPKIStatistics
	if c.ports.RPKI != nil {
		s = c.ports.RPKI.Statistics()
	}
	if m.Has("json") {
		c.json(c.statisticsAsJSON(s))
		return nil
	}
	r := s.Routes
	c.print("Received routes: %d, %d valid, %d invalid (%d as, %d length), %d not-found\n",
		r.Routes, r.Valid, r.InvalidAS+r.InvalidLength, r.InvalidAS, r.InvalidLength, r.NotFound)
	c.print("AS paths:        %d valid, %d invalid, %d unknown, %d unverified\n",
		r.PathValid, r.PathInvalid, r.PathUnknown, r.Routes-r.PathValid-r.PathInvalid-r.PathUnknown)
	if s.Usable {
		c.print("Judged by:       %d IPv4 and %d IPv6 VRPs, %s; they expire in %s\n", s.IPv4, s.IPv6, count(s.ASPAs, "ASPA"), shortDuration(s.Expires.Sub(c.now())))
	} else {
		c.print("Judged by:       nothing, no cache has usable data\n")
	}
	if d := s.Changes; d.LastAt.IsZero() {
		c.print("Changes of data: none\n")
	} else {
		c.print("Changes of data: %d, +%d and -%d VRPs, %d states of routes changed; the last %s ago took %s, the longest %s\n",
			d.Count, d.Added, d.Removed, d.States, c.ago(d.LastAt), milliseconds(d.Last), milliseconds(d.Longest))
	}
	c.printHeld(s.Held)
	c.neighborCounts(s.Neighbors)
	for _, k := range s.Caches {
		c.cacheCounters(k)
	}
	return nil
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func (c *call) neighborCounts(all []NeighborCounts) {
	if len(all) == 0 {
		return
	}
	rows := [][]string{{"Neighbor", "AS", "Role", "Routes", "Valid", "Invalid-AS", "Invalid-length", "Not-found", "Path-invalid"}}
	for _, n := range all {
		row := []string{n.Neighbor.String(), fmt.Sprint(n.AS), n.Role}
		for _, x := range []int{n.Routes, n.Valid, n.InvalidAS, n.InvalidLength, n.NotFound, n.PathInvalid} {
			row = append(row, fmt.Sprint(x))
		}
		rows = append(rows, row)
	}
	c.print("\n")
	columns(c.out, rows)
}

func (c *call) cacheCounters(k CacheCounters) {
	c.print("\nCache %s: %s for %s\n", k.name(), k.State, c.ago(k.Since))
	c.print("  Connections:    %d tried, %d failed or lost, %d for a lower version\n", k.Connects, k.Failures, k.Downgrades)
	c.print("  Answers:        %d complete, data expired %s\n", k.Answers, times(k.Expired))
	c.print("  PDUs received:  %s\n", byName(k.PDUsIn))
	c.print("  PDUs sent:      %s\n", byName(k.PDUsOut))
	c.print("  Errors from it: %s\n", byName(k.ErrorsIn))
	c.print("  Errors to it:   %s\n", byName(k.ErrorsOut))
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// byName prints counters by name, "none" when there are none.
func byName(all map[string]uint64) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("%s %d", name, all[name]))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

type statisticsJSON struct {
	Routes    RouteCounts          `json:"received"`
	Neighbors []neighborCountsJSON `json:"neighbors"`
	Usable    bool                 `json:"usable"`
	IPv4      int                  `json:"ipv4PrefixCount"`
	IPv6      int                  `json:"ipv6PrefixCount"`
	ASPAs     int                  `json:"aspaCount"`
	Expires   *time.Time           `json:"expires,omitempty"`
	Held      *HeldLoss            `json:"held,omitempty"`
	Caches    []cacheCountersJSON  `json:"caches"`
	Changes   dataChangesJSON      `json:"changes"`
}

type neighborCountsJSON struct {
	Neighbor string `json:"neighbor"`
	AS       uint32 `json:"as"`
	Role     string `json:"role"`
	RouteCounts
}

type cacheCountersJSON struct {
	cacheDetailJSON
	AgeSeconds *float64          `json:"ageSeconds,omitempty"`
	Connects   uint64            `json:"connects"`
	Failures   uint64            `json:"failures"`
	Downgrades uint64            `json:"downgrades"`
	Answers    uint64            `json:"completeAnswers"`
	Expired    uint64            `json:"expired"`
	PDUsIn     map[string]uint64 `json:"pdusReceived"`
	PDUsOut    map[string]uint64 `json:"pdusSent"`
	ErrorsIn   map[string]uint64 `json:"errorsReceived"`
	ErrorsOut  map[string]uint64 `json:"errorsSent"`
}

type dataChangesJSON struct {
	Count   int        `json:"count"`
	Added   int        `json:"vrpsAdded"`
	Removed int        `json:"vrpsRemoved"`
	States  int        `json:"statesChanged"`
	Took    float64    `json:"secondsTotal"`
	Longest float64    `json:"secondsLongest"`
	Last    float64    `json:"secondsLast"`
	LastAt  *time.Time `json:"lastAt,omitempty"`
}

func (c *call) statisticsAsJSON(s RPKIStatistics) statisticsJSON {
	d := s.Changes
	out := statisticsJSON{
		Routes: s.Routes, Neighbors: []neighborCountsJSON{}, Usable: s.Usable, IPv4: s.IPv4, IPv6: s.IPv6, ASPAs: s.ASPAs, Held: s.Held,
		Caches:  []cacheCountersJSON{},
		Changes: dataChangesJSON{d.Count, d.Added, d.Removed, d.States, d.Took.Seconds(), d.Longest.Seconds(), d.Last.Seconds(), known(d.LastAt)},
	}
	if s.Usable {
		out.Expires = known(s.Expires)
	}
	for _, n := range s.Neighbors {
		out.Neighbors = append(out.Neighbors, neighborCountsJSON{n.Neighbor.String(), n.AS, n.Role, n.RouteCounts})
	}
	for _, k := range s.Caches {
		out.Caches = append(out.Caches, cacheCountersJSON{
			cacheDetailAsJSON(k.RTRCache), c.age(k), k.Connects, k.Failures, k.Downgrades, k.Answers, k.Expired,
			k.PDUsIn, k.PDUsOut, k.ErrorsIn, k.ErrorsOut,
		})
	}
	return out
}

// known is nil for a time that never was.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// age is how old the data are, in seconds; nil for a cache that has no data.
func (c *call) age(k CacheCounters) *float64 {
	if !k.HasData {
		return nil
	}
	s := c.now().Sub(k.Updated).Seconds()
	return &s
}
