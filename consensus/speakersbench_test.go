package consensus

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// BenchmarkFiftySpeakers has 3 voters and 50 speakers in one process, over an
// in-memory network in real time, and measures until a write is committed and
// until all 52 announcing nodes have applied it; with the commit push, and
// without it, when followers wait for CommitTimeout.
func BenchmarkFiftySpeakers(b *testing.B) {
	for _, push := range []bool{true, false} {
		b.Run(fmt.Sprintf("push=%v", push), func(b *testing.B) { benchSpeakers(b, 50, push) })
	}
}

func benchSpeakers(b *testing.B, speakers int, push bool) {
	roles := slices.Concat(twoTriggersAndWitness, slices.Repeat([]rtbh.MemberRole{rtbh.Speaker}, speakers))
	s := newSim(b, tuning{noPush: !push}, roles...)
	b.Cleanup(s.closeAll)
	var mu sync.Mutex
	last := map[*simNode]time.Time{}
	var left sync.WaitGroup
	var waiting string
	for _, n := range s.nodes {
		if n.Role() == rtbh.Witness {
			continue
		}
		n.OnApply(func(changed []netip.Prefix, _ bool) {
			mu.Lock()
			defer mu.Unlock()
			if len(changed) == 1 && changed[0].String() == waiting {
				last[n] = time.Now()
				left.Done()
			}
		})
	}
	var acknowledged, everywhere []time.Duration
	for i := 0; b.Loop(); i++ {
		p := fmt.Sprintf("10.%d.%d.%d/32", 100+i>>16, i>>8&255, i&255)
		mu.Lock()
		waiting = p
		mu.Unlock()
		left.Add(len(s.nodes) - 1)
		began := time.Now()
		if _, err := s.leader().commit(context.Background(), withRequest(announce(p), i)); err != nil {
			b.Fatal(err)
		}
		acknowledged = append(acknowledged, time.Since(began))
		left.Wait()
		mu.Lock()
		newest := began
		for _, at := range last {
			if at.After(newest) {
				newest = at
			}
		}
		mu.Unlock()
		everywhere = append(everywhere, newest.Sub(began))
	}
	for name, all := range map[string][]time.Duration{"commit": acknowledged, "everywhere": everywhere} {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
}

func withRequest(e rtbh.Entry, i int) rtbh.Entry {
	e.Request = rtbh.RequestID{1, byte(i >> 16), byte(i >> 8), byte(i)}
	return e
}

// BenchmarkCheckpoint measures what a checkpoint of 100,000 blackholes costs:
// the time that it holds up the state machine, and the digest beside it.
func BenchmarkCheckpoint(b *testing.B) {
	st := rtbh.NewState()
	st.Apply(1, rtbh.Entry{Actor: local, Commands: []rtbh.Command{
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerExists},
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerPrefixes, Value: rtbh.Customer{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerMaxBlackholes, Value: rtbh.Customer{MaxBlackholes: 1000000}},
	}})
	for i := range 100000 {
		st.Apply(uint64(i+2), announce(fmt.Sprintf("10.%d.%d.%d/32", i>>16, i>>8&255, i&255)))
	}
	if n := len(st.Blackholes("", 0)); n != 100000 {
		b.Fatalf("%d blackholes", n)
	}
	var copying, hashing time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		c := st.Clone()
		copying += time.Since(began)
		began = time.Now()
		_ = c.Digest()
		hashing += time.Since(began)
		n++
	}
	b.ReportMetric(float64(copying.Microseconds())/1000/float64(n), "held-up-ms")
	b.ReportMetric(float64(hashing.Microseconds())/1000/float64(n), "digest-ms")
}
