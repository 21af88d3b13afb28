package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// tokenLifetime is how long an invitation asked for on the command line lasts.
const tokenLifetime = 15 * time.Minute

// cluster is the replicated side as the command line sees it.
type cluster struct{ node *consensus.Node }

// Propose puts an entry into the log.
func (c cluster) Propose(ctx context.Context, e rtbh.Entry) (cli.Receipt, error) {
	r, err := c.node.Propose(ctx, e)
	return cli.Receipt{Result: r.Result, Silent: silent(r.Silent)}, outcome(err)
}

// View shows the state.
func (c cluster) View(f func(*rtbh.State, rtbh.Instant)) { c.node.View(f) }

// Fresh waits for the cluster's newest index.
func (c cluster) Fresh(ctx context.Context) (uint64, bool) { return c.node.Fresh(ctx) }

// Sync puts a mark into the log: when everybody has it, everybody has what was
// typed before.
func (c cluster) Sync(ctx context.Context) (cli.Synced, error) {
	r, err := c.node.Propose(ctx, rtbh.Entry{
		Actor:    rtbh.Actor{Door: rtbh.DoorNode, Node: c.node.Name()},
		Commands: []rtbh.Command{rtbh.Tick{}},
	})
	return cli.Synced{Index: r.Result.Index, Silent: silent(r.Silent)}, outcome(err)
}

// Status describes the cluster.
func (c cluster) Status(ctx context.Context) cli.ClusterStatus {
	c.node.Look(ctx)
	s := c.node.Status(ctx)
	out := cli.ClusterStatus{
		ID: s.Cluster, Generation: s.Generation, Node: s.Name, Leader: s.Leader, Term: s.Term,
		Commit: s.Commit, Applied: s.Applied, Majority: s.Leader != "" && s.Majority(),
	}
	states, routes := opinions{}, opinions{}
	for _, m := range s.Members {
		states.add(m.DigestIndex, m.Digest)
		routes.add(m.DigestIndex, m.Routes)
	}
	for _, m := range s.Members {
		out.Members = append(out.Members, cli.MemberStatus{
			Name: m.Name, Role: m.Role, Voting: m.Votes, Addr: m.Addr, Binary: m.Running,
			Reachable: m.Reachable, Silent: m.Silent, Halted: m.Halted != "", Applied: m.Applied, Digest: m.Digest, Routes: m.Routes, DigestAt: m.DigestIndex,
			Agrees: m.Digest != "" && len(states[m.DigestIndex]) == 1 && len(routes[m.DigestIndex]) <= 1, Stoppable: m.CanStop,
		})
	}
	return out
}

// opinions are the different digests at each index.
type opinions map[uint64]map[string]bool

func (o opinions) add(index uint64, digest string) {
	if digest == "" { // an older binary, or none yet
		return
	}
	if o[index] == nil {
		o[index] = map[string]bool{}
	}
	o[index][digest] = true
}

// Token invites a node.
func (c cluster) Token(ctx context.Context, who rtbh.Actor, role rtbh.MemberRole, name string) (string, rtbh.Instant, error) {
	expires := c.node.Now().Add(tokenLifetime)
	token, err := c.node.Token(ctx, who, role, name, tokenLifetime)
	return token, expires, outcome(err)
}

// Remove takes a member out.
func (c cluster) Remove(ctx context.Context, who rtbh.Actor, name string) error {
	return outcome(c.node.Remove(ctx, who, name))
}

// Transfer hands leadership on and waits until somebody else has it.
func (c cluster) Transfer(ctx context.Context, _ rtbh.Actor, name string) (string, error) {
	if err := c.node.TransferLeadership(ctx, name); err != nil {
		return "", outcome(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		if leader := c.node.Status(ctx).Leader; leader != "" && (name == "" || leader == name) {
			return leader, nil
		}
		select {
		case <-ctx.Done():
			return "", errors.New("leadership was handed on, but nobody is known to lead yet; look at `show cluster`")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func silent(all []consensus.Silent) []cli.Silent {
	var out []cli.Silent
	for _, s := range all {
		out = append(out, cli.Silent(s))
	}
	return out
}

// outcome turns an error of the log into what the command line tells apart:
// certainly not, and perhaps. Other errors pass as they are.
func outcome(err error) error {
	var no *consensus.NotAccepted
	var maybe *consensus.NotConfirmed
	switch {
	case errors.As(err, &no):
		return &cli.NotAccepted{Reaches: no.Reach, Members: no.Of, Silent: silent(no.Silent), Err: errors.New(no.Why)}
	case errors.As(err, &maybe):
		return &cli.NotConfirmed{Err: err}
	}
	return err
}
