package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/beat"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// What operators do in an emergency must not be forgotten when it is over: a
// session that is kept down, a budget under what is out, everything cleared at once.
// Each is an alarm for as long as it holds; a clearing is over in a moment, so its
// alarm stays up for a while.

const (
	watchEvery     = time.Second
	clearedRemains = time.Hour
)

// watch keeps these alarms, until ctx ends.
func (d *Daemon) watch(ctx context.Context) {
	for {
		d.node.View(func(s *rtbh.State, now rtbh.Instant) {
			routes, over := s.OverBudget(now)
			alarmBudgets(d.alarms, routes, slices.DeleteFunc(over, func(b rtbh.Budget) bool { return b.Node != d.node.Name() }))
			alarmCleared(d.alarms, s, now)
		})
		alarmShutdown(d.alarms, neighborsOf(d.conf.Current()))
		select {
		case <-ctx.Done():
			return
		case <-beat.After(watchEvery):
		}
	}
}

// alarmBudgets has an alarm up for each of these budgets and for no other.
func alarmBudgets(alarms *alarm.Registry, routes uint32, over []rtbh.Budget) {
	for _, a := range alarms.List() {
		if a.Kind == alarm.OverBudget && !slices.ContainsFunc(over, func(b rtbh.Budget) bool { return b.Neighbor == a.Subject }) {
			alarms.Clear(a.Kind, a.Subject)
		}
	}
	for _, b := range over {
		alarms.Raise(alarm.OverBudget, b.Neighbor,
			fmt.Sprintf("%d routes are announced, and neighbor %s is said to take %d at most: it may close the session", routes, b.Neighbor, b.Max))
	}
}

// alarmCleared has an alarm up while somebody has lately ended many blackholes with
// one line.
func alarmCleared(alarms *alarm.Registry, s *rtbh.State, now rtbh.Instant) {
	n, last := s.ClearedSince(now.Add(-clearedRemains))
	what := fmt.Sprintf("%d blackholes", n)
	if n == 1 {
		what = "1 blackhole"
	}
	alarms.Set(n > 0, alarm.Cleared, "", fmt.Sprintf("%s ended %s by `clear blackhole` at %s (see `show blackhole history`)", last.EndBy.User, what, last.At))
}

// alarmShutdown has an alarm up for each neighbor that is kept down, and no other.
func alarmShutdown(alarms *alarm.Registry, neighbors []config.Neighbor) {
	down := map[string]string{}
	for _, n := range neighbors {
		if n.Shutdown {
			down[n.Addr.String()] = fmt.Sprintf("neighbor %s AS %d is shut down by configuration, and is sent nothing", n.Addr, n.RemoteAS)
		}
	}
	for _, a := range alarms.List() {
		if a.Kind == alarm.Shutdown && down[a.Subject] == "" {
			alarms.Clear(a.Kind, a.Subject)
		}
	}
	for addr, text := range down {
		alarms.Raise(alarm.Shutdown, addr, text)
	}
}
