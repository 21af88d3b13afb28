package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The simulated cluster: whole nodes on real files, with Raft and calls over a
// network in memory whose links can be cut, in the virtual time of synctest.

// simNet connects transports by address.
type simNet struct {
	mu     sync.Mutex
	nodes  map[string]*simTransport
	cut    map[[2]string]bool // directed: from, to
	delay  time.Duration      // of calls, one way
	tamper func(from, to string, req *raft.AppendEntriesRequest) tampering
	spoken atomic.Int64 // AppendEntries of any kind
}

type simTransport struct {
	net  *simNet
	addr string
	id   peer.Identity
	raft *simRaft

	mu       sync.Mutex
	handlers map[string]handler
	newer    func(peer.Record) // a generation above this node's was met
	closed   bool
	ctx      context.Context
	cancel   context.CancelFunc
}

// simRaft is raft's in-memory transport with the commit pushes in our hands.
type simRaft struct {
	*raft.InmemTransport
	net  *simNet
	addr string
	book addressBook
}

func (r *simRaft) at(id raft.ServerID, otherwise raft.ServerAddress) raft.ServerAddress {
	return raft.ServerAddress(r.book.addrOf(string(id), string(otherwise)))
}

func (r *simRaft) AppendEntriesPipeline(id raft.ServerID, a raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := r.InmemTransport.AppendEntriesPipeline(id, r.at(id, a))
	if err != nil {
		return nil, err
	}
	return heardPipeline{p, r.net}, nil
}

func (r *simRaft) RequestVote(id raft.ServerID, a raft.ServerAddress, q *raft.RequestVoteRequest, p *raft.RequestVoteResponse) error {
	return r.InmemTransport.RequestVote(id, r.at(id, a), q, p)
}

func (r *simRaft) RequestPreVote(id raft.ServerID, a raft.ServerAddress, q *raft.RequestPreVoteRequest, p *raft.RequestPreVoteResponse) error {
	return r.InmemTransport.RequestPreVote(id, r.at(id, a), q, p)
}

func (r *simRaft) InstallSnapshot(id raft.ServerID, a raft.ServerAddress, q *raft.InstallSnapshotRequest, p *raft.InstallSnapshotResponse, data io.Reader) error {
	return r.InmemTransport.InstallSnapshot(id, r.at(id, a), q, p, data)
}

func (r *simRaft) TimeoutNow(id raft.ServerID, a raft.ServerAddress, q *raft.TimeoutNowRequest, p *raft.TimeoutNowResponse) error {
	return r.InmemTransport.TimeoutNow(id, r.at(id, a), q, p)
}

func (r *simRaft) AppendEntries(id raft.ServerID, target raft.ServerAddress, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	r.net.spoken.Add(1)
	push := len(req.Entries) == 0 && req.PrevLogEntry > 0 && req.PrevLogEntry == req.LeaderCommitIndex
	target = r.at(id, target)
	r.net.mu.Lock()
	tamper := r.net.tamper
	r.net.mu.Unlock()
	if tamper == nil || !push {
		return r.InmemTransport.AppendEntries(id, target, req, resp)
	}
	t := tamper(r.addr, string(target), req)
	if t.drop {
		return fmt.Errorf("dropped: %w", peer.ErrUnreachable) // not an old connection, so not at once again
	}
	if t.delay > 0 {
		time.Sleep(t.delay)
	}
	if t.twice {
		copied := *req
		var again raft.AppendEntriesResponse
		_ = r.InmemTransport.AppendEntries(id, target, &copied, &again)
	}
	return r.InmemTransport.AppendEntries(id, target, req, resp)
}

func (s *simNet) lag() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delay
}

// set changes how the network behaves.
func (s *simNet) set(f func(s *simNet)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *simNet) open(addr string, id peer.Identity, book addressBook) *simTransport {
	_, inmem := raft.NewInmemTransport(raft.ServerAddress(addr))
	t := &simTransport{net: s, addr: addr, id: id, handlers: map[string]handler{}, raft: &simRaft{inmem, s, addr, book}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	s.mu.Lock()
	s.nodes[addr] = t
	s.mu.Unlock()
	s.wire()
	return t
}

// wire brings raft's links in line with what is cut.
func (s *simNet) wire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from, a := range s.nodes {
		for to, b := range s.nodes {
			if from == to {
				continue
			}
			if s.cut[[2]string{from, to}] || a.id.Record() != b.id.Record() {
				a.raft.Disconnect(raft.ServerAddress(to))
			} else {
				a.raft.Connect(raft.ServerAddress(to), b.raft.InmemTransport)
			}
		}
	}
}

func (t *simTransport) raftTransport() raft.Transport { return t.raft }
func (t *simTransport) recheck()                      {}

func (t *simTransport) setCredentials(peer.Credentials) error { return nil }

func (t *simTransport) handle(kind string, h handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handlers[kind] = h
}

func (t *simTransport) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.net.mu.Lock()
	if t.net.nodes[t.addr] == t {
		delete(t.net.nodes, t.addr)
		for _, other := range t.net.nodes {
			other.raft.Disconnect(raft.ServerAddress(t.addr))
		}
	}
	t.net.mu.Unlock()
	_ = t.raft.Close()
}

func (s *simNet) reach(from, to string) *simTransport {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut[[2]string{from, to}] || s.cut[[2]string{to, from}] {
		return nil
	}
	return s.nodes[to]
}

func (t *simTransport) call(ctx context.Context, addr, serverID, kind string, body []byte) ([]byte, error) {
	to := t.net.reach(t.addr, addr)
	if to == nil || !t.sameLife(to) || to.id.ServerID() != serverID {
		return nil, errUnreachable
	}
	time.Sleep(t.net.lag())
	to.mu.Lock()
	h := to.handlers[kind]
	to.mu.Unlock()
	if h == nil {
		return nil, &remoteError{text: "unknown kind", notRun: true}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(to.ctx, cancel)()
	type answer struct {
		out []byte
		err error
	}
	got := make(chan answer, 1)
	go func() {
		out, err := h(ctx, t.id, body)
		got <- answer{out, err}
	}()
	select {
	case a := <-got:
		time.Sleep(t.net.lag())
		if t.net.reach(t.addr, addr) != to {
			return nil, errLost
		}
		if a.err != nil {
			return nil, &remoteError{text: a.err.Error()}
		}
		return a.out, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errLost, ctx.Err())
	}
}

// sim is a simulated cluster.
type sim struct {
	t     testing.TB
	net   *simNet
	start time.Time
	nodes []*simNode
	tune  tuning
}

// simNode is a node that can be stopped and started again.
type simNode struct {
	*Node
	sim    *sim
	name   string
	addr   string
	dir    string
	alarms *alarm.Registry
	skew   atomic.Int64 // of its wall clock, a duration
	disk   atomic.Int64 // how long a write to its log takes, a duration
	boot   string       // boot id; changes when its machine restarts
	bootAt time.Time
}

// newSim makes a cluster of the given roles, all voters already promoted.
func newSim(t testing.TB, tune tuning, roles ...rtbh.MemberRole) *sim {
	t.Helper()
	tune.noSync = true
	s := &sim{t: t, net: newSimNet(), start: time.Now(), tune: tune}
	first := s.add("trigger1")
	err := Init(InitOptions{Dir: first.dir, Name: first.name, Advertise: first.addr, Time: first.time(), Commands: []rtbh.Command{
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerExists},
		rtbh.EditCustomer{Name: "acme", Field: rtbh.CustomerPrefixes, Value: rtbh.Customer{Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("10.0.0.0/8")}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	first.up()
	first.mustBeReady()
	for i, role := range roles[1:] {
		s.enroll(fmt.Sprintf("%s%d", map[bool]string{true: "witness", false: "trigger"}[role == rtbh.Witness], i+2), role, 1)
	}
	return s
}

func (s *sim) add(name string) *simNode {
	n := &simNode{sim: s, name: name, addr: name + ":7600", dir: filepath.Join(s.t.TempDir(), name), boot: "boot-1", bootAt: s.start}
	n.alarms = alarm.New(testLog(s.t, name))
	s.nodes = append(s.nodes, n)
	return n
}

// enroll adds a member as join does, without the certificates.
func (s *sim) enroll(name string, role rtbh.MemberRole, incarnation uint32) *simNode {
	s.t.Helper()
	n := s.add(name)
	leader := s.leader()
	if err := leader.propose(context.Background(), leader.asNode(), rtbh.PutMember{Member: rtbh.Member{
		Name: name, Incarnation: incarnation, Role: role, Addr: n.addr, Joined: leader.Now(), Speaks: rtbh.Speaks,
	}}); err != nil {
		s.t.Fatalf("enroll %s: %v", name, err)
	}
	n.makeDir(leader.identity(), incarnation)
	n.up()
	n.mustBeReady()
	if role.Votes() {
		s.until(name+" votes", func() bool { return contains(s.leader().voters(), n.identity().ServerID()) })
	}
	return n
}

func (n *simNode) makeDir(like peer.Identity, incarnation uint32) {
	id := like
	id.Name, id.Incarnation = n.name, incarnation
	c, err := claim(n.dir)
	if err != nil {
		n.sim.t.Fatal(err)
	}
	defer func() { must2(n.sim.t, c.done()) }()
	ca, err := peer.LoadCA(n.sim.nodes[0].dir)
	if err != nil {
		n.sim.t.Fatal(err)
	}
	if err := errors.Join(createDisk(n.dir), peer.SaveCA(n.dir, ca), peer.SaveIdentity(n.dir, id)); err != nil {
		n.sim.t.Fatal(err)
	}
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

func (n *simNode) time() TimeSource {
	bootAt := n.bootAt // what a life has left running goes on by its own
	return TimeSource{
		Boot:   func() time.Duration { return time.Since(bootAt) },
		Wall:   func() time.Time { return time.Now().Add(time.Duration(n.skew.Load())) },
		BootID: n.boot,
	}
}

// open starts the node and returns what Open says.
func (n *simNode) open() error {
	id, err := peer.LoadIdentity(n.dir)
	if err != nil {
		return err
	}
	opt := Options{Dir: n.dir, Advertise: n.addr, BootWait: 10 * time.Second, Log: testLog(n.sim.t, n.name), Alarms: n.alarms, Time: n.time(), tuning: n.sim.tune}
	creds, _ := peer.LoadCredentials(n.dir) // most have none: nothing here checks them
	n.Node, err = openIn(opt, id, creds, n.sim.wiring(n))
	return err
}

func (n *simNode) up() {
	n.sim.t.Helper()
	if err := n.open(); err != nil {
		n.sim.t.Fatalf("start %s: %v", n.name, err)
	}
}

func (n *simNode) mustBeReady() {
	n.sim.t.Helper()
	if !n.Ready(context.Background()) {
		n.sim.t.Fatalf("%s is not confirmed", n.name)
	}
}

// down stops the node as a kill does: it tells nobody.
func (n *simNode) down() {
	n.sim.t.Helper()
	n.isolate()
	if err := n.Close(); err != nil {
		n.sim.t.Errorf("close %s: %v", n.name, err)
	}
	n.heal()
	n.Node = nil
}

// reboot changes the machine's boot id and lets its boot clock begin again.
func (n *simNode) reboot() { n.boot, n.bootAt = n.boot+"x", time.Now() }

func (n *simNode) cutFrom(others ...*simNode) { n.link(true, others...) }

func (n *simNode) link(cut bool, others ...*simNode) {
	n.sim.net.mu.Lock()
	for _, o := range others {
		n.sim.net.cut[[2]string{n.addr, o.addr}] = cut
		n.sim.net.cut[[2]string{o.addr, n.addr}] = cut
	}
	n.sim.net.mu.Unlock()
	n.sim.net.wire()
}

func (n *simNode) others() (all []*simNode) {
	for _, o := range n.sim.nodes {
		if o != n {
			all = append(all, o)
		}
	}
	return all
}

func (n *simNode) isolate() { n.link(true, n.others()...) }
func (n *simNode) heal()    { n.link(false, n.others()...) }

// leader waits for a node that leads.
func (s *sim) leader() (l *simNode) {
	s.t.Helper()
	s.until("somebody leads", func() bool {
		for _, n := range s.nodes {
			if n.Node != nil && n.leads() {
				l = n
				return true
			}
		}
		return false
	})
	return l
}

// until waits in virtual time.
func (s *sim) until(what string, ok func() bool) {
	s.t.Helper()
	for range 3000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("never: %s", what)
}

// closeAll stops everything; synctest demands that nothing is left running.
func (s *sim) closeAll() {
	for _, n := range s.nodes {
		if n.Node != nil {
			if err := n.Close(); err != nil {
				s.t.Errorf("close %s: %v", n.name, err)
			}
		}
	}
}

func (s *sim) running() (all []*simNode) {
	for _, n := range s.nodes {
		if n.Node != nil {
			all = append(all, n)
		}
	}
	return all
}

// follower returns a trigger that does not lead.
func (s *sim) follower() *simNode {
	l := s.leader()
	for _, n := range s.running() {
		if n != l && n.Role() == rtbh.Voter {
			return n
		}
	}
	s.t.Fatal("no follower")
	return nil
}

// digest returns the digest of a node's state and its index.
func (n *simNode) digest() (d [32]byte, index uint64) {
	n.View(func(s *rtbh.State, _ rtbh.Instant) { d, index = s.Digest(), s.Index() })
	return d, index
}

// mustAgree waits until all running nodes are at the same index and compares.
func (s *sim) mustAgree() {
	s.t.Helper()
	all := s.running()
	s.until("all are at the same index", func() bool {
		_, first := all[0].digest()
		for _, n := range all[1:] {
			if _, i := n.digest(); i != first {
				return false
			}
		}
		return true
	})
	want, index := all[0].digest()
	for _, n := range all[1:] {
		if d, i := n.digest(); d != want || i != index {
			s.t.Errorf("%s at %d has digest %x, %s at %d has %x", n.name, i, d[:4], all[0].name, index, want[:4])
		}
	}
}
