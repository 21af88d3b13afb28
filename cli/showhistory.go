package cli

import (
	"slices"

	"github.com/triggerd/triggerd/internal/rtbh"
)

func historyRows() []row {
	return []row{
		{Modes: execModes, Pattern: "show blackhole history [json]", Run: showEnded},
		{Modes: execModes, Pattern: "show blackhole history <A.B.C.D/M|X:X::X:X/M|A.B.C.D|X:X::X:X>$net [json]", Run: showEnded},
	}
}

// showEnded lists blackholes that are over, newest first.
func showEnded(c *call, m *match) error {
	c.fresh(m)
	var ended []rtbh.Ended
	c.view(func(s *rtbh.State, now rtbh.Instant) { ended = s.History(netOf(m), c.scope, now) })
	if m.Has("json") {
		c.endedJSON(ended)
		return nil
	}
	if len(ended) == 0 {
		c.print("No blackholes have ended.\n")
		return nil
	}
	rows := [][]string{{"Prefix", "Customer", "Since", "Ended", "How", "By", "Ended by", "Reason"}}
	for _, e := range ended {
		rows = append(rows, []string{
			e.Prefix.String(), clean(e.Customer), e.Since.Time().Format("2006-01-02 15:04:05"),
			e.At.Time().Format("2006-01-02 15:04:05"), e.Cause.String(), clean(e.By.User), clean(e.EndBy.User), clean(e.Reason),
		})
	}
	if c.scope != "" {
		for i := range rows {
			rows[i] = slices.Delete(rows[i], 1, 2)
		}
	}
	columns(c.out, rows)
	return nil
}

func (c *call) endedJSON(ended []rtbh.Ended) {
	type endedJSON struct {
		Prefix   string `json:"prefix"`
		Customer string `json:"customer"`
		Since    string `json:"since"`
		Ended    string `json:"ended"`
		Cause    string `json:"cause"`
		By       string `json:"by"`
		EndedBy  string `json:"endedBy,omitempty"`
		Reason   string `json:"reason,omitempty"`
		Ticket   string `json:"ticket,omitempty"`
		Index    uint64 `json:"index"`
		EndIndex uint64 `json:"endIndex,omitempty"` // absent: over, and not taken out of the log's state yet
	}
	all := make([]endedJSON, 0, len(ended))
	for _, e := range ended {
		all = append(all, endedJSON{
			e.Prefix.String(), e.Customer, e.Since.String(), e.At.String(), e.Cause.String(),
			e.By.User, e.EndBy.User, e.Reason, e.Ticket, e.Index, e.AtIndex,
		})
	}
	c.json(struct {
		Ended []endedJSON `json:"ended"`
	}{all})
}
