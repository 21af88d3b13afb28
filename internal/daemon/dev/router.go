package dev

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/triggerd/triggerd/bgp/sink"
)

// router is the receiving router: a session to each trigger, and its table for
// people and scripts.
type router struct {
	sink *sink.Sink
	http *http.Server
	addr string

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each event
}

// newRouter starts the router. show gets a line for each change, nil for none.
func newRouter(show io.Writer) (*router, error) {
	r := &router{changed: make(chan struct{})}
	var err error
	r.sink, err = sink.New(sink.Config{
		LocalAS: routerAS, RouterID: netip.AddrFrom4([4]byte{192, 0, 2, 254}), RemoteAS: triggerAS,
		Pause: 100 * time.Millisecond,
		OnEvent: func(e sink.Event) {
			if line := describe(e); show != nil && line != "" {
				fmt.Fprintln(show, line)
			}
			r.notify()
		},
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp4", loopback(0))
	if err != nil {
		r.sink.Close()
		return nil, fmt.Errorf("listening for the router's table: %w", err)
	}
	r.addr = l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /table", r.table)
	r.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = r.http.Serve(l) }() // ends with Close
	return r, nil
}

func (r *router) table(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(r.sink.Routes()) // a client that went away
}

func (r *router) notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// established waits until n sessions are up.
func (r *router) established(ctx context.Context, n int) error {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if len(r.sink.Up()) >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the router has %d of %d sessions: %w", len(r.sink.Up()), n, ctx.Err())
		}
	}
}

func (r *router) close() {
	_ = r.http.Close()
	r.sink.Close()
}

// describe prints what happened at the router, as a person would say it.
func describe(e sink.Event) string {
	at := e.At.Format("15:04:05.000")
	switch e.Kind {
	case sink.Established:
		return fmt.Sprintf("%s router: session with %s is up", at, e.Peer)
	case sink.Announce:
		return fmt.Sprintf("%s router: %s announces %s next-hop %s communities [%s]",
			at, e.Peer, e.Route.Prefix, e.Route.NextHop, strings.Join(sink.CommunityStrings(e.Route.Communities), " "))
	case sink.Withdraw:
		return fmt.Sprintf("%s router: %s withdraws %s", at, e.Peer, e.Route.Prefix)
	}
	return ""
}
