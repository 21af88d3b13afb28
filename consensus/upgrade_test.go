package consensus

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Two binaries, this one and one with a version of the log and a command more,
// roll through a live cluster: speaker, followers, transfer, leader. Writes are
// accepted all the time, and nobody meets an entry that it can't read.
func TestNewBinaryIsRolledThroughALiveCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a second binary")
	}
	old, err := os.Executable()
	must(t, err)
	next := filepath.Join(t.TempDir(), "next.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "triggerd_next", "-o", next, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the next version: %v\n%s", err, out)
	}
	all := newProcs(t)
	for _, p := range all[1:] { // the first has no majority alone
		go p.up(old)
	}
	all[0].up(old)
	cluster := procCluster{t, all}
	cluster.until("all are there", func() bool { s := all[0].status(); return s.Fresh && s.Voting == 3 })

	stop, writes := make(chan struct{}), make(chan int)
	var written atomic.Int64
	go cluster.write(stop, &written, writes)
	upgrade := func(p *proc) {
		if s := p.status(); s.Unknown || s.Version != 1 {
			t.Errorf("before its upgrade %s: %+v", p.name, s)
		}
		p.down()
		p.up(next)
		cluster.until(p.name+" is back", func() bool { return p.status().Fresh })
	}
	speaker := all[3]
	upgrade(speaker)
	if got := speaker.says("newest early"); !strings.HasPrefix(got, "error") || strings.Contains(got, "not confirmed") {
		t.Errorf("a newer command while older binaries run: %q", got)
	}
	leader := cluster.leader()
	for _, p := range all[:3] {
		if p != leader {
			upgrade(p)
		}
	}
	if got := speaker.says("newest early"); !strings.HasPrefix(got, "error") {
		t.Errorf("with one older binary left: %q", got)
	}
	for _, p := range all[:2] {
		if p != leader {
			if got := leader.says("transfer %s", p.name); got != "ok" {
				t.Errorf("transfer: %s", got)
			}
		}
	}
	cluster.until("it leads no more", func() bool { l := cluster.leader(); return l != nil && l != leader })
	upgrade(leader)
	cluster.until("the version is raised", func() bool { return speaker.status().Version == 2 })
	if got := speaker.says("newest late"); got != "ok" {
		t.Errorf("a newer command after the upgrade: %s", got)
	}
	cluster.until("enough was written for this test to mean anything", func() bool { return written.Load() >= 10 })
	close(stop)
	accepted := <-writes
	for _, p := range all {
		cluster.until(p.name+" has it all", func() bool { s := p.status(); return s.Newest == 1 && s.Holes == accepted })
		if s := p.status(); s.Unknown || s.Speaks != 2 {
			t.Errorf("%s: %+v", p.name, s)
		}
	}
	t.Logf("%d writes accepted during the roll", accepted)
}

type procCluster struct {
	t   *testing.T
	all []*proc
}

func (c procCluster) until(what string, ok func() bool) {
	c.t.Helper()
	eventually(c.t, what, 60*time.Second, ok)
}

func (c procCluster) leader() *proc {
	c.t.Helper()
	name := c.all[3].status().Leader
	for _, p := range c.all {
		if p.name == name {
			return p
		}
	}
	return nil
}

// write announces one prefix after the other at whichever node is up; each must
// be accepted within the time that a node takes to answer.
func (c procCluster) write(stop chan struct{}, written *atomic.Int64, accepted chan<- int) {
	var once sync.Once
	n := 0
	for {
		select {
		case <-stop:
			accepted <- n
			return
		case <-time.After(20 * time.Millisecond):
		}
		p := c.all[n%len(c.all)]
		got := p.says("announce 10.9.%d.%d/32", n/256, n%256)
		for tries := 1; got == "" || got == "gone"; tries++ {
			p = c.all[(n+tries)%len(c.all)]
			got = p.says("announce 10.9.%d.%d/32", n/256, n%256)
		}
		if got != "ok" {
			once.Do(func() { c.t.Errorf("a write at %s during the upgrade: %s", p.name, got) })
		}
		n++
		written.Store(int64(n))
	}
}
