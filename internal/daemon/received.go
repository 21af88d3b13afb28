package daemon

import (
	"iter"
	"net/netip"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/internal/rtbh"
	"github.com/triggerd/triggerd/rpki"
)

// receivedTable is the index of received routes as the command line sees it.
type receivedTable struct{ service *rpki.Service }

// Walk yields what neighbors send.
func (t receivedTable) Walk(q cli.TableQuery) iter.Seq[cli.TableRoute] {
	judged := t.service.Effective().Data != nil
	return func(yield func(cli.TableRoute) bool) {
		for r := range t.service.Walk(rpki.Query{Peer: q.Neighbor, Prefix: q.Within, Exact: q.Exact}) {
			out := receivedRoute(r.Route)
			if judged {
				out.State = r.State.String()
			}
			if !yield(out) {
				return
			}
		}
	}
}

// Longest returns the longest prefix around an address that a neighbor sends.
func (t receivedTable) Longest(a netip.Addr, keep func(netip.Prefix) bool) (netip.Prefix, bool) {
	if !a.IsValid() {
		return netip.Prefix{}, false
	}
	return t.service.Longest(a, keep)
}

func receivedRoute(r route.Route) cli.TableRoute {
	out := cli.TableRoute{
		Prefix: r.Prefix, Neighbor: r.Peer, NeighborAS: r.PeerAS, NextHop: r.NextHop, Path: r.Path.ASNs,
		Origin: rtbh.Origin(r.Origin), MED: rtbh.Optional(r.MED), LocalPref: rtbh.Optional(r.LocalPref),
	}
	for _, c := range r.Communities {
		out.Communities = append(out.Communities, rtbh.Community(c))
	}
	return out
}
