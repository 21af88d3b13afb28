package cli

import (
	"fmt"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// approvalRows let a second operator decide about what waits for one.
func approvalRows() []row {
	exec := execModes[1:]
	decide := func(reject bool) func(*call, *match) error {
		return func(c *call, m *match) error {
			return c.change(rtbh.Approve{ID: m.Number("<1-4294967295>"), Reject: reject})
		}
	}
	return []row{
		{Modes: exec, Pattern: "approve (1-4294967295)", For: operators, Run: decide(false)},
		{Modes: exec, Pattern: "reject (1-4294967295)", For: operators, Run: decide(true)},
		{Modes: execModes, Pattern: "show approvals [json]", Run: showApprovals},
	}
}

type approvalJSON struct {
	ID       uint64 `json:"id"`
	Prefix   string `json:"prefix"`
	Customer string `json:"customer"`
	By       string `json:"by"`
	At       string `json:"at"`
	Reason   string `json:"reason,omitempty"`
}

// showApprovals lists what waits; a customer sees its own.
func showApprovals(c *call, m *match) error {
	c.fresh(m)
	var all []approvalJSON
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		for _, p := range s.Pending() {
			if c.scope == "" || p.Announce.Customer == c.scope {
				all = append(all, approvalJSON{
					p.ID, p.Announce.Prefix.String(), p.Announce.Customer, p.By.User, p.At.String(), p.Announce.Reason,
				})
			}
		}
	})
	if m.Has("json") {
		c.json(struct {
			Approvals []approvalJSON `json:"approvals"`
		}{orEmpty(all)})
		return nil
	}
	if len(all) == 0 {
		c.print("Nothing waits for approval.\n")
		return nil
	}
	rows := [][]string{{"Number", "Prefix", "Customer", "By", "At", "Reason"}}
	for _, a := range all {
		rows = append(rows, []string{fmt.Sprint(a.ID), a.Prefix, clean(a.Customer), clean(a.By), a.At, clean(a.Reason)})
	}
	columns(c.out, rows)
	return nil
}
