package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func neighborRows() []row {
	var rows []row
	add := func(pattern string, run func(*call, *match) error) {
		rows = append(rows, row{Modes: execModes, Pattern: pattern, Run: run})
	}
	v4, v6 := family{"IPv4", "ipv4Unicast"}, family{"IPv6", "ipv6Unicast"}
	add("show ip bgp summary [json]", showSummary(false, v4))
	add("show ip bgp ipv4 unicast summary [json]", showSummary(false, v4))
	add("show bgp ipv4 [unicast] summary [json]", showSummary(false, v4))
	add("show bgp ipv6 [unicast] summary [json]", showSummary(false, v6))
	add("show ipv6 bgp summary [json]", showSummary(false, v6))
	add("show bgp summary [json]", showSummary(true, v4, v6))
	for _, p := range []string{"show ip bgp", "show bgp", "show bgp ipv4 [unicast]", "show bgp ipv6 [unicast]", "show ip bgp ipv4 unicast", "show ipv6 bgp"} {
		add(p+" neighbors [<A.B.C.D|X:X::X:X>$peer] [json]", showNeighbors)
		wanted := netip.Addr.Is4
		if strings.Contains(p, "ipv6") || p == "show bgp" {
			wanted = netip.Addr.Is6
		}
		add(p+" neighbors <A.B.C.D|X:X::X:X>$peer advertised-routes [json]", showAdvertised(wanted))
		add(p+" neighbors <A.B.C.D|X:X::X:X>$peer received-routes [json]", showReceived(wanted))
		add(p+" neighbors <A.B.C.D|X:X::X:X>$peer routes [json]", showReceived(wanted))
	}
	return rows
}

// family is an address family, in the words of text and of JSON.
type family struct{ name, json string }

func (f family) has(n NeighborStatus) bool {
	return f.name == "IPv4" && n.IPv4 || f.name == "IPv6" && n.IPv6
}

// sessions is what the summary prints from.
type sessions struct {
	neighbors []NeighborStatus
	routes    map[bool]int // blackholes that this user sees; of IPv6 under true
	index     uint64
	routerID  netip.Addr
	asn       uint32
}

func (c *call) sessions() sessions {
	s := sessions{routerID: netip.IPv4Unspecified(), asn: c.asn(), routes: map[bool]int{}}
	if bgp := c.ports.Node.Current().BGP; bgp != nil && bgp.RouterID.IsValid() {
		s.routerID = bgp.RouterID
	}
	if c.ports.Speaker != nil {
		s.neighbors = c.ports.Speaker.Neighbors()
	}
	c.view(func(st *rtbh.State, now rtbh.Instant) {
		s.index = st.Index()
		for _, b := range st.Blackholes(c.scope, now) {
			s.routes[b.Prefix.Addr().Is6()]++
		}
	})
	if c.scope != "" { // how much is sent for others is not for a customer to know
		s.neighbors = slices.Clone(s.neighbors)
		for i := range s.neighbors {
			n := &s.neighbors[i]
			n.MsgSent -= min(n.MsgSent, n.UpdatesSent)
			n.RouteMapOut, n.UpdatesSent, n.PfxSnt4, n.PfxSnt6 = "", 0, 0, 0
		}
	}
	return s
}

// showSummary prints Quagga's summary of the sessions, of one address family
// or under a title for each.
func showSummary(titles bool, families ...family) func(*call, *match) error {
	return func(c *call, m *match) error {
		s := c.sessions()
		if m.Has("json") {
			out := map[string]summaryJSON{}
			for _, f := range families {
				out[f.json] = c.summaryJSON(s, f)
			}
			c.json(out)
			return nil
		}
		for _, f := range families {
			if titles {
				title := f.name + " Unicast Summary:"
				c.print("\n%s\n%s\n", title, strings.Repeat("-", len(title)))
			}
			c.summary(s, f)
		}
		return nil
	}
}

func (c *call) summary(s sessions, f family) {
	var rows []string
	up, received := 0, uint32(0)
	for _, n := range s.neighbors {
		if !f.has(n) {
			continue
		}
		rows = append(rows, c.summaryLine(s, f, n))
		if n.State == established {
			up++
		}
		received += n.received(f)
	}
	if len(rows) == 0 {
		c.print("No %s neighbor is configured\n", f.name)
		return
	}
	c.print("BGP router identifier %s, local AS number %d\n", s.routerID, s.asn)
	// Quagga tells what its tables take; the figures are its sizes per entry.
	n := s.routes[f.name == "IPv6"]
	c.print("RIB entries %d, using %d bytes of memory\n", n, 112*n)
	c.print("Peers %d, using %d bytes of memory\n\n", len(rows), 9088*len(rows))
	c.print("Neighbor        V         AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd\n")
	for _, r := range rows {
		c.print("%s\n", r)
	}
	c.print("\nTotal number of neighbors %d\n\n", len(rows))
	c.print("Total num. Established sessions %d\nTotal num. of routes received     %d\n", up, received)
}

const established = "Established"

func (n NeighborStatus) received(f family) uint32 {
	if f.name == "IPv6" {
		return n.PfxRcd6
	}
	return n.PfxRcd4
}

func (n NeighborStatus) written(f family) uint32 {
	if f.name == "IPv6" {
		return n.PfxSnt6
	}
	return n.PfxSnt4
}

func (c *call) summaryLine(s sessions, f family, n NeighborStatus) string {
	line := padded(n.Addr.String(), 16, 16) + "4 " +
		fmt.Sprintf("%5d %7d %7d %8d %4d %4d ", n.RemoteAS, n.MsgRcvd, n.MsgSent, 0, 0, 0) +
		fmt.Sprintf("%-8s", c.since(n))
	switch {
	case n.State == established:
		return line + fmt.Sprintf(" %8d", n.received(f))
	case n.Shutdown:
		return line + " Idle (Admin)"
	}
	return line + fmt.Sprintf(" %-11s", n.State)
}

// since is the Up/Down column.
func (c *call) since(n NeighborStatus) string {
	if n.Since.IsZero() {
		return "never"
	}
	return upDown(c.now().Sub(n.Since))
}

type summaryJSON struct {
	RouterID string              `json:"routerId"`
	AS       uint32              `json:"as"`
	VRFID    int                 `json:"vrfId"`
	VRFName  string              `json:"vrfName"`
	Version  uint64              `json:"tableVersion"`
	RIBCount int                 `json:"ribCount"`
	Peers    map[string]peerJSON `json:"peers"`
	Failed   int                 `json:"failedPeers"`
	Total    int                 `json:"totalPeers"`
}

type peerJSON struct {
	RemoteAS    uint32 `json:"remoteAs"`
	LocalAS     uint32 `json:"localAs"`
	Version     int    `json:"version"`
	MsgRcvd     uint64 `json:"msgRcvd"`
	MsgSent     uint64 `json:"msgSent"`
	Uptime      string `json:"peerUptime"`
	UptimeMsec  int64  `json:"peerUptimeMsec"`
	PfxRcd      uint32 `json:"pfxRcd"`
	PfxSnt      uint32 `json:"pfxSnt"`
	State       string `json:"state"`
	Established uint32 `json:"connectionsDropped"`
	Description string `json:"desc,omitempty"`
	IDType      string `json:"idType"`
}

func (c *call) summaryJSON(s sessions, f family) summaryJSON {
	out := summaryJSON{
		RouterID: s.routerID.String(), AS: s.asn, VRFName: "default", Version: s.index, RIBCount: s.routes[f.name == "IPv6"],
		Peers: map[string]peerJSON{},
	}
	for _, n := range s.neighbors {
		if !f.has(n) {
			continue
		}
		p := peerJSON{
			RemoteAS: n.RemoteAS, LocalAS: n.LocalAS, Version: 4, MsgRcvd: n.MsgRcvd, MsgSent: n.MsgSent,
			Uptime: c.since(n), PfxRcd: n.received(f), PfxSnt: n.written(f), State: n.State, Established: n.Flaps,
			Description: n.Description, IDType: map[bool]string{true: "ipv4", false: "ipv6"}[n.Addr.Is4()],
		}
		if n.State == established {
			p.UptimeMsec = c.now().Sub(n.Since).Milliseconds()
		} else {
			out.Failed++
		}
		out.Peers[n.Addr.String()] = p
		out.Total++
	}
	return out
}
