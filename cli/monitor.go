package cli

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Journal is the node's log, as far as it is kept to be read.
type Journal interface {
	// Lines returns the last lines, oldest first.
	Lines() []string
	// Follow calls f with each new line until stop is called; f does not wait.
	Follow(f func(line string)) (stop func())
}

func monitorRows() []row {
	return []row{
		{Modes: execModes, Pattern: "terminal monitor", Run: startMonitor},
		{Modes: execModes, Pattern: "terminal no monitor", Run: stopMonitor},
		{Modes: execModes, Pattern: "no terminal monitor", Run: stopMonitor},
		{Modes: execModes, Pattern: "show logging [json]", For: operators | viewers, Run: showLogging},
	}
}

// startMonitor is `terminal monitor`: what happens is printed at this terminal as
// it comes. A customer hears of its own blackholes, who sees everything of all of
// them and of the node's log. Where lines are piped there is no terminal, and
// nothing happens.
func startMonitor(c *call, _ *match) error {
	term := c.login.Terminal
	if c.monitor != nil || term == nil {
		return nil
	}
	unfollow := func() {}
	if c.scope == "" && c.role != onlookers && c.ports.Journal != nil {
		unfollow = c.ports.Journal.Follow(term.Tell)
	}
	done := make(chan struct{})
	c.Shell.monitor = func() { close(done) }
	w := watch{cluster: c.ports.Cluster, login: c.login, term: term}
	w.look()
	go func() {
		defer unfollow()
		w.run(done)
	}()
	return nil
}

func stopMonitor(c *call, _ *match) error {
	if c.monitor != nil {
		c.monitor()
		c.Shell.monitor = nil
	}
	return nil
}

// watch tells a terminal of blackholes that come and go. It looks at the state
// once a second and compares, so that it cannot miss what lasts.
type watch struct {
	cluster Cluster
	login   Login
	term    *vty.Terminal
	seen    map[watchedHole]rtbh.Blackhole
}

type watchedHole struct {
	prefix   netip.Prefix
	customer string
}

// watchEvery is how often the state is looked at.
const watchEvery = time.Second

// run looks until done is closed or the session has ended, or its user may see
// nothing any more.
func (w *watch) run(done <-chan struct{}) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-w.term.Ended():
			return
		case <-tick.C:
			if !w.look() {
				return
			}
		}
	}
}

// look tells what is other than at the last look; at the first one it only
// remembers. It returns false when the user is gone.
func (w *watch) look() bool {
	now, at, scope, ok := w.holes()
	if !ok {
		return false
	}
	if w.seen != nil {
		w.tellAll(now, at, scope)
	}
	w.seen = now
	return true
}

// holes are the blackholes that the user may see now; rights follow the state.
func (w *watch) holes() (all map[watchedHole]rtbh.Blackhole, at rtbh.Instant, scope string, ok bool) {
	all = map[watchedHole]rtbh.Blackhole{}
	w.cluster.View(func(s *rtbh.State, now rtbh.Instant) {
		at, ok = now, true
		if w.login.Door != rtbh.DoorLocal {
			var u rtbh.User
			u, ok = s.User(w.login.User.Name)
			ok = ok && !u.Disabled && (u.Role != rtbh.RoleCustomer || u.Customer != "")
			scope = u.Customer
		}
		if !ok {
			return
		}
		for _, b := range s.Blackholes(scope, now) {
			all[watchedHole{b.Prefix, b.Customer}] = b
		}
	})
	return all, at, scope, ok
}

func (w *watch) tellAll(now map[watchedHole]rtbh.Blackhole, at rtbh.Instant, scope string) {
	whose := func(k watchedHole) string {
		if scope != "" {
			return ""
		}
		return " of " + clean(k.customer)
	}
	head := at.Time().Format(time.DateTime)
	for _, k := range sortedKeys(w.seen) {
		if _, still := now[k]; !still {
			w.term.Tell(fmt.Sprintf("%s blackhole %s%s has ended", head, k.prefix, whose(k)))
		}
	}
	for _, k := range sortedKeys(now) {
		b := now[k]
		was, there := w.seen[k]
		verb := "has begun"
		switch {
		case there && was.Updated == b.Updated && was.Deadline == b.Deadline:
			continue
		case there:
			verb = "has changed"
		}
		w.term.Tell(fmt.Sprintf("%s blackhole %s%s %s%s", head, k.prefix, whose(k), verb, lasting(b, at)))
	}
}

// lasting says how long a blackhole lasts, and why it is there.
func lasting(b rtbh.Blackhole, at rtbh.Instant) string {
	text := ", until " + clock(b.Deadline, at)
	if b.Deadline == rtbh.Never {
		text = ", until it is withdrawn"
	}
	if why := cmp.Or(b.Reason, b.Ticket); why != "" {
		text += " (" + clean(why) + ")"
	}
	return text
}

func sortedKeys(m map[watchedHole]rtbh.Blackhole) []watchedHole {
	return slices.SortedFunc(maps.Keys(m), func(a, b watchedHole) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), a.prefix.Bits()-b.prefix.Bits(), cmp.Compare(a.customer, b.customer))
	})
}

// showLogging prints the end of the node's log.
func showLogging(c *call, m *match) error {
	var lines []string
	if c.ports.Journal != nil {
		lines = c.ports.Journal.Lines()
	}
	if m.Has("json") {
		c.json(struct {
			Lines []string `json:"lines"`
		}{orEmpty(lines)})
		return nil
	}
	monitor := "off"
	if c.monitor != nil {
		monitor = "on"
	}
	c.print("Monitor logging: %s at this terminal\nThe last %s of this node's log, times are UTC:\n\n", monitor, count(len(lines), "line"))
	for _, l := range lines {
		c.print("%s\n", clean(l))
	}
	return nil
}
