package cli

import (
	"bufio"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// rpkiRows are FRR's shows about RPKI, in its shapes. The caches and the whole
// table are for who sees all; the others are about a customer's own prefixes for
// a customer.
func rpkiRows() []row {
	all := viewers | operators
	return append([]row{
		{Modes: execModes, Pattern: "show rpki cache-connection [json]", For: all, Run: showCacheConnection},
		{Modes: execModes, Pattern: "show rpki cache-connection detail [json]", For: all, Run: showCacheDetail},
		{Modes: execModes, Pattern: "show rpki cache-server [json]", For: all, Run: showCacheServer},
		{Modes: execModes, Pattern: "show rpki prefix-table [json]", For: all, Run: showPrefixTable},
		{Modes: execModes, Pattern: "show rpki as-number (0-4294967295)$asn [json]", For: all, Run: showPrefixTable},
		{Modes: execModes, Pattern: "show rpki prefix <A.B.C.D/M|X:X::X:X/M>$net [(0-4294967295)$asn] [covering] [json]", Run: showRPKIPrefix},
		{Modes: execModes, Pattern: "show rpki blackhole <A.B.C.D/M|X:X::X:X/M>$net [json]", Run: showRPKIBlackhole},
		{Modes: execModes, Pattern: "show rpki aspa [(1-4294967295)$asn] [json]", For: all, Run: showASPA},
		{Modes: execModes, Pattern: "show rpki caches [json]", For: all, Run: showCaches},
		{Modes: execModes, Pattern: "show rpki difference [json]", For: all, Run: showCacheDifference},
		{Modes: execModes, Pattern: "show rpki statistics [json]", For: all, Run: showRPKIStatistics},
		{Modes: execModes[1:], Pattern: "rpki accept", For: operators, Run: acceptRPKI},
		{Modes: execModes[1:], Pattern: "rpki reset", For: operators, Run: resetRPKI},
	}, rovRows()...)
}

// noCache is what FRR says when there is nothing to show.
const noCache = "No connection to RPKI cache server.\n"

// usable says that there is nothing to show, or returns the VRPs.
func (c *call) usable(m *match) (iter.Seq[VRP], bool) {
	if c.ports.RPKI != nil {
		if all, ok := c.ports.RPKI.VRPs(); ok {
			return all, true
		}
	}
	c.noCache(m)
	return nil, false
}

func (c *call) noCache(m *match) {
	if m.Has("json") {
		c.json(map[string]string{"error": strings.TrimSpace(noCache)})
		return
	}
	c.print(noCache)
}

func (c *call) caches() []RTRCache {
	if c.ports.RPKI == nil {
		return nil
	}
	return c.ports.RPKI.Caches()
}

// cacheJSON has FRR's members first.
type cacheJSON struct {
	Mode       string `json:"mode"`
	Host       string `json:"host"`
	Port       string `json:"port"`
	Preference uint8  `json:"preference"`
	State      string `json:"state,omitempty"`
}

func cacheAsJSON(k RTRCache) cacheJSON {
	return cacheJSON{Mode: k.Transport, Host: clean(k.Host), Port: fmt.Sprint(k.Port), Preference: k.Preference}
}

// showCacheConnection calls the caches of one preference a group, as FRR does. As
// with FRR, a group stays connected while its data serve; which caches are is
// behind each.
func showCacheConnection(c *call, m *match) error {
	caches := c.caches()
	used := slices.IndexFunc(caches, func(k RTRCache) bool { return k.InUse })
	if used < 0 {
		c.noCache(m)
		return nil
	}
	if m.Has("json") {
		out := struct {
			Group       uint8       `json:"connectedGroup"`
			Connections []cacheJSON `json:"connections"`
		}{Group: caches[used].Preference}
		for _, k := range caches {
			j := cacheAsJSON(k)
			if j.State = "disconnected"; k.Up {
				j.State = "connected"
			}
			out.Connections = append(out.Connections, j)
		}
		c.json(out)
		return nil
	}
	c.print("Connected to group %d\n", caches[used].Preference)
	for _, k := range caches {
		state := ""
		if k.Up {
			state = " (connected)"
		}
		c.print("rpki %s cache %s %d pref %d%s\n", k.Transport, clean(k.Host), k.Port, k.Preference, state)
	}
	return nil
}

type cacheDetailJSON struct {
	cacheJSON
	InUse      bool       `json:"inUse"`
	Version    uint8      `json:"version"`
	Session    *uint16    `json:"session,omitempty"`
	Serial     *uint32    `json:"serial,omitempty"`
	Updated    *time.Time `json:"updated,omitempty"`
	Expires    *time.Time `json:"expires,omitempty"`
	IPv4       int        `json:"ipv4PrefixCount"`
	IPv6       int        `json:"ipv6PrefixCount"`
	ASPAs      int        `json:"aspaCount"`
	RouterKeys int        `json:"routerKeyCount"`
	LastError  string     `json:"lastError,omitempty"`
}

func cacheDetailAsJSON(k RTRCache) cacheDetailJSON {
	j := cacheDetailJSON{cacheJSON: cacheAsJSON(k), InUse: k.InUse, Version: k.Version, LastError: k.LastError,
		IPv4: k.IPv4, IPv6: k.IPv6, ASPAs: k.ASPAs, RouterKeys: k.RouterKeys}
	if j.State = k.State; k.HasData {
		j.Session, j.Serial, j.Updated, j.Expires = &k.Session, &k.Serial, &k.Updated, &k.Expires
	}
	return j
}

// showCacheDetail prints what there is to know about each cache.
func showCacheDetail(c *call, m *match) error {
	caches := c.caches()
	if m.Has("json") {
		all := []cacheDetailJSON{}
		for _, k := range caches {
			all = append(all, cacheDetailAsJSON(k))
		}
		c.json(struct {
			Caches []cacheDetailJSON `json:"caches"`
		}{all})
		return nil
	}
	if len(caches) == 0 {
		c.print("No RPKI caches are configured.\n")
	}
	for _, k := range caches {
		c.cacheDetail(k)
	}
	return nil
}

func (c *call) cacheDetail(k RTRCache) {
	t := &configText{}
	t.add("RPKI cache %s port %d, %s, preference %d", clean(k.Host), k.Port, k.Transport, k.Preference)
	t.add("  State:        %s, version %d", k.State, k.Version)
	if k.HasData {
		t.add("  Data:         session %d, serial %d, in use: %s", k.Session, k.Serial, yesNo(k.InUse))
		t.add("  Records:      %d IPv4 and %d IPv6 prefixes, %d ASPAs, %d router keys", k.IPv4, k.IPv6, k.ASPAs, k.RouterKeys)
		t.add("  Updated:      %s", k.Updated.UTC().Format("2006-01-02 15:04:05"))
		t.add("  Expires:      %s", k.Expires.UTC().Format("2006-01-02 15:04:05"))
	} else {
		t.add("  Data:         none that are complete and not expired")
	}
	t.opt(k.LastError != "", "  Last error:   %s", clean(k.LastError))
	c.print("%s\n", strings.Join(t.lines, "\n"))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func showCacheServer(c *call, m *match) error {
	caches := c.caches()
	if m.Has("json") {
		servers := []cacheJSON{}
		for _, k := range caches {
			servers = append(servers, cacheAsJSON(k))
		}
		c.json(struct {
			Servers []cacheJSON `json:"servers"`
		}{servers})
		return nil
	}
	if len(caches) == 0 {
		c.print("No RPKI caches are configured.\n")
	}
	for _, k := range caches {
		c.print("host: %s port: %d, preference: %d\n", clean(k.Host), k.Port, k.Preference)
	}
	return nil
}

type vrpJSON struct {
	Prefix netip.Addr `json:"prefix"`
	Min    int        `json:"prefixLenMin"`
	Max    uint8      `json:"prefixLenMax"`
	ASN    uint32     `json:"asn"`
}

func vrpAsJSON(v VRP) vrpJSON { return vrpJSON{v.Prefix.Addr(), v.Prefix.Bits(), v.MaxLen, v.ASN} }

const vrpHeading = "Prefix                                   Prefix Length  Origin-AS\n"

func (v VRP) line() string {
	return fmt.Sprintf("%-40s   %3d - %3d   %10d\n", v.Prefix.Addr(), v.Prefix.Bits(), v.MaxLen, v.ASN)
}

// showPrefixTable prints all VRPs, or those of one AS. There may be a million:
// they are printed as they are read.
func showPrefixTable(c *call, m *match) error {
	all, ok := c.usable(m)
	if !ok {
		return nil
	}
	wanted := func(v VRP) bool { return !m.Has("asn") || uint64(v.ASN) == m.Number("asn") }
	var count [2]int
	out := bufio.NewWriterSize(c.out, 1<<16)
	json, between := m.Has("json"), ""
	if json {
		fmt.Fprint(out, "{\n  \"prefixes\": [")
	} else {
		fmt.Fprint(out, "RPKI/RTR prefix table\n", vrpHeading)
	}
	for v := range all {
		if !wanted(v) {
			continue
		}
		count[(v.Prefix.Addr().BitLen()-32)/96]++
		if !json {
			fmt.Fprint(out, v.line())
			continue
		}
		fmt.Fprintf(out, "%s\n    {\n      \"prefix\": %q,\n      \"prefixLenMin\": %d,\n      \"prefixLenMax\": %d,\n      \"asn\": %d\n    }",
			between, v.Prefix.Addr(), v.Prefix.Bits(), v.MaxLen, v.ASN)
		between = ","
	}
	if json {
		fmt.Fprintf(out, "\n  ],\n  \"ipv4PrefixCount\": %d,\n  \"ipv6PrefixCount\": %d\n}\n", count[0], count[1])
	} else {
		fmt.Fprintf(out, "Number of IPv4 Prefixes: %d\nNumber of IPv6 Prefixes: %d\n", count[0], count[1])
	}
	_ = out.Flush() // whoever reads it has gone
	return nil
}

// showRPKIPrefix prints the VRPs that authorize somebody for a prefix, as FRR
// does; with `covering` also those whose maxLength is too short for it.
func showRPKIPrefix(c *call, m *match) error {
	p, err := c.ownPrefix(m)
	if err != nil {
		return err
	}
	if _, ok := c.usable(m); !ok {
		return nil
	}
	covering := slices.DeleteFunc(c.ports.RPKI.Covering(p), func(v VRP) bool {
		return m.Has("asn") && uint64(v.ASN) != m.Number("asn") || p.Bits() > int(v.MaxLen) && !m.Has("covering")
	})
	if m.Has("json") {
		c.json(struct {
			Prefixes []vrpJSON `json:"prefixes"`
		}{vrpsAsJSON(covering)})
		return nil
	}
	c.print(vrpHeading)
	for _, v := range covering {
		c.print("%s", v.line())
	}
	return nil
}

// ownPrefix is the prefix of a line, when this user may ask about it. As with FRR,
// a question may have bits set behind the mask.
func (c *call) ownPrefix(m *match) (netip.Prefix, error) {
	p := m.Prefix("net").Masked()
	if c.scope == "" {
		return p, nil
	}
	cu, _ := c.customer(c.scope)
	if !cu.Covers(p) {
		return p, saying(fmt.Sprintf("%% %s is not within your prefixes (%s).", p, orNone(prefixesText(cu.Granted()))))
	}
	return p, nil
}
