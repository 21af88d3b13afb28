package daemon

import (
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
	if s := r.speaker.Load(); s != nil {
		for _, n := range s.Neighbors() {
			known[n.Addr.String()] = n
		}
	}
	var all []cli.NeighborStatus
	for _, n := range conf.BGP.Neighbors {
		all = append(all, neighborStatus(conf.BGP.ASN, n, known[n.Addr.String()]))
	}
	return all
}

// neighborStatus puts together what is configured and what is seen.
func neighborStatus(asn uint32, n config.Neighbor, seen bgp.NeighborStatus) cli.NeighborStatus {
	out := cli.NeighborStatus{
		Addr: n.Addr, RemoteAS: n.RemoteAS, LocalAS: n.LocalAS, Description: n.Description,
		State: string(seen.State), Since: seen.Since, LastError: seen.LastError,
		Shutdown: n.Shutdown, Passive: n.Passive, Monitor: n.Monitor, Password: n.Password != "",
		IPv4: n.IPv4, IPv6: n.IPv6, Hold: n.Hold, Keepalive: n.Keepalive, RestartTime: n.RestartTime,
		Multihop: n.Multihop, TTLSecurity: n.TTLSecurity, RouteMapOut: n.RouteMapOut,
		MsgRcvd: seen.MessagesIn, MsgSent: seen.MessagesOut, PfxRcd4: uint32(seen.Received),
	}
	if out.LocalAS == 0 {
		out.LocalAS = asn
	}
	if out.State == "" {
		out.State = string(bgp.Idle)
	}
	return out
}
