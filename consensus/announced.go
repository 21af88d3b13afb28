package consensus

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Equal states should mean equal announcements. Two things can break that: a
// binary that makes other routes of the same state, and a speaker that has out
// something else than it was asked for. The digest of the routes shows both.

// routesSubject is the alarm's subject, beside that of the state.
const routesSubject = "routes"

// verifyAgain is how often a speaker that was found wrong is looked at again.
const verifyAgain = 10 * time.Second

// routeCheck compares what is announced with what was wanted at a checkpoint.
// It returns in words what is lastingly otherwise than the state wants now: it
// waits until the speaker has had its time. nil is as it should be.
type routeCheck func(ctx context.Context, wanted []rtbh.Route) (wrong []string)

// OnCheckpoint has f look at what this node's speaker announces, after each
// checkpoint. It may take its time.
func (n *Node) OnCheckpoint(f func(ctx context.Context, wanted []rtbh.Route) (wrong []string)) {
	check := routeCheck(f)
	n.routes.Store(&check)
}

// verifyRoutes looks at the speaker, and again for as long as it is wrong and
// no newer checkpoint comes.
func (n *Node) verifyRoutes(wanted []rtbh.Route) {
	check := n.routes.Load()
	if check == nil {
		return
	}
	for {
		wrong := (*check)(n.ctx, wanted)
		if n.ctx.Err() != nil {
			return
		}
		if n.digests.setWrong(wrong) {
			n.lookNow()
		}
		if wrong == nil || len(n.fsm.checkpoints) > 0 || pause(n.ctx, verifyAgain) != nil {
			return
		}
	}
}

// setWrong notes what the speaker has otherwise; it tells whether that is news.
func (t *digestTable) setWrong(wrong []string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	news := strings.Join(wrong, "\n") != strings.Join(t.wrong, "\n")
	t.wrong = wrong
	return news
}

// announced returns the digest of what this node announces at the checkpoint's
// index and time, "" when there is none yet.
func (t *digestTable) announced() (hex string, wrong []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrong == nil || t.routes == "" {
		return t.routes, t.wrong
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(t.routes+"\n"+strings.Join(t.wrong, "\n")))), t.wrong
}

// compareRoutes raises what differs between members whose states are the same,
// and what this node's own speaker has wrong.
func (n *Node) compareRoutes() {
	state, index := n.digests.get()
	routes, wrong := n.digests.announced()
	if n.fsm.holding() || routes == "" {
		return
	}
	var said []string
	if wrong != nil {
		said = append(said, "this node does not announce what its state says: "+strings.Join(wrong, ", "))
	}
	for _, m := range n.members() {
		p, ok := n.peers.get(m.Name)
		if ok && m.Name != n.Name() && p.last.ServerID == m.ServerID() && p.last.DigestIndex == index && p.last.Digest == state &&
			p.last.Routes != "" && p.last.Routes != routes {
			said = append(said, fmt.Sprintf("%s announces other routes at index %d (%.12s) than this node (%.12s) though their states are the same", m.Name, index, p.last.Routes, routes))
		}
	}
	n.alarms.Set(said != nil, alarm.DigestMismatch, routesSubject, strings.Join(said, "; "))
}
