package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// receipt is the one line about an accepted announcement that a user can ask
// for in its record: where it is, and until when.
func (c *call) receipt(x rtbh.Announce, a answer) {
	if !c.user.Receipt || a.outcome.Pending != 0 {
		return
	}
	parts := []string{fmt.Sprintf("committed at index %d", a.index)}
	members := c.status(a.index).Members
	applied := 0
	for _, m := range members {
		if m.Applied >= a.index {
			applied++
		}
	}
	parts = append(parts, fmt.Sprintf("applied on %d of %s", applied, count(len(members), "node")))
	if written, routers, known := c.reached(x.Prefix, a); known {
		parts = append(parts, fmt.Sprintf("sent to %d of %s", written, count(routers, "router")))
	}
	if a.outcome.Deadline == rtbh.Never {
		parts = append(parts, "no end")
	} else {
		parts = append(parts, "until "+a.outcome.Deadline.String())
	}
	c.print("Blackhole %s: %s.\n", x.Prefix, strings.Join(parts, ", "))
}

// Speakers take up what was applied at once, but after it: the receipts of lines
// that went into the log together wait so long for them.
const (
	receiptTries = 10
	receiptPause = 20 * time.Millisecond
)

// reached counts the routers that were sent the prefix. It is not known when a
// trigger does not answer: a note says that already, and asking it takes long.
func (c *call) reached(p netip.Prefix, a answer) (written, routers int, known bool) {
	if c.ports.Tracer == nil || len(a.silent) > 0 {
		return 0, 0, false
	}
	var places []Placement
	for {
		places = c.ports.Tracer.Trace(c.ctx, p)
		late := slices.ContainsFunc(places, func(pl Placement) bool { return pl.Answered && pl.Written < pl.Routers })
		if !late || c.patience == 0 || pause(c.ctx, receiptPause) != nil {
			break
		}
		c.Shell.patience--
	}
	for _, pl := range places {
		if !pl.Answered {
			return 0, 0, false
		}
		written += pl.Written
		routers += pl.Routers
	}
	return written, routers, len(places) > 0
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
