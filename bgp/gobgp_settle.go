package bgp

import (
	"context"
	"sync"
	"time"

	"github.com/osrg/gobgp/v4/api"
)

// GoBGP v4.8.0 loses what is written in a short window while a session comes
// up: it dumps the table to the neighbor, lets go of its lock, and only then
// stores the state Established. A write that gets the lock in between is in no
// dump and, as the neighbor is not established yet, goes to no neighbor. About
// one session in a hundred on a busy machine was seen to miss a route for good.
//
// GoBGP logs "Peer Up" on the session's goroutine before the dump and without a
// lock. settling waits there for the write in flight and holds back the next
// ones until the state is stored. So a write comes either before the dump and
// is in it, or after the state and is sent.
type settling struct {
	write sync.Mutex // held over every write to the table
	peers map[string]struct{}
	most  time.Duration // how long one neighbor can hold back writes
}

// settleMost is for a neighbor replaced under the same address; the window
// itself is microseconds.
const settleMost = time.Second

// comingUp is called by the session's goroutine before the dump.
func (s *settling) comingUp(addr string) {
	s.write.Lock()
	defer s.write.Unlock()
	s.peers[addr] = struct{}{}
}

// lockTable takes the right to write to the table, when no session is in the
// window. The caller unlocks e.settling.write.
func (e *engine) lockTable() {
	e.settling.write.Lock()
	for addr := range e.settling.peers {
		e.awaitSettled(addr)
		delete(e.settling.peers, addr)
	}
}

func (e *engine) awaitSettled(addr string) {
	wait := 20 * time.Microsecond
	for end := time.Now().Add(e.settling.most); time.Now().Before(end); wait *= 2 {
		if !e.inWindow(addr) {
			return
		}
		time.Sleep(wait)
	}
	e.warn.Warn("BGP session takes long to come up; routes written now may not reach it", "neighbor", addr)
}

// inWindow tells whether the neighbor's stored state is still the one before
// Established.
func (e *engine) inWindow(addr string) (yes bool) {
	_ = e.srv.ListPeer(context.Background(), &api.ListPeerRequest{Address: addr}, func(p *api.Peer) {
		yes = p.GetState().GetSessionState() == api.PeerState_SESSION_STATE_OPENCONFIRM
	})
	return yes
}
