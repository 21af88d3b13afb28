package daemon

import (
	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/rpki"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// Statistics are the counters of this node.
func (v validation) Statistics() cli.RPKIStatistics {
	m := v.Metrics()
	out := cli.RPKIStatistics{
		Routes: routeCounts(m.Routes), Usable: m.Usable, IPv4: m.VRPs4, IPv6: m.VRPs6, ASPAs: m.ASPAs, Expires: m.Expires,
		Changes: cli.DataChanges{
			Count: m.Work.Changes, Added: m.Work.Added, Removed: m.Work.Removed, States: m.Work.Changed,
			Took: m.Work.Took, Longest: m.Work.Longest, Last: m.Last.Took, LastAt: m.Last.At,
		},
	}
	if h := m.Held; h != nil {
		out.Held = &cli.HeldLoss{Cache: h.Cache, Lost: h.Lost, Of: h.Of, Since: h.Since, Until: h.Until}
	}
	for _, n := range m.Neighbors {
		out.Neighbors = append(out.Neighbors, cli.NeighborCounts{Neighbor: n.Addr, AS: n.AS, Role: n.Role.String(), RouteCounts: routeCounts(n.Counts)})
	}
	for _, s := range m.Caches {
		out.Caches = append(out.Caches, cacheCounters(s))
	}
	return out
}

func routeCounts(c rpki.Counts) cli.RouteCounts { return cli.RouteCounts(c) }

func cacheCounters(s rtr.Status) cli.CacheCounters {
	types := func(i int) string { return rtr.Type(i).String() }
	codes := func(i int) string { return rtr.ErrorCode(i).String() }
	return cli.CacheCounters{
		RTRCache: cacheStatus(s), Connects: s.Connects, Failures: s.Failures, Downgrades: s.Downgrades, Answers: s.Epochs, Expired: s.Expired,
		PDUsIn: named(s.In[:], types), PDUsOut: named(s.Out[:], types), ErrorsIn: named(s.ErrorsIn[:], codes), ErrorsOut: named(s.ErrorsOut[:], codes),
	}
}

// named gives counters that are not zero their names. The last place is for what
// has none.
func named(all []uint64, name func(int) string) map[string]uint64 {
	out := map[string]uint64{}
	for i, n := range all {
		switch {
		case n == 0:
		case i == len(all)-1:
			out["other"] = n
		default:
			out[name(i)] = n
		}
	}
	return out
}
