package bgp

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// BenchmarkDifference compares what is desired with what GoBGP was told: of one
// prefix, as at every write, and of everything, as in an audit.
func BenchmarkDifference(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		routes := make([]rtbh.Route, n)
		for i := range routes {
			routes[i] = hole(fmt.Sprintf("10.%d.%d.%d/32", i>>16&255, i>>8&255, i&255))
		}
		r := newReconciler(want(routes...), newFakeTable(), slog.New(slog.DiscardHandler), nil)
		own := r.dialects[0]
		for _, route := range routes {
			own.tell(route)
		}
		b.Run(fmt.Sprintf("one/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.difference(own, routes[:1], []netip.Prefix{routes[0].Prefix})
			}
		})
		b.Run(fmt.Sprintf("all/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.difference(own, routes, nil)
			}
		})
	}
}
