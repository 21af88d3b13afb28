package rpki

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
)

var (
	peerA = netip.MustParseAddr("198.51.100.1")
	peerB = netip.MustParseAddr("2001:db8:ffff::2")
)

const ourAS = 65000

func vrpOf(s string) rtr.VRP {
	var v rtr.VRP
	var prefix string
	if _, err := fmt.Sscanf(strings.Replace(s, "-", " ", 1), "%s %d AS%d", &prefix, &v.MaxLen, &v.ASN); err != nil {
		panic(err)
	}
	v.Prefix = netip.MustParsePrefix(prefix)
	return v
}

func data(vrps ...string) *rtr.Data {
	var all []rtr.VRP
	for _, s := range vrps {
		all = append(all, vrpOf(s))
	}
	return &rtr.Data{VRPs: rtr.NewSet(all)}
}

// announced is a route with this path, the neighbor first.
func announced(peer netip.Addr, prefix string, asns ...uint32) route.Update {
	u := route.Update{Route: route.Route{Key: route.Key{Prefix: netip.MustParsePrefix(prefix), Peer: peer}, PeerAS: 64510}}
	u.Path = route.PathOf([]route.Segment{{Type: route.Sequence, ASNs: asns}})
	return u
}

func withdrawn(peer netip.Addr, prefix string) route.Update {
	return route.Update{Route: route.Route{Key: route.Key{Prefix: netip.MustParsePrefix(prefix), Peer: peer}}, Withdrawn: true}
}

// heard is a service and what its listener heard.
type heard struct {
	*Service
	t   *testing.T
	mu  sync.Mutex
	log []string
}

func listen(t *testing.T) *heard {
	h := &heard{t: t}
	h.Service = New(Options{OwnAS: ourAS, OnChange: h.hears})
	return h
}

func (h *heard) hears(why Cause, all []Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range all {
		h.log = append(h.log, told(why, c))
	}
}

// forget what was heard.
func (h *heard) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = nil
}

func told(why Cause, c Change) string {
	by := why.Cache
	switch {
	case why.Peer.IsValid():
		by = "update"
	case by == "":
		by = "expiry"
	}
	switch {
	case c.Appeared:
		return fmt.Sprintf("%s: %s appears %s", by, c.Prefix, state(c.Route))
	case c.Gone:
		return fmt.Sprintf("%s: %s ends %s", by, c.Prefix, c.Before)
	}
	return fmt.Sprintf("%s: %s %s -> %s", by, c.Prefix, c.Before, state(c.Route))
}

func state(r Route) string {
	s := r.State.String()
	if why := r.State.Reason(); why != "" {
		s += "(" + why + ")"
	}
	return s
}

// says compares what was heard since the last time.
func (h *heard) says(want ...string) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.log)
	slices.Sort(want)
	if !slices.Equal(h.log, want) {
		h.t.Errorf("heard\n %s\nwant\n %s", strings.Join(h.log, "\n "), strings.Join(want, "\n "))
	}
	h.log = nil
}

func (h *heard) shows(want ...string) {
	h.t.Helper()
	var got []string
	for _, r := range h.Routes(Query{}).Routes {
		got = append(got, fmt.Sprintf("%s %s", r.Prefix, state(r)))
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("routes\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}
