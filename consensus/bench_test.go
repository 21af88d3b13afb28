package consensus

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkPropose measures one write at a time on three nodes over TLS on
// loopback: until it is answered (applied on both triggers), and how long after
// the leader the other trigger had applied it.
func BenchmarkPropose(b *testing.B) {
	for _, at := range []string{"leader", "follower"} {
		for _, push := range []bool{true, false} {
			b.Run(fmt.Sprintf("at=%s/push=%v", at, push), func(b *testing.B) { benchPropose(b, at, push) })
		}
	}
}

func benchPropose(b *testing.B, at string, push bool) {
	nodes := realCluster(b)
	leader, other := nodes[0], nodes[1]
	if !leader.leads() {
		leader, other = other, leader
	}
	for _, n := range nodes {
		n.opt.tuning.noPush = !push // nothing is being proposed now
	}
	asked := map[string]*realNode{"leader": leader, "follower": other}[at]
	var mu sync.Mutex
	applied := map[*realNode]time.Time{}
	for _, n := range nodes[:2] {
		n.OnApply(func([]netip.Prefix, bool) {
			mu.Lock()
			applied[n] = time.Now()
			mu.Unlock()
		})
	}
	var answers, behind []time.Duration
	late := 0
	for i := 0; b.Loop(); i++ {
		p := fmt.Sprintf("10.%d.%d.%d/32", i>>16&255, i>>8&255, i&255)
		began := time.Now()
		r, err := asked.Propose(context.Background(), announce(p))
		if err != nil {
			b.Fatal(err)
		}
		late += len(r.Silent)
		answers = append(answers, time.Since(began))
		mu.Lock()
		behind = append(behind, applied[other].Sub(applied[leader]))
		mu.Unlock()
	}
	report := func(name string, all []time.Duration) {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
	report("answer", answers)
	report("behind", behind)
	b.ReportMetric(float64(late), "late")
}

// BenchmarkTogether measures writes that come from many sessions at once.
func BenchmarkTogether(b *testing.B) {
	nodes := realCluster(b)
	var mu sync.Mutex
	next := 0
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			i := next
			next++
			mu.Unlock()
			p := fmt.Sprintf("10.%d.%d.%d/32", i>>16&255, i>>8&255, i&255)
			if _, err := nodes[i%2].Propose(context.Background(), announce(p)); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}
