package cli

import (
	"encoding/json"
	"fmt"
	"iter"
)

// receivedRouteJSON is FRR's shape of a route in a neighbor's table.
type receivedRouteJSON struct {
	Valid     bool          `json:"valid"`
	PathFrom  string        `json:"pathFrom"`
	Prefix    string        `json:"prefix"`
	PrefixLen int           `json:"prefixLen"`
	Network   string        `json:"network"`
	NextHop   string        `json:"nextHop"`
	Metric    *uint32       `json:"metric,omitempty"`
	LocPrf    *uint32       `json:"locPrf,omitempty"`
	Weight    int           `json:"weight"`
	PeerID    string        `json:"peerId"`
	Path      string        `json:"path"`
	Origin    string        `json:"origin"`
	Community []string      `json:"community,omitempty"`
	RPKI      string        `json:"rpkiValidationState,omitempty"`
	NextHops  []nextHopJSON `json:"nexthops"`
}

func (r TableRoute) asJSON(internal bool) receivedRouteJSON {
	out := receivedRouteJSON{
		Valid: true, PathFrom: "external", Prefix: r.Prefix.Addr().String(), PrefixLen: r.Prefix.Bits(), Network: r.Prefix.String(),
		NextHop: r.NextHop.String(), Metric: pointer(r.MED), LocPrf: pointer(r.LocalPref), PeerID: r.Neighbor.String(),
		Path: joined(r.Path, asnText), Origin: originJSON(r.Origin), RPKI: r.State, NextHops: []nextHopJSON{r.nextHopJSON()},
	}
	if internal {
		out.PathFrom = "internal"
	}
	for _, c := range r.Communities {
		out.Community = append(out.Community, communityText(c))
	}
	return out
}

func (r TableRoute) nextHopJSON() nextHopJSON {
	h := nextHopJSON{IP: r.NextHop.String(), AFI: "ipv4"}
	if r.NextHop.Is6() {
		h.AFI = "ipv6"
	}
	return h
}

// printJSON writes the object while the table is read: one value of it would be
// gigabytes in memory. A neighbor may send several paths of a prefix, which come
// one after the other.
func (t receivedTable) printJSON(routes iter.Seq[TableRoute]) {
	fmt.Fprintf(t.out, "{\n  \"bgpTableVersion\": %d,\n  \"bgpLocalRouterId\": %q,\n  \"localAS\": %d,\n  \"receivedRoutes\": {",
		t.s.index, t.s.routerID, t.s.asn)
	n := 0
	var last string
	for r := range routes {
		one, err := json.Marshal(r.asJSON(t.n.internal(t.s)))
		if err != nil {
			continue // it is made of texts and numbers
		}
		switch network := r.Prefix.String(); {
		case n > 0 && network == last:
			fmt.Fprintf(t.out, ",\n      %s", one)
		case n > 0:
			fmt.Fprintf(t.out, "\n    ],\n    %q: [\n      %s", network, one)
		default:
			fmt.Fprintf(t.out, "\n    %q: [\n      %s", network, one)
		}
		n, last = n+1, r.Prefix.String()
	}
	if n > 0 {
		fmt.Fprint(t.out, "\n    ]\n  ")
	}
	fmt.Fprintf(t.out, "},\n  \"totalPrefixCounter\": %d\n}\n", n)
}

// pathJSON is a received route as one of the paths of a prefix.
func (r TableRoute) pathJSON(n NeighborStatus, internal bool) pathJSON {
	p := pathJSON{
		Origin: originJSON(r.Origin), Metric: pointer(r.MED), LocPrf: pointer(r.LocalPref), Valid: true,
		Community: texts(r.Communities, communityText), RPKI: r.State, NextHops: []nextHopJSON{r.nextHopJSON()},
	}
	p.ASPath.String, p.ASPath.Length = joined(r.Path, asnText), len(r.Path)
	p.Peer.ID, p.Peer.RouterID, p.Peer.Type = r.Neighbor.String(), n.RouterID.String(), "external"
	if internal {
		p.Peer.Type = "internal"
	}
	if len(r.Path) == 0 {
		p.ASPath.String = "Local"
	}
	if !n.RouterID.IsValid() {
		p.Peer.RouterID = "0.0.0.0"
	}
	return p
}
