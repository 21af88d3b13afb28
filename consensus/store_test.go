package consensus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
)

// faultyStore fails where it is told to.
type faultyStore struct {
	raft.LogStore
	raft.StableStore
	failLog, failStable, failRead atomic.Bool
}

var errDiskFull = errors.New("no space left on device")

func (f *faultyStore) StoreLogs(l []*raft.Log) error {
	if f.failLog.Load() {
		return errDiskFull
	}
	return f.LogStore.StoreLogs(l)
}

func (f *faultyStore) GetLog(i uint64, l *raft.Log) error {
	if f.failRead.Load() {
		return errors.New("input/output error")
	}
	return f.LogStore.GetLog(i, l)
}

func (f *faultyStore) SetUint64(k []byte, v uint64) error {
	if f.failStable.Load() {
		return errDiskFull
	}
	return f.StableStore.SetUint64(k, v)
}

// openFaulty starts a simulated node on a store that can be made to fail. Real
// time is used here: a goroutine that Raft leaves behind must not be an error.
func (n *simNode) openFaulty(t *testing.T) *faultyStore {
	t.Helper()
	id, err := peer.LoadIdentity(n.dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDisk(n.dir, true, testLog(t, n.name))
	if err != nil {
		t.Fatal(err)
	}
	f := &faultyStore{LogStore: d.logs, StableStore: d.stable}
	d.logs, d.stable = f, f
	opt := Options{Dir: n.dir, Advertise: n.addr, BootWait: 10 * time.Second, Log: testLog(t, n.name), Alarms: n.alarms, Time: n.time(), tuning: n.sim.tune}
	if n.Node, err = openNode(opt, id, peer.Credentials{}, d, n.sim.wiring(n)); err != nil {
		t.Fatal(err)
	}
	n.mustBeReady()
	return f
}

func TestNodeWhoseLogFailsLeavesAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(f *faultyStore){
		"disk full when writing the log": func(f *faultyStore) { f.failLog.Store(true) },
		"disk full when electing":        func(f *faultyStore) { f.failStable.Store(true) },
		"log unreadable":                 func(f *faultyStore) { f.failRead.Store(true) },
		"everything fails":               func(f *faultyStore) { f.failLog.Store(true); f.failStable.Store(true); f.failRead.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, tuning{cached: 1}, twoTriggersAndWitness...)
			defer s.closeAll()
			sick := s.nodes[0]
			sick.down()
			f := sick.openFaulty(t)
			mustAccept(t, sick.Node, announce("203.0.113.1/32"))
			for !sick.leads() { // the leader has the most to lose
				_ = sick.TransferLeadership(context.Background(), sick.name)
				<-time.After(20 * time.Millisecond)
			}
			fail(f)
			if name == "disk full when electing" {
				// The others elect a leader without it; when it hears of the new
				// term it has to write that down.
				sick.isolate()
				eventually(t, "another leader", 10*time.Second, func() bool { return s.nodes[1].leads() })
				sick.heal()
			}
			ok := s.nodes[1]
			eventually(t, "the others accept writes", 15*time.Second, func() bool {
				_, err := ok.Propose(ctxFor(t, 5*time.Second), announce("203.0.113.2/32"))
				return err == nil
			})
			eventually(t, "alarm", 5*time.Second, func() bool { return sick.raised(alarm.StoreError) })
			if !sick.holds("203.0.113.1/32") {
				t.Error("the sick node dropped a route")
			}
			_, err := sick.Propose(ctxFor(t, 5*time.Second), announce("203.0.113.3/32"))
			var no *NotAccepted
			if !errors.As(err, &no) || no.Of != 0 || !strings.Contains(no.Why, "left the cluster: its log failed") {
				t.Errorf("the sick node says %v", err)
			}
			othersKnowWhoStopped(t, ok, sick)
		})
	}
}

// othersKnowWhoStopped: a node whose log failed still answers at its port. The
// others neither count its vote nor wait for it at each line, and say what it is.
func othersKnowWhoStopped(t *testing.T, ok, sick *simNode) {
	t.Helper()
	eventually(t, "an alarm at the others", 10*time.Second, func() bool { return ok.raised(alarm.MemberStopped) })
	began := time.Now()
	for range 5 {
		r, err := ok.Propose(ctxFor(t, 5*time.Second), announce("203.0.113.4/32"))
		if err != nil || len(r.Silent) != 1 || r.Silent[0] != (Silent{Name: sick.name}) {
			t.Errorf("accepted as %+v, %v", r, err)
		}
	}
	if took := time.Since(began); took >= 5*appliedWithin {
		t.Errorf("five lines took %v: each waited for %s", took, sick.name)
	}
	s := ok.Status(t.Context())
	if s.Reach != 2 || s.Voters != 3 || !s.Majority() {
		t.Errorf("reaches %d of %d voters", s.Reach, s.Voters)
	}
	for _, m := range s.Members {
		if m.CanStop != (m.Name == sick.name) || !m.Reachable || (m.Halted != "") != (m.Name == sick.name) {
			t.Errorf("%+v", m)
		}
	}
}

// damaged makes a cluster of one with entries, closes it and returns it.
func damaged(t *testing.T) *realNode {
	t.Helper()
	r := initReal(t)
	for _, p := range []string{"203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32"} {
		mustAccept(t, r.Node, announce(p))
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNothingStartsWithAnEmptyStateInThePlaceOfALostOne(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"raft directory gone": func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, raftDir))) },
		"log gone":            func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, raftDir, logFile))) },
		"log emptied":         func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, raftDir, logFile), 0)) },
		"log cut off":         func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, raftDir, logFile), 8192)) },
		"log overwritten": func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, raftDir, logFile), make([]byte, 65536), 0o600))
		},
		"end of the log gone": func(t *testing.T, dir string) {
			editLog(t, dir, func(d *disk, last uint64) error { return d.logs.DeleteRange(last, last) })
		},
		"hole in the log": func(t *testing.T, dir string) {
			editLog(t, dir, func(d *disk, last uint64) error { return d.logs.DeleteRange(3, 3) })
		},
		"start of the log gone": func(t *testing.T, dir string) {
			editLog(t, dir, func(d *disk, last uint64) error { return d.logs.DeleteRange(1, 2) })
		},
		"identity of another node": func(t *testing.T, dir string) {
			id, err := peer.LoadIdentity(dir)
			must(t, err)
			id.Incarnation++
			must(t, peer.SaveIdentity(dir, id))
		},
		"certificate gone": func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "node.crt"))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := damaged(t)
			damage(t, r.dir)
			n, err := Open(Options{Dir: r.dir, Listen: r.addr})
			if err == nil {
				_ = n.Close()
				t.Fatal("it started")
			}
			t.Log(err)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func editLog(t *testing.T, dir string, edit func(d *disk, last uint64) error) {
	t.Helper()
	d, err := openDisk(dir, false, testLog(t, "edit"))
	must(t, err)
	last, err := d.logs.LastIndex()
	must(t, errors.Join(err, edit(d, last), d.close()))
}

func TestUnreadableNewestSnapshotIsNotPassedOver(t *testing.T) {
	t.Parallel()
	r := initReal(t)
	for i := range 2 {
		mustAccept(t, r.Node, announce([]string{"203.0.113.1/32", "203.0.113.2/32"}[i]))
		must(t, r.life().raft.Snapshot().Error())
	}
	must(t, r.Close())
	found, err := filepath.Glob(filepath.Join(r.dir, raftDir, "snapshots", "*", "state.bin"))
	must(t, err)
	if len(found) != 2 {
		t.Fatalf("%d snapshots", len(found))
	}
	newest := found[0] // named TERM-INDEX-TIME: in the order of numbers, not of letters
	if snapshotIndex(t, found[1]) > snapshotIndex(t, found[0]) {
		newest = found[1]
	}
	b, err := os.ReadFile(newest)
	must(t, err)
	b[len(b)/2] ^= 1
	must(t, os.WriteFile(newest, b, 0o600))
	if _, err := Open(Options{Dir: r.dir, Listen: r.addr}); !errors.Is(err, ErrBroken) {
		t.Fatalf("with a damaged snapshot: %v", err)
	}
}

func snapshotIndex(t *testing.T, state string) uint64 {
	t.Helper()
	parts := strings.Split(filepath.Base(filepath.Dir(state)), "-")
	index, err := strconv.ParseUint(parts[1], 10, 64)
	must(t, err)
	return index
}

func TestASecondDaemonInTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	r := initReal(t)
	if n, err := Open(Options{Dir: r.dir, Listen: "127.0.0.1:0"}); err == nil {
		_ = n.Close()
		t.Fatal("two daemons on one log")
	}
}

func TestInitTwiceIsRefused(t *testing.T) {
	t.Parallel()
	r := damaged(t)
	err := Init(InitOptions{Dir: r.dir, Name: "trigger1", Advertise: r.addr})
	if !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("second init: %v", err)
	}
	r.open(t, "trigger1")
	if !r.holds("203.0.113.3/32") {
		t.Error("the refused init has damaged the node")
	}
}

func TestFailedInitLeavesTheDirectoryEmpty(t *testing.T) {
	dir := t.TempDir()
	if err := Init(InitOptions{Dir: dir, Name: "not a name", Advertise: "127.0.0.1:1"}); err == nil {
		t.Fatal("a name with blanks was taken")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
