package rpki

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/beat"
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// Options of a Service.
type Options struct {
	OwnAS  uint32 // the origin of routes with an empty path (RFC 6811 section 2)
	Caches rtr.GroupOptions
	// Role is what a neighbor is to us; it is asked when a neighbor's first routes
	// come, and by RolesChanged. nil: no neighbor has a role. It must not call the
	// Service.
	Role   func(netip.Addr) route.Role
	Alarms *alarm.Registry
	Log    *slog.Logger
	// OnChange hears of every route whose state changed, appeared or ended: one
	// call at a time, each route's changes in order, at most some thousands in a
	// call. It may ask the Service, must not feed it, and must not block for long:
	// it holds back neighbors and caches. nil: nobody listens.
	OnChange func(Cause, []Change)
}

// Service is the RPKI side of a node. Its methods may be called by many at once,
// before Run and after it too.
type Service struct {
	o     Options
	index *index

	replaced chan struct{} // Reconfigure has put another group in place

	judging sync.Mutex // one revalidation at a time
	data    *rtr.Data  // what the current view is made of; with judging

	mu        sync.Mutex
	group     *rtr.Group
	alarmed   map[string]bool // caches with an alarm
	effective rtr.Effective
	last      Timing
	work      Work
}

// Timing is how long the last change of data took.
type Timing struct {
	At      time.Time
	Took    time.Duration // from End of Data to the last changed state
	Added   int           // VRPs
	Removed int           // VRPs
	Changed int           // routes
}

// New returns a service without data: every route is not-found.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("component", "rpki")
	s := &Service{o: o, alarmed: map[string]bool{}, replaced: make(chan struct{}, 1)}
	s.index = newIndex(&view{vrps: vrp.New(nil), aspas: vrp.NewASPAs(nil), own: o.OwnAS})
	s.index.peers.role = o.Role
	s.group = s.newGroup(o.Caches)
	return s
}

// newGroup makes a group that counts for nothing once another has replaced it.
func (s *Service) newGroup(o rtr.GroupOptions) *rtr.Group {
	var g *rtr.Group
	o.Log = s.o.Log
	o.OnChange = func(_, after rtr.Effective) {
		if s.caches() == g {
			s.take(after)
		}
	}
	g = rtr.NewGroup(o)
	return g
}

// watchEvery is how often the connections are looked at for alarms.
const watchEvery = 5 * time.Second

// Run follows the caches until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for ctx.Err() == nil {
		s.follow(ctx, s.caches())
	}
}

// follow runs one group until ctx ends or Reconfigure brings another.
func (s *Service) follow(ctx context.Context, g *rtr.Group) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { g.Run(ctx) })
	for s.caches() == g {
		select {
		case <-ctx.Done():
			return
		case <-s.replaced:
		case <-beat.After(watchEvery):
			s.expire(g)
			s.watch()
		}
	}
}

// expire ends data of a group that was replaced, when the new one has none: the
// old group is not there to do it.
func (s *Service) expire(g *rtr.Group) {
	if e := s.Effective(); e.Data != nil && !time.Now().Before(e.Expires) && g.Effective().Data == nil {
		s.take(rtr.Effective{})
	}
}

// Apply takes in what one neighbor announced and withdrew, in order. It keeps
// nothing of events. One goroutine may feed one neighbor, several several.
func (s *Service) Apply(events []route.Update) {
	if len(events) > 0 {
		s.index.apply(events, s.hear(Cause{Peer: events[0].Peer, At: time.Now()}))
	}
}

// PeerDown ends all routes of a neighbor whose session ended.
func (s *Service) PeerDown(peer netip.Addr) {
	s.index.peerDown(peer, s.hear(Cause{Peer: peer, At: time.Now()}))
}

// SetPeer says what a neighbor is to us and judges the AS paths of its routes
// again. Without a role they are not verified.
func (s *Service) SetPeer(p route.Peer) {
	s.judging.Lock()
	defer s.judging.Unlock()
	if n, changed := s.index.setPeer(p); changed {
		s.index.revalidate(s.view(), touch{peer: &n}, s.hear(Cause{At: time.Now()}))
	}
}

// RolesChanged asks for the roles of all neighbors again.
func (s *Service) RolesChanged() {
	if s.o.Role == nil {
		return
	}
	for p := range s.Peers() {
		p.Role = s.o.Role(p.Addr)
		s.SetPeer(p)
	}
}

// SetOwnAS changes our AS and judges again what depends on it.
func (s *Service) SetOwnAS(asn uint32) {
	s.judging.Lock()
	defer s.judging.Unlock()
	now := s.view()
	if now.own == asn {
		return
	}
	s.index.revalidate(&view{now.vrps, now.aspas, asn}, touch{everything: true}, s.hear(Cause{At: time.Now()}))
}

func (s *Service) hear(why Cause) hear {
	if s.o.OnChange == nil {
		return nil
	}
	return func(changes []Change) { s.o.OnChange(why, changes) }
}

// take makes the effective data of the caches what routes are judged by.
func (s *Service) take(e rtr.Effective) {
	s.mu.Lock()
	s.effective = e
	s.mu.Unlock()
	s.SetData(e.Data, Cause{Cache: e.Cache, Session: e.Session, Serial: e.Serial, At: e.At})
	s.watch()
}

// SetData makes d (nil: nothing) what routes are judged by. The caches do this by
// themselves; it is also the way in for tests and benchmarks.
func (s *Service) SetData(d *rtr.Data, why Cause) {
	s.judging.Lock()
	defer s.judging.Unlock()
	if d == s.data {
		return
	}
	start := time.Now()
	now := s.view()
	table, delta := now.vrps.Update(s.data.Set(), d.Set())
	aspas, customers := now.aspas, vrp.Changed(s.data.Attestations(), d.Attestations())
	if len(customers) > 0 {
		aspas = vrp.NewASPAs(d.Attestations())
	}
	next := &view{table, aspas, now.own}
	what := touchOf(now, next, delta.Prefixes, customers)
	what.everything = what.everything || delta.Rebuilt
	changed := s.index.revalidate(next, what, s.hear(why))
	s.data = d
	s.mu.Lock()
	s.last = Timing{time.Now(), time.Since(start), delta.Added, delta.Removed, changed}
	s.work.add(s.last)
	s.mu.Unlock()
	s.o.Log.Info("RPKI data changed", "cache", why.Cache, "serial", why.Serial, "added", delta.Added, "removed", delta.Removed, "routes", changed, "took", time.Since(start))
}

// Effective returns the data that count now, and where they come from.
func (s *Service) Effective() rtr.Effective {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.effective
}

// LastChange returns how the last change of data went.
func (s *Service) LastChange() Timing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
