package consensus

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/beat"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// pollLoop keeps the table, and what hangs on it, up to date.
func (n *Node) pollLoop() {
	for {
		n.poll()
		n.compareDigests()
		n.watchClock()
		n.alarmSilent()
		select {
		case <-beat.After(pollEvery):
		case <-n.look:
		case <-n.ctx.Done():
			return
		}
	}
}

// lookNow renews the table at once: the leader or the members have changed.
func (n *Node) lookNow() {
	select {
	case n.look <- struct{}{}:
	default:
	}
}

func (n *Node) poll() {
	ctx, cancel := context.WithTimeout(n.ctx, pollTimeout)
	defer cancel()
	id, addr, _, _ := n.leader.get()
	leads := id == n.identity().ServerID()
	if id != "" && !leads {
		if r, ok := n.ask(ctx, id, addr); ok && r.Leads {
			n.peers.keepFor(0)
			n.takeTable(r.Table)
			return
		}
	}
	n.askThese(ctx, n.turnOf(n.others(), !leads))
}

// others are the members but this node.
func (n *Node) others() []rtbh.Member {
	return slices.DeleteFunc(n.members(), func(m rtbh.Member) bool { return m.Name == n.identity().Name })
}

// askedAtOnce is how many members that don't vote are asked at a time.
const askedAtOnce = 8

// turnOf returns whom to ask this time: everybody, or the voters and as many of
// the others as are asked at once. What was heard of those counts until their next turn.
func (n *Node) turnOf(all []rtbh.Member, inTurn bool) []rtbh.Member {
	votes := func(m rtbh.Member) bool { return m.Role.Votes() }
	rest := slices.DeleteFunc(slices.Clone(all), votes)
	if !inTurn || len(rest) <= askedAtOnce {
		n.peers.keepFor(0)
		return all
	}
	rounds := (len(rest) + askedAtOnce - 1) / askedAtOnce
	n.peers.keepFor(staleAfter + time.Duration(rounds)*pollEvery)
	n.asked %= rounds
	part := rest[n.asked*askedAtOnce : min((n.asked+1)*askedAtOnce, len(rest))]
	n.asked++
	return append(slices.DeleteFunc(slices.Clone(all), func(m rtbh.Member) bool { return !votes(m) }), part...)
}

// askAll asks every other member for its report.
func (n *Node) askAll(ctx context.Context) (all []report) { return n.askThese(ctx, n.others()) }

func (n *Node) askThese(ctx context.Context, members []rtbh.Member) (all []report) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Go(func() {
			if r, ok := n.ask(ctx, m.ServerID(), m.Addr); ok {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, r)
			}
		})
	}
	wg.Wait()
	return all
}

// ask asks one member and notes the answer, or that there was none.
func (n *Node) ask(ctx context.Context, serverID, addr string) (report, bool) {
	name, _, err := peer.ParseServerID(serverID)
	if err != nil {
		return report{}, false
	}
	sent := time.Now()
	out, err := n.life().trans.call(ctx, addr, serverID, callStatus, nil)
	var r report
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		if n.ctx.Err() == nil {
			n.peers.failed(name)
		}
		return report{}, false
	}
	n.peers.answered(name, r, time.Now())
	if r.Leads && r.Live {
		n.followClock(r.Now, time.Since(sent))
	}
	return r, true
}

// followClock corrects this node's clock by the leader's, read at some moment
// of a call that took that long.
func (n *Node) followClock(leader rtbh.Instant, took time.Duration) {
	was := n.clock.isLive()
	off := n.clock.adoptIfOff(leader.Add(took/2), max(took, 50*time.Millisecond))
	if was && off.Abs() > slack {
		n.log.Warn("this node's clock was corrected by the leader's", "ahead", off)
	}
}

// askClock returns the log's clock from the members that carried it on: the
// latest, since a clock that is behind would end blackholes late and one that
// was carried is never ahead.
func (n *Node) askClock(ctx context.Context) (now rtbh.Instant, ok bool) {
	for _, r := range n.askAll(ctx) {
		if r.Live {
			now, ok = max(now, r.Now), true
		}
	}
	return now, ok
}

// takeTable takes over what the leader knows of the others.
func (n *Node) takeTable(rows []tableRow) {
	for _, row := range rows {
		if row.Name == n.identity().Name {
			continue
		}
		n.peers.answered(row.Name, row.Report, time.Now().Add(-time.Duration(row.AgoMS)*time.Millisecond))
		if row.Failing {
			n.peers.failed(row.Name)
		}
	}
}
