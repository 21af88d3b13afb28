package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"github.com/triggerd/triggerd/bgp"
	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// router is this node's BGP side as the command line sees it. There is nothing
// to see before the speaker is open.
type router struct {
	speaker atomic.Pointer[bgp.Speaker]
	conf    func() config.Node
	view    func(func(*rtbh.State, rtbh.Instant))
}

// Announced returns what GoBGP was told to announce.
func (r *router) Announced() []rtbh.Route {
	if s := r.speaker.Load(); s != nil {
		return s.Announced()
	}
	return nil
}

// Neighbors returns every session: its configuration with what is known of it.
func (r *router) Neighbors() []cli.NeighborStatus {
	conf := r.conf()
	if conf.BGP == nil {
		return nil
	}
	known := map[string]bgp.NeighborStatus{}
	var seen []bgp.NeighborStatus
	if s := r.speaker.Load(); s != nil {
		seen = s.Neighbors()
		for _, n := range seen {
			known[n.Addr.String()] = n
		}
	}
	var all []cli.NeighborStatus
	for _, n := range conf.BGP.Neighbors {
		all = append(all, neighborStatus(conf.BGP.ASN, n, known[n.Addr.String()]))
	}
	for _, n := range seen {
		if n.Dynamic {
			all = append(all, neighborStatus(conf.BGP.ASN, n.Config, n))
		}
	}
	return all
}

// neighborStatus puts together what is configured and what is seen.
func neighborStatus(asn uint32, n config.Neighbor, seen bgp.NeighborStatus) cli.NeighborStatus {
	out := cli.NeighborStatus{
		Addr: n.Addr, RemoteAS: n.RemoteAS, LocalAS: n.LocalAS, Description: n.Description,
		State: string(seen.State), Since: seen.Since, LastError: seen.LastError, RouterID: seen.RouterID, Flaps: seen.Flaps,
		Shutdown: n.Shutdown, Passive: n.Passive, Monitor: n.Monitor, Password: n.Password != "",
		IPv4: n.IPv4, IPv6: n.IPv6, Hold: n.Hold, Keepalive: n.Keepalive, RestartTime: n.RestartTime,
		Multihop: n.Multihop, TTLSecurity: n.TTLSecurity, RouteMapOut: n.RouteMapOut, LocalRole: localRole(n),
		MsgRcvd: seen.In.Total, MsgSent: seen.Out.Total,
		OpensRcvd: seen.In.Opens, OpensSent: seen.Out.Opens,
		UpdatesRcvd: seen.In.Updates, UpdatesSent: seen.Out.Updates,
		KeepalivesRcvd: seen.In.Keepalives, KeepalivesSent: seen.Out.Keepalives,
		NotificationsRcvd: seen.In.Notifications, NotificationsSent: seen.Out.Notifications,
		RefreshRcvd: seen.In.Refreshes, RefreshSent: seen.Out.Refreshes,
		PfxRcd4: uint32(seen.Received4), PfxSnt4: uint32(seen.Written4),
		PfxRcd6: uint32(seen.Received6), PfxSnt6: uint32(seen.Written6),
	}
	if seen.Up() {
		out.Hold, out.Keepalive = seen.Hold, seen.Keepalive
	}
	if out.LocalAS == 0 {
		out.LocalAS = asn
	}
	if out.State == "" {
		out.State = string(bgp.Idle)
	}
	return out
}

// Export tells what a neighbor is sent of a route: what its export route-map
// makes of it.
func (r *router) Export(neighbor netip.Addr, route rtbh.Route) (out rtbh.Route, rule string, sent bool) {
	for _, n := range neighborsOf(r.conf()) {
		if n.Addr != neighbor || n.RouteMapOut == "" {
			continue
		}
		var v rtbh.Verdict
		r.view(func(s *rtbh.State, _ rtbh.Instant) { v = s.RunRouteMap(n.RouteMapOut, route) })
		switch {
		case !v.Exists:
			return route, fmt.Sprintf("as it is: there is no route-map %s yet", n.RouteMapOut), true
		case v.Permit:
			return v.Route, fmt.Sprintf("by route-map %s clause %d", n.RouteMapOut, v.Seq), true
		case v.Seq == 0:
			return rtbh.Route{}, fmt.Sprintf("no clause of route-map %s matches", n.RouteMapOut), false
		}
		return rtbh.Route{}, fmt.Sprintf("route-map %s clause %d denies it", n.RouteMapOut, v.Seq), false
	}
	return route, "", true
}

var errNotOpen = errors.New("the BGP speaker is not running yet")

// Reset closes the session with a neighbor.
func (r *router) Reset(neighbor netip.Addr) error {
	if s := r.speaker.Load(); s != nil {
		return s.Reset(neighbor)
	}
	return errNotOpen
}

// Refresh sends or asks for all routes again.
func (r *router) Refresh(neighbor netip.Addr, in, out bool) error {
	if s := r.speaker.Load(); s != nil {
		return s.Refresh(neighbor, in, out)
	}
	return errNotOpen
}
