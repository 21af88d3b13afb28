package consensus

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func TestBackupMakesANewClusterWithTheSameBlackholes(t *testing.T) {
	old := initReal(t)
	mustAccept(t, old.Node, announce("203.0.113.1/32"))
	mustAccept(t, old.Node, announce("203.0.113.2/32"))
	mustAccept(t, old.Node, withdraw("203.0.113.2/32"))
	var file bytes.Buffer
	info, err := old.Backup(&file)
	must(t, err)
	if info.Customers != 1 || info.Blackholes != 1 || info.Cluster != old.ClusterID() {
		t.Errorf("%+v", info)
	}
	mustAccept(t, old.Node, announce("203.0.113.3/32")) // after the backup
	checked, err := CheckBackup(bytes.NewReader(file.Bytes()))
	if err != nil || checked != info {
		t.Errorf("checked: %+v, %v", checked, err)
	}

	a := &realNode{dir: filepath.Join(t.TempDir(), "new"), addr: freeAddr(t)}
	_, err = Restore(InitOptions{Dir: a.dir, Name: "fresh1", Advertise: a.addr, Version: "test"}, bytes.NewReader(file.Bytes()))
	must(t, err)
	a.open(t, "fresh1")
	if !a.holds("203.0.113.1/32") || a.holds("203.0.113.2/32") || a.holds("203.0.113.3/32") {
		t.Error("the blackholes are not those of the backup")
	}
	if !a.Ready(context.Background()) {
		t.Error("not confirmed")
	}
	if a.ClusterID() == old.ClusterID() {
		t.Error("two clusters of one id")
	}
	a.View(func(s *rtbh.State, _ rtbh.Instant) {
		if m := s.Members(); len(m) != 1 || m[0].Name != "fresh1" || s.ClusterID() != a.ClusterID() {
			t.Errorf("members: %+v", m)
		}
	})
	b := a.join(t, "fresh2", rtbh.Voter)
	mustAccept(t, b.Node, withdraw("203.0.113.1/32"))
	mustAccept(t, b.Node, announce("203.0.113.4/32"))
	must(t, a.Close())
	a.open(t, "fresh1")
	if !a.Ready(context.Background()) || a.holds("203.0.113.1/32") || !a.holds("203.0.113.4/32") {
		t.Error("after a restart the state is another one")
	}
	if _, err := Restore(InitOptions{Dir: a.dir, Name: "fresh1", Advertise: a.addr}, bytes.NewReader(file.Bytes())); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a living node: %v", err)
	}
}

func TestDamagedBackupIsRefusedAndLeavesNothing(t *testing.T) {
	old := initReal(t)
	mustAccept(t, old.Node, announce("203.0.113.1/32"))
	var file bytes.Buffer
	_, err := old.Backup(&file)
	must(t, err)
	whole := file.Bytes()
	for at := 0; at < len(whole); at += 97 {
		bad := bytes.Clone(whole)
		bad[at] ^= 0x10
		if _, err := CheckBackup(bytes.NewReader(bad)); err == nil {
			t.Fatalf("bit flipped at %d of %d: not seen", at, len(whole))
		}
	}
	for _, n := range []int{0, 7, 40, len(whole) / 2, len(whole) - 1} {
		dir := filepath.Join(t.TempDir(), "n")
		if _, err := Restore(InitOptions{Dir: dir, Name: "x", Advertise: "127.0.0.1:1"}, bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("cut off at %d: restored", n)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("cut off at %d: %v left behind", n, left)
		}
	}
}

func FuzzCheckBackup(f *testing.F) {
	f.Add([]byte(backupMagic))
	f.Add(append([]byte(backupMagic), make([]byte, 100)...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = CheckBackup(bytes.NewReader(b)) // must not panic
	})
}
