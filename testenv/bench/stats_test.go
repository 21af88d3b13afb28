package bench

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func ms(all ...int) (out []time.Duration) {
	for _, n := range all {
		out = append(out, time.Duration(n)*time.Millisecond)
	}
	return out
}

func TestPercentilesAreValuesThatWereMeasured(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, c := range []struct {
		in            []int
		p50, p99, max int
	}{
		{nil, 0, 0, 0},
		{[]int{7}, 7, 7, 7},
		{[]int{9, 1}, 1, 9, 9},
		{[]int{3, 1, 2}, 2, 3, 3},
		{hundred, 50, 99, 100},
		{append(hundred, 101), 51, 100, 101},
	} {
		s := spreadOf(ms(c.in...))
		want := spread{len(c.in), ms(c.p50)[0], ms(c.p99)[0], ms(c.max)[0]}
		if s != want {
			t.Errorf("%d values: %+v, want %+v", len(c.in), s, want)
		}
	}
}

// A percentile by its definition: the smallest value that so many do not exceed.
func TestPercentilesAgreeWithTheirDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 300).Draw(t, "all")
		s := spreadOf(ms(all...))
		for percent, got := range map[int]time.Duration{50: s.P50, 99: s.P99, 100: s.Max} {
			below, upTo := 0, 0
			for _, v := range ms(all...) {
				if v < got {
					below++
				}
				if v <= got {
					upTo++
				}
			}
			if 100*upTo < percent*len(all) || 100*below >= percent*len(all) {
				t.Fatalf("p%d = %v of %v: %d below, %d up to it", percent, got, all, below, upTo)
			}
		}
	})
}
