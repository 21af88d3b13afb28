package consensus

import (
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// rhythm is how long a node that hears no leader waits before it stands for
// election. Raft draws the wait anew each time, between one and two of these,
// and begins it at a moment of its own: half of a second to nine tenths go by
// with 300 ms.
//
// Shorter than the usual second is harmless here. A node that only believes
// that the leader is gone asks first whether the others believe it too
// (pre-vote), so a stall of one node's process or link ends no leadership; and
// a leader that can't reach a majority for its lease, 250 ms, gives up by
// itself in any case.
type rhythm struct{ heartbeat, election time.Duration }

// A witness waits half as long again. When it stands at the same moment as the
// trigger that is left, each votes for itself and the cluster loses a whole
// round; and when it wins it only hands leadership on.
const witnessPatience = 3 // halves

func (n *Node) rhythm() rhythm {
	r := rhythm{n.opt.tuning.heartbeat, n.opt.tuning.election}
	if n.Role() == rtbh.Witness {
		r.heartbeat, r.election = r.heartbeat*witnessPatience/2, r.election*witnessPatience/2
	}
	return r
}

// keepRhythm tells a running Raft when the node's role has changed it: a
// witness that has just joined learns only from the state that it is one.
func (n *Node) keepRhythm(l *life) {
	l.rhythmMu.Lock()
	defer l.rhythmMu.Unlock()
	now := l.raft.ReloadableConfig()
	want := n.rhythm()
	if now.HeartbeatTimeout == want.heartbeat && now.ElectionTimeout == want.election {
		return
	}
	now.HeartbeatTimeout, now.ElectionTimeout = want.heartbeat, want.election
	if err := l.raft.ReloadConfig(now); err != nil {
		n.log.Error("raft does not take its timeouts", "err", err)
	}
}
