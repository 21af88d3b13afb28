package cli

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func pastRows() []row {
	return []row{{Modes: execModes, Pattern: "show blackhole at TIME [json]", Run: showPast,
		Help: []string{"", "", "At a given time", "A time such as 2026-06-19T10:00:00Z, or how long ago: 2h"}}}
}

// netOf is the prefix that a line names; an address stands for itself alone.
func netOf(m *match) netip.Prefix {
	if a := m.Addr("net"); a.IsValid() {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return m.Prefix("net")
}

// showPast lists what was announced at a time, from what is in force and from
// the history.
func showPast(c *call, m *match) error {
	at, err := c.sinceWhen(m.Text("TIME"))
	if err != nil {
		return err
	}
	c.fresh(m)
	var past []rtbh.Past
	var now rtbh.Instant
	complete := false
	c.view(func(s *rtbh.State, n rtbh.Instant) {
		now = n
		past, complete = s.BlackholesAt(at, n, c.scope)
	})
	if m.Has("json") {
		c.pastJSON(past, at, complete)
		return nil
	}
	switch {
	case at > now:
		c.print("At %s, as things stand at %s:\n", at, now)
	default:
		c.print("At %s:\n", at)
	}
	c.pastTable(past)
	if !complete {
		c.print("The history does not reach back so far; there may have been more.\n")
	}
	return nil
}

func (c *call) pastTable(past []rtbh.Past) {
	if len(past) == 0 {
		c.print("No blackholes.\n")
		return
	}
	rows := [][]string{{"Prefix", "Customer", "Since", "Until", "How it ended", "By", "Route-map", "Reason"}}
	for _, b := range past {
		until, how := b.Deadline, "has not"
		if b.Ended != 0 {
			until, how = b.Ended, b.Cause.String()
		}
		end := "never ends"
		if until != rtbh.Never {
			end = until.Time().Format("2006-01-02 15:04:05")
		}
		rows = append(rows, []string{
			b.Prefix.String(), clean(b.Customer), b.Since.Time().Format("2006-01-02 15:04:05"), end, how,
			clean(b.By.User), clean(routeMapName(b.Blackhole)), clean(b.Reason),
		})
	}
	if c.scope != "" {
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 1, 2)
		}
	}
	columns(c.out, rows)
	c.print("\n%s. By, route-map and reason are those of the last change.\n", count(len(past), "blackhole"))
}

func (c *call) pastJSON(past []rtbh.Past, at rtbh.Instant, complete bool) {
	type pastJSON struct {
		Prefix   string `json:"prefix"`
		Customer string `json:"customer"`
		RouteMap string `json:"routeMap"`
		Since    string `json:"since"`
		Until    string `json:"until"` // as things stand, when it has not ended
		Ended    string `json:"ended,omitempty"`
		Cause    string `json:"cause,omitempty"`
		By       string `json:"by"`
		Reason   string `json:"reason,omitempty"`
		Ticket   string `json:"ticket,omitempty"`
		Index    uint64 `json:"index"`
	}
	all := []pastJSON{}
	for _, b := range past {
		j := pastJSON{
			Prefix: b.Prefix.String(), Customer: b.Customer, RouteMap: routeMapName(b.Blackhole), Since: b.Since.String(),
			Until: b.Deadline.String(), By: b.By.User, Reason: b.Reason, Ticket: b.Ticket, Index: b.Index,
		}
		if b.Ended != 0 {
			j.Ended, j.Cause = b.Ended.String(), b.Cause.String()
		}
		all = append(all, j)
	}
	c.json(struct {
		At         string     `json:"at"`
		Complete   bool       `json:"complete"`
		Blackholes []pastJSON `json:"blackholes"`
	}{at.String(), complete, all})
}

// ruleNames name the rules of refusals for `test blackhole`.
var ruleNames = map[rtbh.RefusalCode]string{
	rtbh.RefusedSyntax: "syntax", rtbh.RefusedHostBits: "host bits", rtbh.RefusedFamily: "address family", rtbh.RefusedGrant: "grant",
	rtbh.RefusedLength: "mask length", rtbh.RefusedProtected: "protected prefix", rtbh.RefusedLimit: "limit", rtbh.RefusedRouteMap: "route-map",
	rtbh.RefusedLifetime: "lifetime", rtbh.RefusedRole: "role", rtbh.RefusedUnknown: "unknown name",
	rtbh.RefusedAbsent: "absent", rtbh.RefusedInUse: "in use", rtbh.RefusedStale: "too late", rtbh.RefusedExists: "exists already",
	rtbh.RefusedBatch: "another line of the batch", rtbh.RefusedVersion: "version",
}

func ruleName(code rtbh.RefusalCode) string {
	if name, ok := ruleNames[code]; ok {
		return name
	}
	return fmt.Sprintf("rule %d", code)
}
