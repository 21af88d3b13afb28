package consensus

import (
	"context"
	"errors"
	"fmt"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// readmit is the leader's side of a node that comes back: its old certificate
// says who it is, and its record is still in the membership. It gets the next
// incarnation, as one that has to catch up before it votes. An answer that is
// lost costs one more: no incarnation is given out twice.
func (n *Node) readmit(ctx context.Context, ask peer.JoinAsk, trusted bool) (rtbh.Member, error) {
	name, incarnation, err := peer.ParseServerID(ask.Holder)
	if err != nil || name != ask.Name {
		return rtbh.Member{}, fmt.Errorf("the certificate is %s's, the node asks for the name %s: join with a token", ask.Holder, ask.Name)
	}
	m, err := n.member(name)
	if err != nil {
		return rtbh.Member{}, fmt.Errorf("%s is not a member any more: %s", ask.Holder, peer.WayBack)
	}
	if m.Role.Votes() && !trusted {
		return rtbh.Member{}, errors.New("a node that is to vote must ask a voter, not a speaker")
	}
	var version uint32
	n.fsm.view(func(s *rtbh.State) { version = s.Version() })
	if ask.Speaks < version {
		return rtbh.Member{}, fmt.Errorf("the cluster writes version %d of its log, this binary reads only %d: install a newer triggerd", version, ask.Speaks)
	}
	next, err := n.nextIncarnation(ctx, name)
	if err != nil {
		return rtbh.Member{}, err
	}
	// A recovery may have lost the record of the incarnation that it had last.
	next = max(next, incarnation+1)
	m.Incarnation, m.Addr, m.Joined, m.Speaks, m.Binary = next, ask.Advertise, n.clock.now(), ask.Speaks, ask.Binary
	if err := n.propose(ctx, n.asNode(), rtbh.PutMember{Member: m}); err != nil {
		return rtbh.Member{}, err
	}
	return m, nil
}
