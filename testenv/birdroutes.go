package testenv

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// parseBirdRoutes reads the answer to `show route all`:
//
//	Table master4:
//	198.51.100.7/32      blackhole [peer_10_20_0_11 12:00:00.000 from 10.20.0.11] * (100) [AS64500i]
//		Type: BGP univ
//		BGP.as_path: 64500
//		BGP.next_hop: 192.0.2.1
//		BGP.community: (65535,65281) (65535,666)
//	                     blackhole [peer_10_20_0_12 12:00:00.000 from 10.20.0.12] (100) [AS64500i]
//
// A further path of the same prefix has blanks in the prefix's place; a stale one
// has an s in the brackets after the preference.
func parseBirdRoutes(lines []string) ([]Route, error) {
	var routes []Route
	var prefix netip.Prefix
	for _, line := range lines {
		if name, value, ok := birdAttribute(line); ok {
			if len(routes) == 0 {
				return nil, fmt.Errorf("attribute before any route: %q", line)
			}
			if err := routes[len(routes)-1].setBird(name, value); err != nil {
				return nil, err
			}
			continue
		}
		head, detail, ok := strings.Cut(line, "[")
		if !ok {
			continue // "Table master4:", "via ..."
		}
		if !strings.HasPrefix(head, " ") {
			var err error
			if prefix, err = netip.ParsePrefix(strings.Fields(head)[0]); err != nil {
				return nil, err
			}
		}
		route, err := birdPath(prefix, detail)
		if err != nil {
			return nil, err
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// birdPath reads what follows the first bracket of a route's line.
func birdPath(prefix netip.Prefix, detail string) (Route, error) {
	r := Route{Prefix: prefix, ASPath: []uint32{}, Communities: []string{}}
	inside, after, _ := strings.Cut(detail, "]")
	words := strings.Fields(inside)
	if at := slices.Index(words, "from"); at >= 0 && at+1 < len(words) {
		from, err := netip.ParseAddr(words[at+1])
		if err != nil {
			return r, fmt.Errorf("%q: %w", detail, err)
		}
		r.From = from
	} else if from, ok := addrOfProtocol(words[0]); ok {
		r.From = from
	}
	r.Best = strings.Contains(after, "*")
	if _, preference, ok := strings.Cut(after, "("); ok {
		preference, _, _ = strings.Cut(preference, ")")
		r.Stale = strings.Contains(preference, "s")
	}
	return r, nil
}

// addrOfProtocol undoes protocolName for IPv4; BIRD leaves "from" out when the
// route's gateway is the neighbor itself.
func addrOfProtocol(name string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.ReplaceAll(strings.TrimPrefix(name, "peer_"), "_", "."))
	return a, err == nil
}

// birdAttribute takes "\tBGP.next_hop: 192.0.2.1" apart.
func birdAttribute(line string) (name, value string, ok bool) {
	rest, found := strings.CutPrefix(strings.TrimLeft(line, "\t "), "BGP.")
	if !found {
		return "", "", false
	}
	name, value, ok = strings.Cut(rest, ": ")
	return name, value, ok
}

func (r *Route) setBird(name, value string) (err error) {
	switch name {
	case "next_hop":
		r.NextHop, err = netip.ParseAddr(strings.Fields(value)[0])
	case "as_path":
		r.ASPath, err = parseASPath(value)
	case "med":
		_, err = fmt.Sscan(value, &r.MED)
	case "community":
		for _, c := range strings.Fields(value) {
			r.Communities = append(r.Communities, strings.ReplaceAll(strings.Trim(c, "()"), ",", ":"))
		}
		slices.Sort(r.Communities)
	}
	return err
}
