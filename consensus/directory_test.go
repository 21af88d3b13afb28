package consensus

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// While a large paste is applied the state is locked; heartbeats go on, and the
// node answers the others.
func TestMembersAreFoundWhileTheStateIsLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, tuning{}, twoTriggersAndWitness...)
		defer s.closeAll()
		n := s.leader()
		n.fsm.mu.Lock()
		defer n.fsm.mu.Unlock()
		found := make(chan bool, 1)
		go func() {
			ok := len(n.members()) == len(twoTriggersAndWitness)
			r := n.report()
			ok = ok && r.Applied > 0 && !r.Stopped
			for _, m := range n.members() {
				_, known := n.isMember(m.ServerID())
				_, err := n.member(m.Name)
				ok = ok && known && err == nil && n.addrOf(m.ServerID(), "") == m.Addr && n.serverAt(m.Addr) == m.ServerID()
			}
			found <- ok
		}()
		select {
		case ok := <-found:
			if !ok {
				t.Error("a member is not found, or the node not as it is")
			}
		case <-time.After(time.Second):
			t.Fatal("it waits for the state")
		}
	})
}

// The directory changes with the state, and is empty with an empty one.
func TestDirectoryIsThatOfTheState(t *testing.T) {
	f := newFSM(newLogClock(TimeSource{}.orSystem()))
	if all := f.directory.Load().all; len(all) != 0 {
		t.Fatalf("%v", all)
	}
	m := rtbh.Member{Name: "trigger1", Incarnation: 1, Addr: "192.0.2.1:7000", Role: rtbh.Voter}
	f.ApplyBatch(memberLog(1, rtbh.PutMember{Member: m}))
	m.Addr = "192.0.2.2:7000"
	f.ApplyBatch(memberLog(2, rtbh.PutMember{Member: m}))
	d := f.directory.Load()
	if len(d.all) != 1 || d.byName["trigger1"] != m || d.addrs["trigger1#1"] != m.Addr || d.byServer[m.Addr] != "trigger1#1" || d.byServer["192.0.2.1:7000"] != "" {
		t.Errorf("%+v", d)
	}
	f.hold()
	if all := f.directory.Load().all; len(all) != 0 {
		t.Errorf("with an empty state: %v", all)
	}
}

func memberLog(index uint64, c rtbh.PutMember) []*raft.Log {
	e := rtbh.Entry{Stamp: rtbh.Instant(index), Actor: rtbh.Actor{Door: rtbh.DoorNode, Node: "trigger1"}, Commands: []rtbh.Command{c}}
	return []*raft.Log{{Index: index, Term: 1, Type: raft.LogCommand, Data: e.Encode()}}
}
