package peer

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestRaftConnectionCarriesOctets(t *testing.T) {
	w := newWorld(t, "c1")
	a, b := w.node("trigger1"), w.node("trigger2")
	raft := b.RaftListener()
	if raft.Addr().String() != b.addr() {
		t.Fatalf("address %s", raft.Addr())
	}
	out, err := a.DialRaft(b.addr(), "trigger2#1", 5*time.Second)
	must(t, err)
	in, err := raft.Accept()
	must(t, err)
	go func() { _, _ = io.Copy(in, in) }()
	_, err = io.WriteString(out, "append entries")
	must(t, err)
	got := make([]byte, 14)
	_, err = io.ReadFull(out, got)
	must(t, err)
	if string(got) != "append entries" {
		t.Fatalf("%q", got)
	}
	must(t, out.Close())
	must(t, out.Close())
	eventually(t, "both ports have forgotten it", func() bool { return len(a.admitted()) == 0 })
}

func TestRaftStopsAndStartsOnTheSamePort(t *testing.T) {
	w := newWorld(t, "c1")
	a, b := w.node("trigger1"), w.node("trigger2")
	_, err := a.DialRaft(b.addr(), "", 5*time.Second)
	wantRefusal(t, err, NotReady, true)

	first := b.RaftListener()
	out, err := a.DialRaft(b.addr(), "", 5*time.Second)
	must(t, err)
	_, err = first.Accept()
	must(t, err)
	must(t, first.Close())
	if _, err := out.Read(make([]byte, 1)); err == nil {
		t.Fatal("a connection outlives its Raft")
	}
	_, err = a.DialRaft(b.addr(), "", 5*time.Second)
	wantRefusal(t, err, NotReady, true)
	must(t, a.say(b)) // calls go on

	second := b.RaftListener()
	must(t, first.Close()) // late, and of no effect
	_, err = a.DialRaft(b.addr(), "", 5*time.Second)
	must(t, err)
	_, err = second.Accept()
	must(t, err)
}

func TestDialHasATimeout(t *testing.T) {
	n := newWorld(t, "c1").node("trigger1")
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never speaks
	must(t, err)
	defer func() { _ = l.Close() }()
	began := time.Now()
	_, err = n.DialRaft(l.Addr().String(), "", 50*time.Millisecond)
	wantRefusal(t, err, Incomplete, false)
	if took := time.Since(began); took > 4*time.Second {
		t.Fatalf("took %v", took)
	}
}
