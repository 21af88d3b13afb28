package cli

import (
	"cmp"
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
	RouteMap string `json:"routeMap"`
	Expire   string `json:"expire,omitempty"` // as it was typed; absent: the customer's default
	Reason   string `json:"reason,omitempty"`
	Ticket   string `json:"ticket,omitempty"`
}

// approvalAsJSON is all that whoever decides has to know.
func approvalAsJSON(p rtbh.Pending) approvalJSON {
	x := p.Announce
	j := approvalJSON{
		ID: p.ID, Prefix: x.Prefix.String(), Customer: x.Customer, By: p.By.User, At: p.At.String(),
		RouteMap: routeMapName(rtbh.Blackhole{RouteMap: x.RouteMap}), Reason: x.Reason, Ticket: x.Ticket,
	}
	switch {
	case x.Until != 0:
		j.Expire = "at " + instantText(x.Until)
	case x.Life != 0:
		j.Expire = x.Life.String()
	}
	return j
}

// showApprovals lists what waits; a customer sees its own.
func showApprovals(c *call, m *match) error {
	c.fresh(m)
	var all []approvalJSON
	c.view(func(s *rtbh.State, _ rtbh.Instant) {
		for _, p := range s.Pending() {
			if c.scope == "" || p.Announce.Customer == c.scope {
				all = append(all, approvalAsJSON(p))
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
	rows := [][]string{{"Number", "Prefix", "Customer", "By", "At", "Route-map", "Expire", "Ticket", "Reason"}}
	for _, a := range all {
		rows = append(rows, []string{
			fmt.Sprint(a.ID), a.Prefix, clean(a.Customer), clean(a.By), a.At, clean(a.RouteMap), cmp.Or(a.Expire, "default"), clean(a.Ticket), clean(a.Reason),
		})
	}
	columns(c.out, rows)
	return nil
}
