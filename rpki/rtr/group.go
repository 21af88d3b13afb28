package rtr

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"
)

// Mode is how the data of several caches become one.
type Mode string

// The modes.
const (
	// Prefer uses the data of the best cache (RFC 8210 section 10).
	Prefer Mode = "preference"
	// Unite uses everything that any cache says.
	Unite Mode = "union"
)

// GroupOptions are the caches of a node and what is done with them.
type GroupOptions struct {
	Caches   []Cache // in the order of the configuration, which decides between equal preferences
	Mode     Mode    // "" is Prefer
	Ceilings Ceilings
	// HoldShare: when more than this share of the VRPs would vanish at once, the
	// old ones stay until they expire or Accept. 0 is DefaultHoldShare, 1 or more
	// never holds.
	HoldShare float64
	Log       *slog.Logger
	// OnChange is called with the effective data before and after, one call at a
	// time, never with a lock held. It is also called when only what is held or
	// which cache counts has changed.
	OnChange func(before, after Effective)

	// Dial makes the function that connects to a cache; nil is Cache.Dialer.
	Dial func(Cache) (func(context.Context) (net.Conn, error), error)
}

const (
	// DefaultHoldShare is a fifth: whole trust anchors hold more, and no honest
	// change between two epochs comes near it.
	DefaultHoldShare = 0.2
	// holdLeast keeps small sets, as in a lab, from being held for a few VRPs.
	holdLeast = 100
	// grace is how long a better cache may be away until a worse one takes over,
	// so that a restart does not switch twice.
	grace = 30 * time.Second
)

// Effective is what counts now.
type Effective struct {
	Data    *Data     // nil: there are no usable data
	From    []string  // names of the caches, best first
	Cache   string    // the cache whose answer made the change
	Session uint16    // of Cache
	Serial  uint32    // of Cache
	At      time.Time // of the End of Data
	Expires time.Time // of the data; zero without
	Held    *Held     // a loss that is being held off; nil: none
}

// Held says what a cache wants to take away and is not believed yet.
type Held struct {
	Cache  string
	Lost   int       // VRPs that would vanish
	Of     int       // VRPs in use
	Since  time.Time // of the hold
	Until  time.Time // the old data expire
	newest *Data
}

// Group follows several caches. Make it with NewGroup and call Run once.
type Group struct {
	o       GroupOptions
	members []*member
	wake    chan struct{}

	mu        sync.Mutex
	effective Effective
	accept    bool // Accept lets the next look pass
	united    union
}

type member struct {
	Cache
	client *Client
	bad    error // the configuration is not usable
}

// NewGroup returns a group that does nothing before Run. A cache whose
// configuration is wrong is shown with its error and not connected to.
func NewGroup(o GroupOptions) *Group {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HoldShare == 0 {
		o.HoldShare = DefaultHoldShare
	}
	if o.Dial == nil {
		o.Dial = Cache.Dialer
	}
	g := &Group{o: o, wake: make(chan struct{}, 1)}
	for _, c := range o.Caches {
		m := &member{Cache: c}
		dial, err := o.Dial(c)
		m.bad = err
		m.client = NewClient(Options{
			Name: c.Addr, Dial: dial, MaxVersion: Latest, Ceilings: o.Ceilings, Log: o.Log, OnChange: g.stir,
		})
		g.members = append(g.members, m)
	}
	slices.SortStableFunc(g.members, func(a, b *member) int { return int(a.Preference) - int(b.Preference) })
	return g
}

func (g *Group) stir() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// Run follows the caches until ctx ends, and returns when all connections are
// closed.
func (g *Group) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, m := range g.members {
		if m.bad == nil {
			all.Go(func() { m.client.Run(ctx) })
		}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		case <-timer.C:
		}
		before, after, next := g.step(time.Now())
		if !next.IsZero() {
			timer.Reset(max(time.Until(next), time.Millisecond))
		}
		if changed(before, after) && g.o.OnChange != nil {
			g.o.OnChange(before, after)
		}
	}
}

func changed(a, b Effective) bool {
	return a.Data != b.Data || !slices.Equal(a.From, b.From) || a.Serial != b.Serial || a.Session != b.Session ||
		!a.Expires.Equal(b.Expires) || (a.Held == nil) != (b.Held == nil) || a.Held != nil && a.Held.newest != b.Held.newest
}

// step looks at all caches and decides what counts. next is when to look again
// even if nothing happens; zero: when something does.
func (g *Group) step(now time.Time) (before, after Effective, next time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before = g.effective
	want, next := g.wanted(now)
	g.effective = g.guard(now, want)
	if h := g.effective.Held; h != nil {
		next = sooner(next, h.Until)
	}
	return before, g.effective, next
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// guard lets a new state pass unless too much would vanish at once. Data that
// expired vanish always.
func (g *Group) guard(now time.Time, want Effective) Effective {
	old := g.effective
	accepted := g.accept
	g.accept = false
	if accepted || old.Data == nil || want.Data == old.Data || !now.Before(old.Expires) {
		return want
	}
	_, lost := Changes(old.Data.VRPs, want.Data.Set())
	have := old.Data.VRPs.Len()
	if lost < holdLeast || float64(lost) <= g.o.HoldShare*float64(have) {
		return want
	}
	h := &Held{Cache: want.Cache, Lost: lost, Of: have, Since: now, Until: old.Expires, newest: want.Data}
	if old.Held != nil {
		h.Since = old.Held.Since
	}
	old.Held = h
	return old
}

// Accept believes the loss that is held off now. False: none is.
func (g *Group) Accept() bool {
	g.mu.Lock()
	g.accept = g.effective.Held != nil
	held := g.accept
	g.mu.Unlock()
	g.stir()
	return held
}

// Effective returns what counts now.
func (g *Group) Effective() Effective {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.effective
}

// Refresh asks every cache for what is new, at once.
func (g *Group) Refresh() {
	for _, m := range g.members {
		m.client.Refresh()
	}
}

// Status returns the caches, best first.
func (g *Group) Status() []Status {
	from := g.Effective().From
	out := make([]Status, 0, len(g.members))
	for _, m := range g.members {
		s := m.client.Status()
		s.Transport, s.Preference = string(m.Transport), m.Preference
		if m.Transport == "" {
			s.Transport = string(TCP)
		}
		s.InUse = slices.Contains(from, m.Addr)
		if m.bad != nil {
			s.LastError = m.bad.Error()
		}
		out = append(out, s)
	}
	return out
}
