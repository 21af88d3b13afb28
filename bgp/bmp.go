package bgp

import (
	"cmp"
	"net"
	"net/netip"

	"github.com/triggerd/triggerd/bgp/bmp"
	"github.com/triggerd/triggerd/internal/config"
)

// newExporter makes what tells BMP stations of the announcing sessions; nil when
// there are no stations. Monitor sessions are left out: a copy of a full table is for
// the router that sends it to export.
func newExporter(o Options) *bmp.Exporter {
	if len(o.Config.BMP) == 0 {
		return nil
	}
	var stations []bmp.Station
	for _, s := range o.Config.BMP {
		stations = append(stations, bmp.Station{
			Targets: s.Targets, Host: s.Host, Port: s.Port, MinRetry: s.MinRetry, MaxRetry: s.MaxRetry, Statistics: s.Statistics,
		})
	}
	return bmp.New(bmp.Options{Name: o.Name, Description: "triggerd " + o.Version, Stations: stations, Alarms: o.Alarms, Log: o.Log})
}

// mirror makes the announcer tell the exporter what it writes and is sent.
func mirror(x *bmp.Exporter, to engineEvents) engineEvents {
	if x == nil {
		return to
	}
	up := to.session
	to.session = func(addr netip.Addr, established bool) {
		up(addr, established)
		if established {
			x.SessionUp(addr)
		}
	}
	to.ended = func(addr netip.Addr, reason string) { x.SessionDown(addr, downOf(reason)) }
	to.mirrored = x.Routes
	return to
}

// exportSession tells the exporter of an established session.
func (s *Speaker) exportSession(e peerEvent, n config.Neighbor) {
	if s.exporter == nil || n.Monitor {
		return
	}
	s.exporter.SessionKnown(bmp.Session{
		Neighbor: e.addr, AS: n.RemoteAS, RouterID: e.routerID, Up: e.at,
		Local: netip.AddrPortFrom(localAddress(n), e.socket.local.Port()), RemotePort: e.socket.remote.Port(),
		Sent:     openOf(cmp.Or(n.LocalAS, s.engine.asn), cmp.Or(n.Hold, defaultHold), s.conf.RouterID, e.capabilities.local),
		Received: openOf(n.RemoteAS, cmp.Or(n.Hold, defaultHold), e.routerID, e.capabilities.remote),
	})
}

// localAddress is our side of a session. GoBGP tells the port only; without
// `update-source` it is the address that the kernel takes towards the neighbor.
func localAddress(n config.Neighbor) netip.Addr {
	if n.UpdateSource.IsValid() {
		return n.UpdateSource
	}
	c, err := net.Dial("udp", netip.AddrPortFrom(n.Addr, defaultPort).String()) // sends nothing
	if err != nil {
		return netip.IPv4Unspecified()
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
