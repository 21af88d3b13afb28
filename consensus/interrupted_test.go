package consensus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// halfMade leaves a directory as a kill in the middle of `triggerd init` does.
func halfMade(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "node")
	c, err := claim(dir)
	must(t, err)
	_, err = makeIdentity(dir, "trigger1")
	must(t, errors.Join(err, createDisk(dir)))
	must(t, os.WriteFile(filepath.Join(dir, ".identity.json.123"), []byte("{"), 0o600))
	must(t, c.lock.Close()) // as the end of the process does
	return dir
}

func TestInterruptedInitIsNamedAndCanBeTypedAgain(t *testing.T) {
	t.Parallel()
	dir, addr := halfMade(t), freeAddr(t)
	if _, err := Open(Options{Dir: dir, Listen: addr}); !errors.Is(err, peer.ErrUnfinished) || !strings.Contains(err.Error(), "type it again") {
		t.Errorf("started on half a node: %v", err)
	}
	must(t, Init(InitOptions{Dir: dir, Name: "trigger1", Advertise: addr}))
	r := &realNode{dir: dir, addr: addr}
	r.open(t, "trigger1")
	if !r.Ready(context.Background()) {
		t.Error("not confirmed")
	}
	for _, left := range []string{peer.UnfinishedFile, ".identity.json.123"} {
		if _, err := os.Lstat(filepath.Join(dir, left)); err == nil {
			t.Errorf("%s was left behind", left)
		}
	}
}

func TestInterruptedInitMakesRoomForAJoin(t *testing.T) {
	t.Parallel()
	a, dir := initReal(t), halfMade(t)
	token, err := a.Token(ctxFor(t, 5*time.Second), local, rtbh.Speaker, "", time.Minute)
	must(t, err)
	j, err := Join(ctxFor(t, 10*time.Second), JoinOptions{Dir: dir, Name: "pop1", Advertise: freeAddr(t), Token: token})
	must(t, err)
	if j.ID != "pop1#1" {
		t.Errorf("joined as %s", j.ID)
	}
	if _, err := peer.LoadCA(dir); !errors.Is(err, peer.ErrNoCAKey) {
		t.Errorf("the key of the CA that never was is still there: %v", err)
	}
}

func TestTwoAtOnceDoNotMakeANodeInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	c, err := claim(dir)
	must(t, err)
	if _, err := claim(dir); err == nil || !strings.Contains(err.Error(), "at work there") {
		t.Errorf("claimed twice: %v", err)
	}
	must(t, c.undo())
}

// A crash between the identity and the end of init leaves a whole node.
func TestCrashAfterTheIdentityIsAWholeNode(t *testing.T) {
	t.Parallel()
	r := damaged(t)
	must(t, os.WriteFile(filepath.Join(r.dir, peer.UnfinishedFile), nil, 0o600))
	if err := Init(InitOptions{Dir: r.dir, Name: "trigger1", Advertise: r.addr}); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("it was made anew: %v", err)
	}
	r.open(t, "trigger1")
	if !r.holds("203.0.113.3/32") {
		t.Error("its state is gone")
	}
	if _, err := os.Lstat(filepath.Join(r.dir, peer.UnfinishedFile)); err == nil {
		t.Error("the file is still there")
	}
}

func TestEachRefusalToStartSaysWhatToDo(t *testing.T) {
	for file, want := range map[string]string{
		"identity.json": "restore it from a copy, or move the directory away",
		"node.key":      "restore the file from a copy, or move the directory away",
		"node.crt":      "restore the file from a copy, or move the directory away",
		"ca.crt":        "restore the file from a copy, or move the directory away",
		"raft/log.db":   "nothing is started with an empty state in its place",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			for _, damage := range []func(string) error{os.Remove, func(p string) error { return os.Truncate(p, 20) }} {
				r := damaged(t)
				must(t, damage(filepath.Join(r.dir, file)))
				_, err := Open(Options{Dir: r.dir, Listen: r.addr})
				if err == nil || !strings.Contains(err.Error(), "triggerd token") || !strings.Contains(err.Error(), "triggerd restore") {
					t.Errorf("no way back in: %v", err)
				}
				if !strings.Contains(err.Error(), want) && !errors.Is(err, ErrBroken) && !errors.Is(err, peer.ErrCorruptIdentity) {
					t.Errorf("want %q in: %v", want, err)
				}
			}
		})
	}
}

// Without its mark a node does not know what of its log was committed. Alone it
// neither announces an old snapshot, which could bring back what was withdrawn,
// nor the log, which may hold what never was accepted.
func TestNodeWithoutItsMarkWaitsForTheCluster(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing": os.Remove,
		"zeroed":  func(p string) error { return os.WriteFile(p, make([]byte, markSize), 0o600) },
		"cut off": func(p string) error { return os.Truncate(p, 30) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSim(t, tuning{}, twoTriggersAndWitness...)
				defer s.closeAll()
				mustAccept(t, s.leader().Node, announce("10.0.0.1/32"))
				for _, n := range s.nodes {
					n.down()
				}
				a := s.nodes[0]
				must(t, damage(filepath.Join(a.dir, markFile)))
				a.up()
				ready := make(chan bool, 1)
				go func() { ready <- a.Ready(context.Background()) }()
				time.Sleep(5 * time.Minute)
				if len(ready) != 0 {
					t.Fatal("it went on alone")
				}
				if text := a.alarmed(alarm.StoreError); !strings.Contains(text, "triggerd recover") {
					t.Errorf("the alarm says %q", text)
				}
				s.nodes[1].up()
				if !<-ready || !a.holds("10.0.0.1/32") {
					t.Error("the cluster is there and it does not have its state")
				}
				if text := a.alarmed(alarm.StoreError); text != "" {
					t.Errorf("still: %s", text)
				}
			})
		})
	}
}

func TestNodeWithoutItsMarkCanBeRecovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		mustAccept(t, s.leader().Node, announce("10.0.0.1/32"))
		for _, n := range s.nodes {
			n.down()
		}
		a := s.nodes[0]
		must(t, os.Remove(filepath.Join(a.dir, markFile)))
		a.up()
		p, err := a.PlanRecovery(context.Background())
		must(t, err)
		if len(p.Tail) == 0 {
			t.Error("the plan hides that all of the log is of unknown fate")
		}
		must(t, a.Recover(context.Background(), local, p.Names()))
		if !a.Ready(context.Background()) || !a.holds("10.0.0.1/32") {
			t.Error("it is not back")
		}
	})
}
