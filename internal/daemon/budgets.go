package daemon

import (
	"context"
	"time"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// tellBudgets keeps the replicated state informed of what this node's neighbors
// take at most (`neighbor X maximum-announced N`), so that the one blackhole
// too many is refused everywhere before it is announced anywhere. It looks when
// the neighbors have changed, and at intervals until nothing differs.
func (d *Daemon) tellBudgets(ctx context.Context) {
	for ctx.Err() == nil {
		if commands := d.budgetChanges(); len(commands) > 0 {
			_, err := d.node.Propose(ctx, rtbh.Entry{
				Actor:    rtbh.Actor{Door: rtbh.DoorNode, Node: d.node.Name()},
				Commands: commands,
			})
			if err != nil {
				d.log.Debug("the neighbors' budgets could not be told yet", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-d.budgets:
		case <-time.After(10 * time.Second):
		}
	}
}

// wake puts a word into a channel of one slot.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// budgetChanges compares what is configured with what the state knows.
func (d *Daemon) budgetChanges() (commands []rtbh.Command) {
	want := map[string]uint32{}
	if c := d.conf.Current(); c.BGP != nil {
		for _, n := range c.BGP.Neighbors {
			want[n.Addr.String()] = n.MaxAnnounced
		}
	}
	name := d.node.Name()
	d.node.View(func(s *rtbh.State, _ rtbh.Instant) {
		for _, b := range s.Budgets() {
			if b.Node != name {
				continue
			}
			if want[b.Neighbor] != b.Max {
				commands = append(commands, rtbh.SetBudget{Node: name, Neighbor: b.Neighbor, Max: want[b.Neighbor]})
			}
			delete(want, b.Neighbor)
		}
	})
	for _, n := range neighborsOf(d.conf.Current()) {
		if most := want[n.Addr.String()]; most > 0 {
			commands = append(commands, rtbh.SetBudget{Node: name, Neighbor: n.Addr.String(), Max: most})
		}
	}
	return commands
}

func neighborsOf(c config.Node) []config.Neighbor {
	if c.BGP == nil {
		return nil
	}
	return c.BGP.Neighbors
}
