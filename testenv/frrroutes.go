package testenv

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// frrTable is what `show bgp ipv4 unicast json` answers, as far as needed: the
// prefixes. Attributes are asked for prefix by prefix, since FRR 8.4 has no
// detailed listing as JSON.
type frrTable struct {
	Routes map[string]any `json:"routes"`
}

// frrPrefix is what `show bgp ipv4 unicast P json` answers.
type frrPrefix struct {
	Paths []struct {
		ASPath struct {
			String string `json:"string"`
		} `json:"aspath"`
		Bestpath struct {
			Overall bool `json:"overall"`
		} `json:"bestpath"`
		Stale     bool   `json:"stale"`
		Metric    uint32 `json:"metric"`
		Community struct {
			String string `json:"string"`
		} `json:"community"`
		Nexthops []struct {
			IP string `json:"ip"`
		} `json:"nexthops"`
		Peer struct {
			ID string `json:"peerId"`
		} `json:"peer"`
	} `json:"paths"`
}

// Routes is bgpd's table of both families, after the import policy, without what
// it originates itself.
func (f *FRR) Routes() []Route {
	f.host.lab.t.Helper()
	var routes []Route
	for _, family := range []string{"ipv4", "ipv6"} {
		found, err := f.familyRoutes(family)
		if err != nil {
			f.host.lab.t.Fatalf("%s: %v", f.Name(), err)
		}
		routes = append(routes, found...)
	}
	sortRoutes(routes)
	return routes
}

func (f *FRR) familyRoutes(family string) ([]Route, error) {
	socket := f.host.Path("bgpd.vty")
	var table frrTable
	if err := askVtyJSON(socket, "show bgp "+family+" unicast json", &table); err != nil {
		return nil, err
	}
	var routes []Route
	for text := range table.Routes {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		var detail frrPrefix
		if err := askVtyJSON(socket, "show bgp "+family+" unicast "+text+" json", &detail); err != nil {
			return nil, err
		}
		found, err := detail.routes(prefix)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		routes = append(routes, found...)
	}
	return routes, nil
}

// routes converts the paths. A prefix that went away between the two questions has
// none.
func (d frrPrefix) routes(prefix netip.Prefix) ([]Route, error) {
	var routes []Route
	for _, p := range d.Paths {
		from, err := netip.ParseAddr(p.Peer.ID)
		if err != nil || from.IsUnspecified() { // "(unspec)", "::": its own
			continue
		}
		r := Route{Prefix: prefix, From: from, Best: p.Bestpath.Overall, Stale: p.Stale, MED: p.Metric,
			Communities: communityNumbers(p.Community.String)}
		if len(p.Nexthops) > 0 {
			r.NextHop, _ = netip.ParseAddr(p.Nexthops[0].IP)
		}
		if r.ASPath, err = parseASPath(p.ASPath.String); err != nil {
			return nil, err
		}
		routes = append(routes, r)
	}
	return routes, nil
}

// wellKnown are the communities that FRR prints as words.
var wellKnown = map[string]string{
	"blackhole":         "65535:666",
	"no-export":         "65535:65281",
	"no-advertise":      "65535:65282",
	"local-AS":          "65535:65283",
	"no-peer":           "65535:65284",
	"graceful-shutdown": "65535:0",
	"internet":          "0:0",
}

// communityNumbers turns "blackhole 64500:7" into sorted numbers.
func communityNumbers(text string) []string {
	out := []string{}
	for _, word := range strings.Fields(text) {
		if number, ok := wellKnown[word]; ok {
			word = number
		}
		out = append(out, word)
	}
	slices.Sort(out)
	return out
}

// parseASPath reads a path of plain sequences; "Local" and "" are the empty path.
func parseASPath(text string) ([]uint32, error) {
	path := []uint32{}
	if text == "Local" {
		return path, nil
	}
	for _, word := range strings.Fields(text) {
		var as uint32
		if _, err := fmt.Sscanf(word, "%d", &as); err != nil {
			return nil, fmt.Errorf("AS path %q: %w", text, err)
		}
		path = append(path, as)
	}
	return path, nil
}
