package consensus

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
)

// What the simulated network does of the port's work between lives: it keeps
// generations apart, tells the older side, and passes on who wants to come back.

// wiring connects the lives of a simulated node.
func (s *sim) wiring(n *simNode) wiring {
	return wiring{
		connect: func(nd *Node, l *life) (transport, error) {
			l.disk.logs = slowLog{l.disk.logs, &n.disk}
			t := s.net.open(n.addr, l.id, nd)
			t.mu.Lock()
			defer t.mu.Unlock()
			t.newer = func(r peer.Record) { nd.newerGeneration(r, nil) }
			return t, nil
		},
		rejoin: func(ctx context.Context, nd *Node, addr string) (rejoined, error) { return s.rejoin(ctx, n, nd, addr) },
	}
}

// slowLog is a log on a disk that takes its time.
type slowLog struct {
	raft.LogStore
	takes *atomic.Int64
}

func (l slowLog) StoreLogs(logs []*raft.Log) error {
	time.Sleep(time.Duration(l.takes.Load()))
	return l.LogStore.StoreLogs(logs)
}

// sameLife compares generations as the port's handshake does.
func (t *simTransport) sameLife(to *simTransport) bool {
	a, b := t.id.Record(), to.id.Record()
	if a == b {
		return true
	}
	if a.Generation < b.Generation {
		t.tellNewer(b)
	}
	if a.Generation > b.Generation {
		to.tellNewer(a)
	}
	return false
}

func (t *simTransport) tellNewer(r peer.Record) {
	t.mu.Lock()
	f := t.newer
	t.mu.Unlock()
	if f != nil {
		go f(r)
	}
}

// rejoin asks the leader through a member, as consensus/peer does, without the
// certificates.
func (s *sim) rejoin(ctx context.Context, n *simNode, nd *Node, addr string) (rejoined, error) {
	asked := s.net.reach(n.addr, addr)
	if asked == nil {
		return rejoined{}, errUnreachable
	}
	leader := asked.raft.book.(*Node)
	if id, leaderAddr, _, _ := leader.leader.get(); id != "" && leaderAddr != addr {
		t := s.net.reach(addr, leaderAddr)
		if t == nil || t.id.Record() != asked.id.Record() {
			return rejoined{}, errUnreachable
		}
		leader = t.raft.book.(*Node)
	}
	leader.joining.mu.Lock()
	defer leader.joining.mu.Unlock()
	if !leader.leads() {
		return rejoined{}, errors.New("the cluster has no leader now")
	}
	m, err := leader.readmit(ctx, peer.JoinAsk{JoinRequest: nd.joinRequest(), Holder: nd.identity().ServerID()}, true)
	if err != nil {
		return rejoined{}, err
	}
	id := leader.identity()
	id.Name, id.Incarnation = m.Name, m.Incarnation
	return rejoined{id: id, save: func(dir string) error { return peer.SaveIdentity(dir, id) }}, nil
}
