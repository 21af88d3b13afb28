package cli

import (
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// The JSON of the BGP shows has FRR's names, so that what reads FRR's reads it.

type tableJSON struct {
	VRFID         int                    `json:"vrfId"`
	VRFName       string                 `json:"vrfName"`
	TableVersion  uint64                 `json:"tableVersion"`
	RouterID      string                 `json:"routerId"`
	DefaultLocPrf int                    `json:"defaultLocPrf"`
	LocalAS       uint32                 `json:"localAS"`
	Routes        map[string][]routeJSON `json:"routes"`
}

type routeJSON struct {
	Valid     bool          `json:"valid"`
	BestPath  bool          `json:"bestpath,omitempty"`
	PathFrom  string        `json:"pathFrom"`
	Prefix    string        `json:"prefix"`
	PrefixLen int           `json:"prefixLen"`
	Network   string        `json:"network"`
	Metric    *uint32       `json:"metric,omitempty"`
	LocPrf    *uint32       `json:"locPrf,omitempty"`
	Weight    int           `json:"weight"`
	PeerID    string        `json:"peerId"`
	Path      string        `json:"path"`
	Origin    string        `json:"origin"`
	NextHops  []nextHopJSON `json:"nexthops"`
}

type nextHopJSON struct {
	IP       string `json:"ip"`
	Hostname string `json:"hostname,omitempty"`
	AFI      string `json:"afi"`
	Used     bool   `json:"used"`
}

func (t bgpTable) asJSON(host string, shown []bgpRoute) tableJSON {
	out := tableJSON{
		VRFName: "default", TableVersion: t.index, RouterID: t.routerID.String(), DefaultLocPrf: 100,
		LocalAS: t.asn, Routes: map[string][]routeJSON{},
	}
	for _, r := range shown {
		out.Routes[r.Prefix.String()] = []routeJSON{{
			Valid: true, BestPath: r.announced, PathFrom: "external", Prefix: r.Prefix.Addr().String(),
			PrefixLen: r.Prefix.Bits(), Network: r.Prefix.String(), Metric: new(r.metric()), LocPrf: pointer(r.LocalPref),
			Weight: 32768, PeerID: "(unspec)", Path: joined(r.Prepend, asnText), Origin: originJSON(r.Origin),
			NextHops: []nextHopJSON{{IP: r.NextHop.String(), Hostname: host, AFI: afi(r), Used: true}},
		}}
	}
	return out
}

func pointer(o rtbh.Optional) *uint32 {
	if !o.Set {
		return nil
	}
	return &o.Value
}

func afi(r bgpRoute) string {
	if r.Prefix.Addr().Is6() {
		return "ipv6"
	}
	return "ipv4"
}

func originJSON(o rtbh.Origin) string {
	return [...]string{"IGP", "EGP", "incomplete"}[min(o, rtbh.OriginIncomplete)]
}

type entryJSON struct {
	Prefix string     `json:"prefix"`
	Paths  []pathJSON `json:"paths"`
}

type pathJSON struct {
	ASPath struct {
		String string `json:"string"`
		Length int    `json:"length"`
	} `json:"aspath"`
	Origin    string     `json:"origin"`
	Metric    *uint32    `json:"metric,omitempty"`
	LocPrf    *uint32    `json:"locPrf,omitempty"`
	Weight    int        `json:"weight"`
	Valid     bool       `json:"valid"`
	Sourced   bool       `json:"sourced,omitempty"`
	Local     bool       `json:"local,omitempty"`
	BestPath  *bestJSON  `json:"bestpath,omitempty"`
	Community *textsJSON `json:"community,omitempty"`
	Extended  *textsJSON `json:"extendedCommunity,omitempty"`
	Large     *textsJSON `json:"largeCommunity,omitempty"`
	RPKI      string     `json:"rpkiValidationState,omitempty"`
	Updated   *timeJSON  `json:"lastUpdate,omitempty"` // of own routes

	NextHops []nextHopJSON `json:"nexthops"`
	Peer     struct {
		ID       string `json:"peerId"`
		RouterID string `json:"routerId"`
		Type     string `json:"type,omitempty"`
	} `json:"peer"`
}

type timeJSON struct {
	Epoch  int64  `json:"epoch"`
	String string `json:"string"`
}

type bestJSON struct {
	Overall bool `json:"overall"`
}

type textsJSON struct {
	String string   `json:"string"`
	List   []string `json:"list,omitempty"`
}

func texts[T any](all []T, text func(T) string) *textsJSON {
	if len(all) == 0 {
		return nil
	}
	out := &textsJSON{String: joined(all, text)}
	for _, x := range all {
		out.List = append(out.List, text(x))
	}
	return out
}

func (r bgpRoute) asJSON(t bgpTable, updated time.Time) pathJSON {
	p := pathJSON{
		Origin: originJSON(r.Origin), Metric: new(r.metric()), LocPrf: pointer(r.LocalPref), Weight: 32768,
		Valid: true, Sourced: true, Local: true,
		Community: texts(r.Communities, communityText), Large: texts(r.Large, largeText),
		NextHops: []nextHopJSON{{IP: r.NextHop.String(), AFI: afi(r), Used: true}},
	}
	p.Extended = texts(r.Ext, func(e rtbh.ExtCommunity) string {
		if sub, _ := extSubtype(e); sub == extSiteOrigin {
			return "SoO:" + extText(e)
		}
		return "RT:" + extText(e)
	})
	p.ASPath.String, p.ASPath.Length = "Local", len(r.Prepend)
	if len(r.Prepend) > 0 {
		p.ASPath.String = joined(r.Prepend, asnText)
	}
	if r.announced {
		p.BestPath = &bestJSON{Overall: true}
	}
	p.Updated = &timeJSON{updated.Unix(), updated.Format(time.ANSIC) + "\n"}
	p.Peer.ID, p.Peer.RouterID = "0.0.0.0", t.routerID.String()
	return p
}
