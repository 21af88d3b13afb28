package cli

import (
	"net/netip"
	"strings"
)

// showNeighbors prints the sessions in full. A password never gets here.
func showNeighbors(c *call, m *match) error {
	s := c.sessions()
	wanted := m.Addr("peer")
	shown := map[string]any{}
	for _, n := range s.neighbors {
		if wanted.IsValid() && n.Addr != wanted {
			continue
		}
		if m.Has("json") {
			shown[n.Addr.String()] = c.neighborJSON(s, n)
			continue
		}
		shown[n.Addr.String()] = nil
		c.neighbor(s, n)
	}
	absent := wanted.IsValid() && len(shown) == 0
	switch {
	case absent && m.Has("json"):
		c.noNeighborJSON()
	case absent:
		return saying("% No such neighbor")
	case m.Has("json"):
		c.json(shown)
	}
	return nil
}

// noNeighborJSON is FRR's answer to what reads JSON.
func (c *call) noNeighborJSON() {
	c.json(map[string]bool{"bgpNoSuchNeighbor": true})
}

func (n NeighborStatus) localAS(s sessions) uint32 {
	if n.LocalAS != 0 {
		return n.LocalAS
	}
	return s.asn
}

func (c *call) neighbor(s sessions, n NeighborStatus) {
	link := "external"
	if n.localAS(s) == n.RemoteAS {
		link = "internal"
	}
	id := n.RouterID
	if !id.IsValid() {
		id = netip.IPv4Unspecified()
	}
	t := &configText{}
	t.add("BGP neighbor is %s, remote AS %d, local AS %d, %s link", n.Addr, n.RemoteAS, n.localAS(s), link)
	t.opt(n.Description != "", " Description: %s", clean(n.Description))
	t.opt(n.Shutdown, " Administratively shut down")
	t.add("  BGP version 4, remote router ID %s", id)
	if n.State == established {
		t.add("  BGP state = %s, up for %s", n.State, c.since(n))
	} else {
		t.add("  BGP state = %s", n.State)
	}
	t.add("  Hold time is %d, keepalive interval is %d seconds", n.Hold, n.Keepalive)
	t.opt(n.RestartTime > 0, "  Graceful restart: routes are kept %d seconds while this node is away", n.RestartTime)
	t.opt(n.Password, "  TCP MD5 signature is on")
	t.opt(n.LocalRole != "", "  Local Role: %s", n.LocalRole)
	t.opt(n.LocalRole != "", "  Remote Role: undefined")
	t.opt(n.Monitor, "  Monitor session: nothing is announced to it")
	t.add("  Message statistics:")
	t.add("                         Sent       Rcvd")
	for _, line := range []struct {
		name       string
		sent, rcvd uint64
	}{
		{"Opens", n.OpensSent, n.OpensRcvd}, {"Notifications", n.NotificationsSent, n.NotificationsRcvd},
		{"Updates", n.UpdatesSent, n.UpdatesRcvd}, {"Keepalives", n.KeepalivesSent, n.KeepalivesRcvd},
		{"Route Refresh", n.RefreshSent, n.RefreshRcvd}, {"Total", n.MsgSent, n.MsgRcvd},
	} {
		t.add("    %-15s%10d %10d", line.name+":", line.sent, line.rcvd)
	}
	for _, f := range []family{{"IPv4", ""}, {"IPv6", ""}} {
		if !f.has(n) {
			continue
		}
		t.add("")
		t.add(" For address family: %s Unicast", f.name)
		t.opt(n.RouteMapOut != "", "  Route map for outgoing advertisements is *%s", clean(n.RouteMapOut))
		t.add("  %d accepted prefixes, %d announced", n.received(f), n.written(f))
	}
	t.add("")
	t.add("  Connections dropped %d", n.Flaps)
	t.opt(n.LastError != "", "  Last reset due to %s", clean(n.LastError))
	t.opt(n.Multihop > 0, "  External BGP neighbor may be up to %d hops away.", n.Multihop)
	t.opt(n.TTLSecurity > 0, "  TTL security: at most %d hops away.", n.TTLSecurity)
	t.add("")
	c.print("%s\n", strings.Join(t.lines, "\n"))
}

type neighborJSON struct {
	RemoteAS    uint32            `json:"remoteAs"`
	LocalAS     uint32            `json:"localAs"`
	Description string            `json:"nbrDesc,omitempty"`
	State       string            `json:"bgpState"`
	Version     int               `json:"bgpVersion"`
	RouterID    string            `json:"remoteRouterId"`
	Uptime      string            `json:"bgpTimerUpString"`
	Hold        int               `json:"bgpTimerHoldTimeMsecs"`
	Keepalive   int               `json:"bgpTimerKeepAliveIntervalMsecs"`
	Shutdown    bool              `json:"adminShutDown,omitempty"`
	MD5         bool              `json:"tcpMd5,omitempty"`
	LocalRole   string            `json:"localRole,omitempty"`
	LastError   string            `json:"lastResetDueTo,omitempty"`
	Dropped     uint32            `json:"connectionsDropped"`
	Stats       map[string]uint64 `json:"messageStats"`
	Families    map[string]afJSON `json:"addressFamilyInfo"`
}

type afJSON struct {
	Accepted uint32 `json:"acceptedPrefixCounter"`
	Sent     uint32 `json:"sentPrefixCounter"`
	RouteMap string `json:"routeMapForOutgoingAdvertisements,omitempty"`
}

func (c *call) neighborJSON(s sessions, n NeighborStatus) neighborJSON {
	out := neighborJSON{
		RemoteAS: n.RemoteAS, LocalAS: n.localAS(s), Description: n.Description, State: n.State, Version: 4,
		RouterID: "0.0.0.0", Uptime: c.since(n), Hold: int(n.Hold) * 1000, Keepalive: int(n.Keepalive) * 1000,
		Shutdown: n.Shutdown, MD5: n.Password, LocalRole: n.LocalRole, LastError: n.LastError, Dropped: n.Flaps,
		Stats: map[string]uint64{
			"opensSent": n.OpensSent, "opensRecv": n.OpensRcvd,
			"notificationsSent": n.NotificationsSent, "notificationsRecv": n.NotificationsRcvd,
			"updatesSent": n.UpdatesSent, "updatesRecv": n.UpdatesRcvd,
			"keepalivesSent": n.KeepalivesSent, "keepalivesRecv": n.KeepalivesRcvd,
			"routeRefreshSent": n.RefreshSent, "routeRefreshRecv": n.RefreshRcvd,
			"totalSent": n.MsgSent, "totalRecv": n.MsgRcvd,
		},
		Families: map[string]afJSON{},
	}
	if n.RouterID.IsValid() {
		out.RouterID = n.RouterID.String()
	}
	for _, f := range []family{{"IPv4", "ipv4Unicast"}, {"IPv6", "ipv6Unicast"}} {
		if f.has(n) {
			out.Families[f.json] = afJSON{n.received(f), n.written(f), n.RouteMapOut}
		}
	}
	return out
}
