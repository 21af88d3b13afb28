package bench

import (
	"math"
	"slices"
	"time"
)

// spread is what a column says of many tries.
type spread struct {
	N             int
	P50, P99, Max time.Duration
}

// spreadOf takes the nearest-rank percentiles: each is a value that was measured,
// and the 99th of fewer than 100 is the largest.
func spreadOf(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(all))
	return spread{N: len(sorted), P50: rank(sorted, 50), P99: rank(sorted, 99), Max: sorted[len(sorted)-1]}
}

// rank returns the smallest value that at least p percent do not exceed.
func rank(sorted []time.Duration, p float64) time.Duration {
	i := int(math.Ceil(p/100*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
