package consensus

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// BenchmarkCrowd measures a customer's command beside few and beside very many
// blackholes of 1,000 customers, on three nodes over TLS with real files: how long
// until it is accepted (durable on a majority and applied on both triggers), how
// long a snapshot of all that takes, and the longest that a command waits while
// snapshots are made.
func BenchmarkCrowd(b *testing.B) {
	for _, holes := range []int{10, 100_000} {
		b.Run(fmt.Sprint(holes), func(b *testing.B) { benchCrowd(b, holes) })
	}
}

func benchCrowd(b *testing.B, holes int) {
	nodes := realCluster(b)
	crowdIn(b, nodes[0], holes)
	user := rtbh.Actor{User: "customer7", Door: rtbh.DoorSSH}
	x := crowdHole(7)
	x.Prefix = netip.MustParsePrefix("10.0.31.255/32") // of customer7, and not yet out
	toggle := func(i int) time.Duration {
		e := rtbh.Entry{Actor: user, Commands: []rtbh.Command{x}}
		if i%2 == 1 {
			e.Commands = []rtbh.Command{rtbh.Withdraw{Customer: x.Customer, Prefix: x.Prefix}}
		}
		began := time.Now()
		r, err := nodes[0].Propose(context.Background(), e)
		if err != nil {
			b.Fatal(err)
		}
		if refusal := r.Result.Outcomes[0].Refusal; refusal != nil {
			b.Fatal(refusal)
		}
		return time.Since(began)
	}
	var quiet, beside, snapshots []time.Duration
	i := 0
	for b.Loop() {
		quiet = append(quiet, toggle(i))
		i++
	}
	var done atomic.Bool
	go func() {
		defer done.Store(true)
		for range 5 {
			began := time.Now()
			if err := nodes[0].life().raft.Snapshot().Error(); err != nil {
				b.Error(err)
			}
			snapshots = append(snapshots, time.Since(began))
		}
	}()
	for !done.Load() {
		beside = append(beside, toggle(i))
		i++
	}
	report := func(name string, all []time.Duration) {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, name+"-p99-ms")
		b.ReportMetric(float64(all[len(all)-1].Microseconds())/1000, name+"-max-ms")
	}
	report("accept", quiet)
	report("beside-snapshot", beside)
	report("snapshot", snapshots)
}

// crowdIn puts 1,000 customers and their blackholes into the cluster.
func crowdIn(b *testing.B, n *realNode, holes int) {
	var all []rtbh.Command
	add := func(cmds ...rtbh.Command) {
		if all = append(all, cmds...); len(all) < 2000 {
			return
		}
		crowdPut(b, n, all)
		all = nil
	}
	for c := range 1000 {
		name := fmt.Sprintf("customer%d", c)
		add(rtbh.EditCustomer{Name: name}, rtbh.EditUser{Name: name, Value: rtbh.User{Role: rtbh.RoleCustomer, Customer: name}},
			rtbh.EditCustomer{Name: name, Field: rtbh.CustomerPrefixes, Value: rtbh.Customer{Prefixes: []netip.Prefix{
				netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(c / 64), byte(c % 64 * 4), 0}), 22)}}})
	}
	for i := range holes {
		add(crowdHole(i))
	}
	crowdPut(b, n, all)
}

func crowdHole(i int) rtbh.Announce {
	c := i % 1000
	a := netip.AddrFrom4([4]byte{10, byte(c / 64), byte(c % 64 * 4), byte(i / 1000)})
	return rtbh.Announce{Customer: fmt.Sprintf("customer%d", c), Prefix: netip.PrefixFrom(a, 32)}
}

func crowdPut(b *testing.B, n *realNode, cmds []rtbh.Command) {
	r, err := n.Propose(context.Background(), rtbh.Entry{Actor: local, Commands: cmds})
	if err != nil {
		b.Fatal(err)
	}
	for i, o := range r.Result.Outcomes {
		if o.Refusal != nil {
			b.Fatalf("%+v: %s", cmds[i], o.Refusal)
		}
	}
}
