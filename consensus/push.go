package consensus

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// pushFirst and pushLast bound the waits, each twice the one before, after which
// a peer that does not hold the entry yet is asked again. Then the log stream
// tells it, which looks at the peer every CommitTimeout.
const (
	pushFirst = time.Millisecond
	pushLast  = 128 * time.Millisecond
)

// pusher tells the peers at once what a leader has committed; see the package
// comment for why that is safe.
type pusher struct {
	raft  *raft.Raft
	trans raft.Transport
	id    raft.ServerID
	stop  chan struct{}

	mu     sync.Mutex
	closed bool
	peers  map[raft.ServerID]*pushPeer
	wg     sync.WaitGroup
}

// commitPoint is an entry that is known to be committed in its own term.
type commitPoint struct{ index, term uint64 }

type pushPeer struct {
	addr raft.ServerAddress
	next chan commitPoint // one slot: only the newest counts
	gone chan struct{}
}

func newPusher(r *raft.Raft, t raft.Transport, id raft.ServerID) *pusher {
	return &pusher{raft: r, trans: t, id: id, stop: make(chan struct{}), peers: map[raft.ServerID]*pushPeer{}}
}

// committed is called by the state machine for each batch, before it applies.
func (p *pusher) committed(index, term uint64) {
	if !p.leads(term) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	live := p.raft.GetConfiguration().Configuration().Servers
	p.follow(live)
	for _, peer := range p.peers {
		peer.offer(commitPoint{index, term})
	}
}

// leads tells whether this node is the leader of a term. The term is read on
// both sides of the state: terms only rise, so it led that very term.
func (p *pusher) leads(term uint64) bool {
	before := p.raft.CurrentTerm()
	leader := p.raft.State() == raft.Leader
	return leader && before == term && p.raft.CurrentTerm() == term
}

// follow keeps one goroutine for each server of the configuration.
func (p *pusher) follow(live []raft.Server) {
	in := map[raft.ServerID]bool{}
	for _, s := range live {
		if s.ID == p.id {
			continue
		}
		in[s.ID] = true
		if old, ok := p.peers[s.ID]; ok {
			if old.addr == s.Address {
				continue
			}
			close(old.gone)
		}
		peer := &pushPeer{addr: s.Address, next: make(chan commitPoint, 1), gone: make(chan struct{})}
		p.peers[s.ID] = peer
		p.wg.Add(1)
		go p.run(s.ID, peer)
	}
	for id, peer := range p.peers {
		if !in[id] {
			close(peer.gone)
			delete(p.peers, id)
		}
	}
}

// offer puts a point into the slot, in place of an older one.
func (p *pushPeer) offer(c commitPoint) {
	for {
		select {
		case p.next <- c:
			return
		default:
		}
		select {
		case <-p.next:
		default:
		}
	}
}

func (p *pusher) run(id raft.ServerID, peer *pushPeer) {
	defer p.wg.Done()
	for {
		select {
		case c := <-peer.next:
			p.push(id, peer, c)
		case <-peer.gone:
			return
		case <-p.stop:
			return
		}
	}
}

// push sends one point, and again while the peer's log is still behind it.
func (p *pusher) push(id raft.ServerID, peer *pushPeer, c commitPoint) {
	for wait := pushFirst; p.leads(c.term) && p.behind(id, peer, c) && wait <= pushLast; wait *= 2 {
		select {
		case <-time.After(wait):
		case newer := <-peer.next:
			c = newer
		case <-peer.gone:
			return
		case <-p.stop:
			return
		}
	}
}

// behind sends one point. It is true when the peer answers that its log does not
// reach that far. Of a peer that doesn't answer the log stream and its own errors
// say enough; but that a connection is an old one proves nothing.
func (p *pusher) behind(id raft.ServerID, peer *pushPeer, c commitPoint) bool {
	var resp raft.AppendEntriesResponse
	err := overFresh(func() error {
		resp = raft.AppendEntriesResponse{}
		return p.trans.AppendEntries(id, peer.addr, p.request(c), &resp)
	})
	return err == nil && !resp.Success && resp.Term <= c.term && resp.LastLog < c.index
}

func (p *pusher) request(c commitPoint) *raft.AppendEntriesRequest {
	self := p.trans.EncodePeer(p.id, p.trans.LocalAddr())
	return &raft.AppendEntriesRequest{
		RPCHeader:         raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(p.id), Addr: self},
		Term:              c.term,
		PrevLogEntry:      c.index,
		PrevLogTerm:       c.term,
		LeaderCommitIndex: c.index,
	}
}

// end makes the goroutines stop; a call under way ends with the transport, so
// wait comes after that is closed.
func (p *pusher) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.stop)
	}
}

func (p *pusher) wait() { p.wg.Wait() }
