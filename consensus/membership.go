package consensus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The members' records in the state say how the cluster should be; Raft's
// configuration follows them. The leader compares the two and makes one change
// at a time, so it does not matter who began a change and who led then.

// configTimeout bounds how long a change of Raft's configuration may queue.
const configTimeout = time.Second

// promoteLook is how often the leader looks whether a new voter has caught up.
const promoteLook = 200 * time.Millisecond

// isMember tells the port whether a server id is in the membership, and
// whether that can be said. An earlier incarnation never is, and one that was
// removed never again. An id that this node has not seen may be newer than its
// state; were it strict while it has lost touch with the leader, it would shut
// out the very leader that it should learn the new membership from.
func (n *Node) isMember(serverID string) (member, known bool) {
	name, incarnation, err := peer.ParseServerID(serverID)
	if err != nil {
		return false, true
	}
	m, member := n.fsm.directory.Load().byName[name]
	switch {
	case member && m.Incarnation == incarnation:
		return true, true
	case member && m.Incarnation > incarnation:
		return false, true
	}
	used, whole, _ := n.seenIncarnations(name)
	if incarnation <= used {
		return false, true
	}
	id, _, lost, _ := n.leader.get()
	inTouch := n.confirmed.Load() && (id != "" || time.Since(lost) < 10*time.Second)
	return false, !whole && inTouch
}

// membersChanged is called by the state machine.
func (n *Node) membersChanged() {
	n.kickLeader()
	n.lookNow()
	n.kickRole()
	l := n.life()
	select {
	case <-l.started:
		n.spawn(l.trans.recheck)
	default:
	}
}

func (n *Node) kickLeader() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// reconcile makes the next change that brings Raft's configuration nearer to
// the members' records.
func (n *Node) reconcile() {
	servers := n.life().raft.GetConfiguration().Configuration().Servers
	change := n.nextChange(servers, n.members())
	if change == nil {
		return
	}
	err := change.do(n.life().raft)
	if err != nil {
		n.log.Debug("membership not changed", "change", change.what, "server", change.server, "err", err)
		return
	}
	n.log.Info("membership changed", "change", change.what, "server", change.server)
	n.kickLeader()
}

// change is one step of Raft's configuration.
type change struct {
	what   string
	server string
	do     func(r *raft.Raft) error
}

// nextChange decides, from what is and what should be. Taking votes away comes
// first, so that a node that comes back under a new incarnation never counts
// twice; every step that could lose the majority is left out until it cannot.
func (n *Node) nextChange(servers []raft.Server, members []rtbh.Member) *change {
	wanted := map[string]rtbh.Member{}
	for _, m := range members {
		wanted[m.ServerID()] = m
	}
	have := map[string]raft.Server{}
	for _, s := range servers {
		have[string(s.ID)] = s
		if c := n.leave(s, wanted); c != nil {
			return c
		}
	}
	for _, m := range members {
		s, in := have[m.ServerID()]
		if !in {
			if c := vacate(m, servers, wanted); c != nil {
				return c
			}
		}
		if c := n.arrive(m, s, in); c != nil {
			return c
		}
	}
	return nil
}

// leave removes a server that is no member and demotes one that shall not vote.
func (n *Node) leave(s raft.Server, wanted map[string]rtbh.Member) *change {
	m, member := wanted[string(s.ID)]
	demote := member && s.Suffrage == raft.Voter && !m.Role.Votes()
	if member && !demote {
		return nil
	}
	if s.Suffrage == raft.Voter && !n.safeWithout(string(s.ID)) {
		return nil
	}
	if string(s.ID) == n.identity().ServerID() {
		if to, ok := n.successor(); ok {
			return &change{"hand over leadership", to.ServerID(), func(*raft.Raft) error { return n.giveLeadership(n.ctx, to) }}
		}
		return nil
	}
	if demote {
		return &change{"demote", string(s.ID), func(r *raft.Raft) error { return r.DemoteVoter(s.ID, 0, configTimeout).Error() }}
	}
	return &change{"remove", string(s.ID), func(r *raft.Raft) error { return r.RemoveServer(s.ID, 0, configTimeout).Error() }}
}

// safeWithout tells whether the voters that stay can reach a majority among
// themselves.
func (n *Node) safeWithout(serverID string) bool {
	stay := slices.DeleteFunc(n.voters(), func(id string) bool { return id == serverID })
	return len(stay) > 0 && n.countReached(stay) > len(stay)/2
}

// vacate corrects the address that Raft's configuration has for a server when
// a new member has it now: Raft takes no address twice.
func vacate(m rtbh.Member, servers []raft.Server, wanted map[string]rtbh.Member) *change {
	for _, s := range servers {
		other, ok := wanted[string(s.ID)]
		if !ok || string(s.Address) != m.Addr || other.Addr == m.Addr {
			continue
		}
		to := raft.ServerAddress(other.Addr)
		return &change{"move", string(s.ID), func(r *raft.Raft) error {
			if s.Suffrage == raft.Voter {
				return r.AddVoter(s.ID, to, 0, configTimeout).Error()
			}
			return r.AddNonvoter(s.ID, to, 0, configTimeout).Error()
		}}
	}
	return nil
}

// arrive adds a member, always without a vote, and gives it its vote once it
// has caught up. A new address is not Raft's concern, see addrOf.
func (n *Node) arrive(m rtbh.Member, s raft.Server, in bool) *change {
	id, addr := raft.ServerID(m.ServerID()), raft.ServerAddress(m.Addr)
	switch {
	case !in:
		return &change{"add", m.ServerID(), func(r *raft.Raft) error { return r.AddNonvoter(id, addr, 0, configTimeout).Error() }}
	case m.Role.Votes() && s.Suffrage != raft.Voter:
		if !n.caughtUp(m) {
			time.AfterFunc(promoteLook, n.kickLeader)
			return nil
		}
		return &change{"promote", m.ServerID(), func(r *raft.Raft) error { return r.AddVoter(id, addr, 0, configTimeout).Error() }}
	}
	return nil
}

// caughtUp tells whether a member answers and is close behind. A voter that
// does not could cost the majority the moment it is counted.
func (n *Node) caughtUp(m rtbh.Member) bool {
	ctx, cancel := context.WithTimeout(n.ctx, promoteLook)
	defer cancel()
	n.ask(ctx, m.ServerID(), m.Addr)
	p, ok := n.peers.get(m.Name)
	return ok && p.reachable() && p.last.ServerID == m.ServerID() && !p.last.Stopped &&
		p.last.Applied > 0 && p.last.Applied+promoteLag >= n.life().raft.CommitIndex()
}

// propose puts commands of the cluster's own into the log, in the name of by,
// and returns the first refusal as an error.
func (n *Node) propose(ctx context.Context, by rtbh.Actor, cmds ...rtbh.Command) error {
	by.Door, by.Node = rtbh.DoorNode, n.identity().Name
	return n.proposeAs(ctx, by, cmds...)
}

// proposeAs puts commands into the log, all or none of them.
func (n *Node) proposeAs(ctx context.Context, by rtbh.Actor, cmds ...rtbh.Command) error {
	r, err := n.Propose(ctx, rtbh.Entry{Actor: by, Atomic: len(cmds) > 1, Commands: cmds})
	if err != nil {
		return err
	}
	for _, o := range r.Result.Outcomes {
		if o.Refusal != nil && o.Refusal.Code != rtbh.RefusedBatch {
			return o.Refusal
		}
	}
	return nil
}

// Remove takes a member out of the cluster: its certificate is refused from
// then on. A voter is removed only when the others keep a majority.
func (n *Node) Remove(ctx context.Context, by rtbh.Actor, name string) error {
	m, err := n.member(name)
	if err != nil {
		return err
	}
	if err := n.mayLeave(m); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return n.propose(ctx, by, rtbh.DeleteMember{Name: name})
}

// mayLeave refuses to take a vote away that the majority needs.
func (n *Node) mayLeave(m rtbh.Member) error {
	voters := n.voters()
	if !slices.Contains(voters, m.ServerID()) {
		return nil
	}
	if len(voters) == 1 {
		return fmt.Errorf("%w: it is the only voter", ErrMajority)
	}
	if !n.safeWithout(m.ServerID()) {
		return fmt.Errorf("%w: of the other voters only %d of %d answer; bring them back first",
			ErrMajority, n.countReached(slices.DeleteFunc(voters, func(id string) bool { return id == m.ServerID() })), len(voters)-1)
	}
	return nil
}

// SetRole promotes or demotes a member. A new voter gets its vote when it has
// caught up, and fetches the CA's key (cakey.go).
func (n *Node) SetRole(ctx context.Context, by rtbh.Actor, name string, role rtbh.MemberRole) error {
	m, err := n.member(name)
	if err != nil {
		return err
	}
	if !role.Votes() {
		if err := n.mayLeave(m); err != nil {
			return fmt.Errorf("demote %s: %w", name, err)
		}
	}
	m.Role = role
	return n.propose(ctx, by, rtbh.PutMember{Member: m})
}

// SetAddress changes the address at which a member is dialed; its id stays.
func (n *Node) SetAddress(ctx context.Context, by rtbh.Actor, name, addr string) error {
	m, err := n.member(name)
	if err != nil {
		return err
	}
	m.Addr = addr
	return n.propose(ctx, by, rtbh.PutMember{Member: m})
}

// updateOwnRecord writes this node's binary, what it can read and its address
// into its record when they have changed.
func (n *Node) updateOwnRecord() {
	for n.ctx.Err() == nil {
		m, err := n.member(n.identity().Name)
		if err != nil || m.Incarnation != n.identity().Incarnation {
			return
		}
		now := m
		now.Binary, now.Speaks = n.opt.Version, rtbh.Speaks
		if n.opt.Advertise != "" {
			now.Addr = n.opt.Advertise
		}
		if now == m || n.propose(n.ctx, n.asNode(), rtbh.PutMember{Member: now}) == nil {
			return
		}
		_ = pause(n.ctx, pollEvery) // the loop sees the end of ctx
	}
}

// TransferLeadership gives leadership to a member, or with "" to the one that
// is least behind. Asked at another node, the leader does it.
func (n *Node) TransferLeadership(ctx context.Context, to string) error {
	id, addr, _, _ := n.leader.get()
	switch id {
	case "":
		return ErrNoLeader
	case n.identity().ServerID():
		return n.transferTo(to)
	}
	_, err := n.life().trans.call(ctx, addr, id, callTransfer, []byte(to))
	return err
}

func (n *Node) transferTo(name string) error {
	m, ok := n.successor()
	if name != "" {
		var err error
		if m, err = n.member(name); err != nil {
			return err
		}
	} else if !ok {
		return fmt.Errorf("transfer leadership: %w: no other trigger that votes answers", ErrUnknownMember)
	}
	if !slices.Contains(n.voters(), m.ServerID()) {
		return fmt.Errorf("transfer leadership: %s does not vote", m.Name)
	}
	if err := n.giveLeadership(n.ctx, m); err != nil {
		return fmt.Errorf("transfer leadership to %s: %w", m.Name, err)
	}
	return nil
}

func (n *Node) handleTransfer(_ context.Context, _ peer.Identity, body []byte) ([]byte, error) {
	if !n.leads() {
		return nil, ErrNoLeader
	}
	return nil, n.transferTo(string(body))
}
