package bmp

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
)

// Options of an Exporter.
type Options struct {
	Name        string // sysName of the node
	Description string // sysDescr: program and version
	Stations    []Station
	Alarms      *alarm.Registry
	Log         *slog.Logger
}

// Exporter tells stations what it is told. SessionUp, SessionKnown, SessionDown and
// Routes are called in the order in which things happen to one neighbor, keep what they
// are given, and never wait.
type Exporter struct {
	o    Options
	work sync.WaitGroup
	stop context.CancelFunc

	mu    sync.Mutex
	queue []func() // for the goroutine of run
	bell  chan struct{}

	// Only the goroutine of run uses these.
	pages    map[netip.Addr]*page
	backlogs map[*backlog]struct{}
}

// New makes an exporter that does nothing until Open.
func New(o Options) *Exporter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Exporter{o: o, bell: make(chan struct{}, 1), pages: map[netip.Addr]*page{}, backlogs: map[*backlog]struct{}{}}
}

// Open begins to dial the stations.
func (x *Exporter) Open() {
	ctx, cancel := context.WithCancel(context.Background())
	x.stop = cancel
	x.work.Go(func() { x.run(ctx) })
	for _, s := range x.o.Stations {
		x.work.Go(func() { x.serve(ctx, s) })
	}
}

// Close says so to the stations and ends.
func (x *Exporter) Close() {
	x.stop()
	x.work.Wait()
}

func (x *Exporter) do(f func()) {
	x.mu.Lock()
	x.queue = append(x.queue, f)
	x.mu.Unlock()
	select {
	case x.bell <- struct{}{}:
	default:
	}
}

func (x *Exporter) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.bell:
		}
		x.mu.Lock()
		all := x.queue
		x.queue = nil
		x.mu.Unlock()
		for _, f := range all {
			f()
		}
	}
}

// SessionUp says that a session comes up: nothing was written to it yet.
func (x *Exporter) SessionUp(neighbor netip.Addr) {
	x.do(func() { x.pages[neighbor] = newPage() })
}

// SessionKnown says what there is to know of a session, which may be after the first
// routes.
func (x *Exporter) SessionKnown(s Session) {
	x.do(func() {
		p := x.pages[s.Neighbor]
		switch {
		case p == nil: // gone already
			return
		case p.session != nil && p.session.same(s):
			return
		case p.session != nil: // said of the session before this one, which came and went meanwhile
			x.tell(peerDown(*p.session, Down{}, s.Up))
		}
		p.session = &s
		x.tell(p.whole()...)
	})
}

// SessionDown says that a session has ended, and with it all its routes.
func (x *Exporter) SessionDown(neighbor netip.Addr, why Down) {
	at := time.Now()
	x.do(func() {
		if p := x.pages[neighbor]; p != nil && p.session != nil {
			x.tell(peerDown(*p.session, why, at))
		}
		delete(x.pages, neighbor)
	})
}

// Routes says what one UPDATE announced and withdrew.
func (x *Exporter) Routes(neighbor netip.Addr, d Direction, u Update) {
	at := time.Now()
	x.do(func() {
		p := x.pages[neighbor]
		if p == nil {
			return
		}
		p.enter(d, u, at)
		if p.session != nil && len(x.backlogs) > 0 {
			x.tell(p.monitoring(d, u, at)...)
		}
	})
}

func (x *Exporter) tell(messages ...[]byte) {
	for b := range x.backlogs {
		b.add(messages...)
	}
}

// follow makes a backlog with all there is, to which is added whatever comes. cut is
// called when that becomes too much.
func (x *Exporter) follow(ctx context.Context, cut func()) (*backlog, bool) {
	made := make(chan *backlog, 1)
	x.do(func() {
		first := [][]byte{initiation(x.o.Name, x.o.Description)}
		for _, p := range x.pages {
			if p.session != nil {
				first = append(first, p.whole()...)
			}
		}
		b := newBacklog(first, cut)
		x.backlogs[b] = struct{}{}
		made <- b
	})
	select {
	case b := <-made:
		return b, true
	case <-ctx.Done():
		return nil, false
	}
}

func (x *Exporter) unfollow(b *backlog) { x.do(func() { delete(x.backlogs, b) }) }

// report adds statistics of every session to one backlog.
func (x *Exporter) report(b *backlog) {
	at := time.Now()
	x.do(func() {
		for _, p := range x.pages {
			if p.session != nil {
				b.add(statistics(*p.session, len(p.tables[In]), len(p.tables[Out]), at))
			}
		}
	})
}
