package consensus

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Status is the cluster as this node sees it.
type Status struct {
	Cluster    string        // id
	Generation uint64        // raised by each recovery
	Name       string        // of this node
	Leader     string        // name; "" when none is known
	Leaderless time.Duration // how long none has been known; 0 with a leader
	Term       uint64
	LastIndex  uint64 // last entry in this node's log
	Commit     uint64 // known to be committed
	Applied    uint64 // this node's state
	Now        rtbh.Instant
	Confirmed  bool // the cluster has confirmed this node's state since it started
	Voters     int
	Reach      int            // voters that answer, this node included
	Members    []MemberStatus // by name
}

// Majority tells whether a majority of the voters can be reached.
func (s Status) Majority() bool { return s.Reach > s.Voters/2 }

// MemberStatus is one member.
type MemberStatus struct {
	rtbh.Member
	Self        bool
	Leader      bool
	Votes       bool // Raft counts it now; a new voter does not until it has caught up
	Reachable   bool
	Silent      time.Duration // since it last answered; 0 while it is reachable
	Applied     uint64        // as of its last answer
	LastIndex   uint64
	Term        uint64
	Running     string // version of the binary that answered
	Confirmed   bool
	Stopped     bool   // its state machine or its log has stopped
	Halted      string // why it has stopped for good; "" when it has not, or comes back by itself
	Digest      string // hex, of its state at DigestIndex; "" when not known
	DigestIndex uint64
	Routes      string // hex, of what it announces as of DigestIndex; "" when not known
	CanStop     bool   // the majority holds without it
}

// Status returns what is known now, without asking anybody: the table is
// renewed once a second.
func (n *Node) Status(context.Context) Status {
	own := n.report()
	id, _, lost, _ := n.leader.get()
	s := Status{
		Cluster: n.identity().Cluster, Generation: n.identity().Generation, Name: n.identity().Name, Term: own.Term, LastIndex: own.LastIndex, Commit: own.Commit,
		Applied: own.Applied, Now: own.Now, Confirmed: own.Confirmed,
	}
	s.Leader, _, _ = peer.ParseServerID(id)
	if id == "" {
		s.Leader, s.Leaderless = "", time.Since(lost)
	}
	voters := n.voters()
	s.Voters, s.Reach = len(voters), n.countReached(voters)
	for _, m := range n.members() {
		s.Members = append(s.Members, n.memberStatus(m, own, id, voters))
	}
	return s
}

func (n *Node) countReached(ids []string) (reached int) {
	for _, id := range ids {
		if n.reaches(id) {
			reached++
		}
	}
	return reached
}

func (n *Node) memberStatus(m rtbh.Member, own report, leader string, voters []string) MemberStatus {
	ms := MemberStatus{Member: m, Self: m.Name == n.identity().Name, Leader: m.ServerID() == leader, Votes: slices.Contains(voters, m.ServerID())}
	r := own
	if !ms.Self {
		p, known := n.peers.get(m.Name)
		r = p.last
		ms.Reachable = known && p.reachable()
		if known && !ms.Reachable {
			ms.Silent = time.Since(p.heard)
		}
	} else {
		ms.Reachable = true
	}
	ms.Applied, ms.LastIndex, ms.Term, ms.Running = r.Applied, r.LastIndex, r.Term, r.Binary
	ms.Confirmed, ms.Stopped, ms.Digest, ms.DigestIndex = r.Confirmed, r.Stopped, r.Digest, r.DigestIndex
	ms.Routes, ms.Halted = r.Routes, r.Why
	ms.CanStop = n.holdsWithout(voters, m.ServerID())
	return ms
}

// holdsWithout tells whether the voters that answer are a majority of all
// voters even when one of them stops.
func (n *Node) holdsWithout(voters []string, serverID string) bool {
	left := 0
	for _, id := range voters {
		if id != serverID && n.reaches(id) {
			left++
		}
	}
	return left > len(voters)/2
}

// notAccepted says what a refusal looks like from here.
func (n *Node) notAccepted(why string) *NotAccepted {
	if _, left := n.running(); left != nil { // whom it reaches has nothing to do with it
		return &NotAccepted{Why: why}
	}
	voters := n.voters()
	e := &NotAccepted{Of: len(voters), Reach: n.countReached(voters), Why: why}
	for _, id := range voters {
		if n.reaches(id) {
			continue
		}
		name, _, _ := peer.ParseServerID(id)
		d, silent := n.peers.silent(name)
		if !silent {
			d = 0
		}
		e.Silent = append(e.Silent, Silent{Name: name, For: d})
	}
	slices.SortFunc(e.Silent, func(a, b Silent) int { return strings.Compare(a.Name, b.Name) })
	return e
}
