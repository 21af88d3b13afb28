package history

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Session is one BGP session: a router and the trigger that it hears.
type Session struct{ Router, Trigger string }

// String is the session for people.
func (s Session) String() string { return fmt.Sprintf("%s (from %s)", s.Router, s.Trigger) }

// Ground is what was done to the nodes.
type Ground interface {
	// Excused tells whether a session of the trigger may have been lost at that
	// moment: the trigger was killed, stopped or frozen shortly before.
	Excused(trigger string, at time.Time) bool
	// Settled returns since when the trigger has been running undisturbed and in
	// touch with a majority; false while it is not.
	Settled(trigger string, at time.Time) (since time.Time, ok bool)
}

// Grace is how long a trigger has for what follows from an acknowledgement, a
// restart or the end of a fault until a router must see it. The promises speak
// of moments; a soak shares its machine.
const Grace = 10 * time.Second

// sessionPatience is how long an undisturbed trigger's session may be down: the
// hold time, the speaker's idle time and the router's next try, and Grace.
const sessionPatience = 30 * time.Second

// Wire is what the routers see.
type Wire struct {
	book     *Book
	ground   Ground
	verdicts *Verdicts

	mu    sync.Mutex
	views map[Session]*view
	ended bool
}

// view is one session's table.
type view struct {
	up     bool
	change time.Time // up or down since
	synced time.Time // End-of-RIB of both families; zero before
	ends   int       // End-of-RIBs of this session
	routes map[netip.Prefix]time.Time
	blamed bool // its loss was reported
}

// NewWire makes the view of sessions that are all down.
func NewWire(book *Book, ground Ground, verdicts *Verdicts, now time.Time, sessions ...Session) *Wire {
	w := &Wire{book: book, ground: ground, verdicts: verdicts, views: map[Session]*view{}}
	for _, s := range sessions {
		w.views[s] = &view{change: now, routes: map[netip.Prefix]time.Time{}}
	}
	return w
}

// Up notes that a session came up.
func (w *Wire) Up(s Session, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[s]
	v.up, v.change, v.synced, v.ends, v.blamed = true, at, time.Time{}, 0, false
}

// Down notes that a session ended; it returns false when it was down.
func (w *Wire) Down(s Session, at time.Time) (was bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[s]
	if was = v.up; was {
		v.up, v.change = false, at
	}
	return was
}

// EndOfRIB notes that the trigger has sent all of one family. There are two.
func (w *Wire) EndOfRIB(s Session, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[s]
	if v.ends++; v.ends == 2 {
		v.synced = at
	}
}

// Finish ends the judgement: what is seen from now on is the soak's own doing.
func (w *Wire) Finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// Announce notes a route; it returns false when the router had it already.
func (w *Wire) Announce(s Session, p netip.Prefix, at time.Time) (isNew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[s]
	if _, had := v.routes[p]; had {
		return false
	}
	v.routes[p] = at
	w.book.Saw(p, at, "announced to "+s.String())
	return true
}

// Withdraw judges a route that the trigger withdrew, or that it did not announce
// again before its End-of-RIB after a restart.
func (w *Wire) Withdraw(s Session, p netip.Prefix, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[s]
	if _, had := v.routes[p]; !had || w.ended {
		return
	}
	delete(v.routes, p)
	w.book.Saw(p, at, "WITHDRAWN from "+s.String())
	if d, since := w.book.Duty(p, at); d == Present {
		w.blame(Withdrawal, s, p, at, fmt.Sprintf("%s withdrew it; it is acknowledged since %s and nobody has asked for its end", s.Trigger, Clock(since)))
	}
}

// Drop judges a route that went with its session (or with the end of the time
// for which a router kept it after that).
func (w *Wire) Drop(s Session, p netip.Prefix, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.views[s]
	if _, had := v.routes[p]; !had || w.ended {
		return
	}
	delete(v.routes, p)
	w.book.Saw(p, at, "dropped with the session by "+s.String())
	d, since := w.book.Duty(p, at)
	if d != Present {
		return
	}
	if !w.ground.Excused(s.Trigger, at) && !v.blamed {
		v.blamed = true
		w.blame(Withdrawal, s, p, at, "it went with the session, which was lost though nothing was done to the trigger (more routes may have gone with it)")
	}
	for other, o := range w.views {
		if other.Router != s.Router || other.Trigger == s.Trigger || !w.steady(other, o, at) || since.After(at.Add(-Grace)) {
			continue
		}
		if _, has := o.routes[p]; !has {
			w.blame(Withdrawal, s, p, at, fmt.Sprintf("the router lost the session and had no route from %s, which was up", other.Trigger))
		}
	}
}

// steady tells whether everything acknowledged some time ago has to be on this
// session.
func (w *Wire) steady(s Session, v *view, at time.Time) bool {
	since, settled := w.ground.Settled(s.Trigger, at)
	long := at.Add(-Grace)
	return settled && !since.After(long) && v.up && !v.synced.IsZero() && !v.synced.After(long)
}

// Sweep compares every steady session with the book.
func (w *Wire) Sweep(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.book.Due(now.Add(-Grace), now)
	for s, v := range w.views {
		if w.steady(s, v, now) {
			w.compare(s, v, due, now, now.Add(-Grace))
			continue
		}
		since, settled := w.ground.Settled(s.Trigger, now)
		late := now.Add(-sessionPatience)
		if settled && !v.up && since.Before(late) && v.change.Before(late) && len(due) > 0 {
			w.blame(Lost, s, netip.Prefix{}, now, fmt.Sprintf("no session since %s, though nothing has been done to the trigger since %s", Clock(v.change), Clock(since)))
		}
	}
}

// Differs returns in how many routes the sessions differ from the book, and an
// example: for waiting until they do not. Sessions that are down count as well.
func (w *Wire) Differs(now time.Time) (n int, example string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.book.Due(now, now)
	for s, v := range w.views {
		if !v.up || v.synced.IsZero() {
			n++
			example = fmt.Sprintf("%s: up %v, first dump complete %v", s, v.up, !v.synced.IsZero())
			continue
		}
		w.differences(v, due, now, now, func(k Kind, p netip.Prefix, _ string) {
			n++
			example = fmt.Sprintf("%s %s at %s", k, p, s)
		})
	}
	return n, example
}

// Final is Sweep without mercy: every session has to be right now. It is called
// when everything was given time to settle.
func (w *Wire) Final(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := w.book.Due(now, now)
	for s, v := range w.views {
		if !v.up {
			w.blame(Lost, s, netip.Prefix{}, now, "no session, though all nodes are up")
			continue
		}
		w.compare(s, v, due, now, now)
	}
}

// compare blames what differs.
func (w *Wire) compare(s Session, v *view, due []netip.Prefix, now, since time.Time) {
	w.differences(v, due, now, since, func(k Kind, p netip.Prefix, what string) { w.blame(k, s, p, now, what) })
}

// differences calls f for each difference between a table and the duties as they
// have been from since until now.
func (w *Wire) differences(v *view, due []netip.Prefix, now, since time.Time, f func(Kind, netip.Prefix, string)) {
	for _, p := range due {
		if _, has := v.routes[p]; !has {
			f(Lost, p, "it is acknowledged, and the router does not have it")
		}
	}
	for p := range v.routes {
		if d, from := w.book.Duty(p, now); d == Absent && !from.After(since) {
			f(Revived, p, fmt.Sprintf("the router has it since %s; it has to be gone since %s", Clock(v.routes[p]), Clock(from)))
		}
	}
}

func (w *Wire) blame(k Kind, s Session, p netip.Prefix, at time.Time, what string) {
	v := Violation{Kind: k, Prefix: p, Where: s.String(), At: at, What: what}
	if p.IsValid() {
		v.Story = w.book.Story(p)
	}
	w.verdicts.Add(v)
}

// Routes returns how many routes a session has.
func (w *Wire) Routes(s Session) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.views[s].routes)
}
