package cli

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// name is HOST:PORT.
func (k RTRCache) name() string { return net.JoinHostPort(clean(k.Host), fmt.Sprint(k.Port)) }

// showCaches prints a line for each cache.
func showCaches(c *call, m *match) error {
	if m.Has("json") {
		return showCacheDetail(c, m)
	}
	caches := c.caches()
	if len(caches) == 0 {
		c.print("No RPKI caches are configured.\n")
		return nil
	}
	rows := [][]string{{"Cache", "Transport", "Pref", "State", "For", "In use", "Version", "Session", "Serial", "VRPs", "Age", "Expires in"}}
	for _, k := range caches {
		row := []string{k.name(), k.Transport, fmt.Sprint(k.Preference), k.State, c.ago(k.Since), yesNo(k.InUse), "-", "-", "-", "-", "-", "-"}
		if k.HasData {
			row = append(row[:6], fmt.Sprint(k.Version), fmt.Sprint(k.Session), fmt.Sprint(k.Serial), fmt.Sprint(k.IPv4+k.IPv6),
				c.ago(k.Updated), shortDuration(k.Expires.Sub(c.now())))
		}
		rows = append(rows, row)
	}
	columns(c.out, rows)
	for _, k := range caches {
		if k.LastError != "" {
			c.print("%s: %s\n", k.name(), clean(k.LastError))
		}
	}
	c.printHeld(c.ports.RPKI.Statistics().Held)
	return nil
}

// ago is how long ago something was, "-" when it never was.
func (c *call) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return shortDuration(c.now().Sub(t))
}

func (c *call) printHeld(h *HeldLoss) {
	if h != nil {
		c.print("Held off: %s takes away %d of %d VRPs. The old ones serve until %s, or until you type `rpki accept`.\n",
			clean(h.Cache), h.Lost, h.Of, h.Until.UTC().Format("2006-01-02 15:04:05"))
	}
}

type differenceJSON struct {
	A     string    `json:"cacheA"`
	B     string    `json:"cacheB"`
	OnlyA int       `json:"onlyInA"`
	OnlyB int       `json:"onlyInB"`
	InA   []vrpJSON `json:"sampleOnlyInA"`
	InB   []vrpJSON `json:"sampleOnlyInB"`
}

// showCacheDifference prints what the caches do not agree on.
func showCacheDifference(c *call, m *match) error {
	var all []CacheDifference
	if c.ports.RPKI != nil {
		all = c.ports.RPKI.Differences()
	}
	if m.Has("json") {
		c.differencesJSON(all)
		return nil
	}
	if len(all) == 0 {
		c.print("There are no two caches with data to compare.\n")
	}
	for _, d := range all {
		if d.OnlyA+d.OnlyB == 0 {
			c.print("%s and %s agree.\n", clean(d.A), clean(d.B))
			continue
		}
		c.print("%s has %s that %s has not, which has %d that the first has not.\n", clean(d.A), count(d.OnlyA, "VRP"), clean(d.B), d.OnlyB)
		c.sample(d.A, d.OnlyA, d.SampleA)
		c.sample(d.B, d.OnlyB, d.SampleB)
	}
	return nil
}

func (c *call) sample(cache string, of int, some []VRP) {
	if of == 0 {
		return
	}
	c.print("Only in %s:\n%s", clean(cache), vrpHeading)
	for _, v := range some {
		c.print("%s", v.line())
	}
	if more := of - len(some); more > 0 {
		c.print("... and %d more\n", more)
	}
}

func (c *call) differencesJSON(all []CacheDifference) {
	out := []differenceJSON{}
	for _, d := range all {
		out = append(out, differenceJSON{d.A, d.B, d.OnlyA, d.OnlyB, vrpsAsJSON(d.SampleA), vrpsAsJSON(d.SampleB)})
	}
	c.json(struct {
		Differences []differenceJSON `json:"differences"`
	}{out})
}

func vrpsAsJSON(all []VRP) []vrpJSON {
	out := []vrpJSON{}
	for _, v := range all {
		out = append(out, vrpAsJSON(v))
	}
	return out
}

type aspaJSON struct {
	Customer  uint32   `json:"customerAsid"`
	Providers []uint32 `json:"providers"`
}

// showASPA prints what customers attest about their providers, all or one.
func showASPA(c *call, m *match) error {
	var all []ASPA
	if c.ports.RPKI != nil {
		all = c.ports.RPKI.ASPAs()
	}
	all = slices.DeleteFunc(slices.Clone(all), func(a ASPA) bool { return m.Has("asn") && uint64(a.Customer) != m.Number("asn") })
	if m.Has("json") {
		out := []aspaJSON{}
		for _, a := range all {
			out = append(out, aspaJSON(a))
		}
		c.json(struct {
			ASPAs []aspaJSON `json:"aspas"`
		}{out})
		return nil
	}
	if len(all) == 0 {
		c.print("No ASPAs.\n")
		return nil
	}
	rows := [][]string{{"Customer-AS", "Provider-ASes"}}
	for _, a := range all {
		providers := strings.Trim(fmt.Sprint(a.Providers), "[]")
		if providers == "0" {
			providers = "none (AS 0)"
		}
		rows = append(rows, []string{fmt.Sprint(a.Customer), providers})
	}
	columns(c.out, rows)
	return nil
}
