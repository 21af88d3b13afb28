package bench

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// The routers' side of every session.
const routerAS = 64501

// triggerAS is the AS of whoever announces.
const triggerAS = 64500

// routerAddrs are the two routers.
var routerAddrs = []netip.Addr{netip.MustParseAddr("127.0.1.1"), netip.MustParseAddr("127.0.1.2")}

// receivers are the two routers: each has a session with every node that
// announces, and notes when a route was read from the socket.
type receivers struct {
	routers []*sink.Sink
	watch   atomic.Pointer[watch]
	trace   atomic.Pointer[trace]

	mu    sync.Mutex
	up    map[string]int // sessions established, by the node's name
	moved chan struct{}  // closed at every change of up
}

func newReceivers() (*receivers, error) {
	r := &receivers{up: map[string]int{}, moved: make(chan struct{})}
	for i, a := range routerAddrs {
		s, err := sink.New(sink.Config{
			LocalAS: routerAS, RouterID: a, RemoteAS: triggerAS, Hold: 90 * time.Second, NoTable: true, Pause: 20 * time.Millisecond,
			OnEvent: func(e sink.Event) { r.event(i, e) },
		})
		if err != nil {
			return nil, err
		}
		r.routers = append(r.routers, s)
	}
	return r, nil
}

func (r *receivers) event(router int, e sink.Event) {
	switch e.Kind {
	case sink.Established, sink.Down:
		r.session(router, e)
	case sink.Announce, sink.Withdraw:
		if w := r.watch.Load(); w != nil {
			w.event(router, e)
		}
		if t := r.trace.Load(); t != nil {
			t.route(router, e)
		}
	}
}

func (r *receivers) session(router int, e sink.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := fmt.Sprint(e.Peer, " ", router)
	if e.Kind == sink.Established {
		r.up[key] = 1
	} else if delete(r.up, key); r.trace.Load() != nil {
		r.trace.Load().down(router, e)
	}
	close(r.moved)
	r.moved = make(chan struct{})
}

// dial lets both routers keep a session with a node.
func (r *receivers) dial(node string, at netip.AddrPort) error {
	for i, s := range r.routers {
		if err := s.Dial(node, at, routerAddrs[i]); err != nil {
			return err
		}
	}
	return nil
}

// established waits until both routers have sessions with the nodes.
func (r *receivers) established(ctx context.Context, nodes ...string) error {
	for {
		r.mu.Lock()
		missing := ""
		for _, n := range nodes {
			for i := range r.routers {
				if key := fmt.Sprint(n, " ", i); r.up[key] == 0 {
					missing = key
				}
			}
		}
		moved := r.moved
		r.mu.Unlock()
		if missing == "" {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("no BGP session of node and router %s: %w", missing, context.Cause(ctx))
		}
	}
}

// gone waits until neither router has a session with a node: a process that was
// killed has ended before its routers have heard of it.
func (r *receivers) gone(ctx context.Context, node string) error {
	for {
		r.mu.Lock()
		left := 0
		for i := range r.routers {
			left += r.up[fmt.Sprint(node, " ", i)]
		}
		moved := r.moved
		r.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d routers still have a session with %s: %w", left, node, context.Cause(ctx))
		}
	}
}

func (r *receivers) close() {
	for _, s := range r.routers {
		s.Close()
	}
}

// path is one way of a route to a router.
type path struct {
	node   string
	router int
}

// watch waits for routes, to come or to go, on paths.
type watch struct {
	kind  sink.Kind
	paths map[path]int // with their place in what follows

	mu    sync.Mutex
	left  []map[netip.Prefix]struct{} // still to be seen, by path
	first []time.Time
	last  []time.Time
	open  int
	total int // routes
	done  chan struct{}
}

// expect makes a watch of the prefixes on every path from the nodes to both
// routers. There is one watch at a time.
func (r *receivers) expect(kind sink.Kind, prefixes []netip.Prefix, nodes ...string) *watch {
	w := &watch{kind: kind, paths: map[path]int{}, total: len(prefixes), done: make(chan struct{})}
	for _, n := range nodes {
		for i := range r.routers {
			left := make(map[netip.Prefix]struct{}, len(prefixes))
			for _, p := range prefixes {
				left[p] = struct{}{}
			}
			w.paths[path{n, i}] = len(w.left)
			w.left = append(w.left, left)
		}
	}
	w.first, w.last, w.open = make([]time.Time, len(w.left)), make([]time.Time, len(w.left)), len(w.left)
	r.watch.Store(w)
	return w
}

func (w *watch) event(router int, e sink.Event) {
	i, ok := w.paths[path{e.Peer, router}]
	if !ok || e.Kind != w.kind {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.left[i][e.Route.Prefix]; !ok {
		return
	}
	delete(w.left[i], e.Route.Prefix)
	if w.first[i].IsZero() {
		w.first[i] = e.At
	}
	if w.last[i] = e.At; len(w.left[i]) == 0 {
		if w.open--; w.open == 0 {
			close(w.done)
		}
	}
}

// wait waits until everything was seen everywhere.
func (w *watch) wait(ctx context.Context) error {
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", w.missing(), context.Cause(ctx))
	}
}

func (w *watch) missing() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := ""
	for p, i := range w.paths {
		if n := len(w.left[i]); n > 0 {
			text += fmt.Sprintf("%d routes not seen (%s) from %s at router %d; ", n, w.kind, p.node, p.router+1)
		}
	}
	return text
}

// lastFrom is when the last route was at both routers, from one of the nodes or,
// without a name, from all of them.
func (w *watch) lastFrom(node string) (at time.Time) {
	return w.pick(node, func(i int) time.Time { return w.last[i] })
}

// firstFrom is when the first route was at both routers.
func (w *watch) firstFrom(node string) (at time.Time) {
	return w.pick(node, func(i int) time.Time { return w.first[i] })
}

func (w *watch) pick(node string, of func(int) time.Time) (at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, i := range w.paths {
		if t := of(i); (node == "" || p.node == node) && t.After(at) {
			at = t
		}
	}
	return at
}

// seen is how many routes were seen on the path that is the furthest behind, and
// of how many.
func (w *watch) seen() (least, of int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := 0
	for _, left := range w.left {
		most = max(most, len(left))
	}
	return w.total - most, w.total
}

// unseen are the routes that the first node has not sent to the first router: it
// has not been told of them, or not taken them.
func (w *watch) unseen() (all []netip.Prefix) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.left[0] {
		all = append(all, p)
	}
	return all
}
