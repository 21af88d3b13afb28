package cli

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/triggerd/triggerd/cli/grammar"
	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// batch collects `network` and `no network` lines that take effect together:
// all of them at `commit`, or none. It is an extension; without it every line
// takes effect at once, as in Quagga.
type batch struct {
	wishes []wish
	bad    []string // lines that were refused while it was open
}

// batchModes are the modes in which a batch can be open.
var batchModes = []*grammar.Mode{routerMode, ipv4Mode, ipv6Mode, customerMode}

const maxBatch = 10_000

func batchRows() []row {
	who := customers | operators
	return []row{
		{Modes: batchModes, Pattern: "batch", For: who, Run: beginBatch},
		{Modes: batchModes, Pattern: "commit [confirm]", For: who, Run: commitBatch,
			Help: []string{"Let all lines of the batch take effect, or none", "Without those that were refused when they were typed"}},
		{Modes: batchModes, Pattern: "abort", For: who, Run: abortBatch},
		{Modes: execModes[1:], Pattern: "show batch [json]", For: who, Run: showBatch},
	}
}

var noBatch = saying("% No batch is open; type `batch` first, then lines, then `commit`.")

func beginBatch(c *call, _ *match) error {
	c.decides = true
	if c.batch != nil {
		return saying("% A batch is open already; type `commit` or `abort`.")
	}
	c.Shell.batch = &batch{}
	return nil
}

func abortBatch(c *call, _ *match) error {
	c.decides = true
	if c.batch == nil {
		return noBatch
	}
	c.Shell.batch = nil
	return nil
}

// collect takes a line into the batch. What this node's own state refuses
// whatever the batch's other lines do is refused at once.
func (c *call) collect(cmd rtbh.Command) error {
	if len(c.batch.wishes) >= maxBatch {
		return saying(fmt.Sprintf("%% A batch has at most %d lines.", maxBatch))
	}
	w := wish{line: c.typed, key: c.lineKey(c.typed), cmd: cmd}
	var refusal *rtbh.Refusal
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		early := &early{}
		for _, was := range c.batch.wishes {
			early.note(was.cmd)
		}
		w.before = noticeOf(s, cmd, now)
		refusal = early.refusal(s, c.actor, cmd, now)
	})
	if refusal != nil {
		c.refusedEarly(cmd, refusal)
		return refusal
	}
	c.batch.wishes = append(c.batch.wishes, w)
	return nil
}

// commitBatch puts the lines into the log as one entry that is applied whole or
// not at all.
func commitBatch(c *call, m *match) error {
	b := c.batch
	c.decides = true
	switch {
	case b == nil:
		return noBatch
	case len(b.bad) > 0 && !m.Has("confirm"):
		return saying(fmt.Sprintf("%% Not committed: %s refused (%s). Type `commit confirm` to commit the other %d, or `abort`.",
			lines(len(b.bad), "was", "were"), clean(shortened(strings.Join(b.bad, "; "))), len(b.wishes)))
	case len(b.wishes) == 0:
		c.Shell.batch = nil
		return saying("% The batch was empty; nothing was done.")
	}
	c.Shell.batch = nil
	e, key := c.batchEntry(b)
	receipt, err := c.ports.Cluster.Propose(c.ctx, e)
	if err != nil {
		return c.failed(err, key, asked{id: e.Request, typed: e.Typed, subject: batchSubject, of: len(e.Commands)})
	}
	delete(c.unconfirmed, key)
	return c.committed(b, receipt)
}

const batchSubject = "batch"

// batchEntry makes the entry. The same lines again after an outcome that was
// not known are the same request.
func (c *call) batchEntry(b *batch) (rtbh.Entry, [sha256.Size]byte) {
	e := rtbh.Entry{Request: c.newID(), Actor: c.actor, Atomic: true}
	h := sha256.New()
	for _, w := range b.wishes {
		e.Commands = append(e.Commands, w.cmd)
		h.Write(w.key[:])
	}
	key := [sha256.Size]byte(h.Sum(nil))
	c.view(func(_ *rtbh.State, now rtbh.Instant) { e.Typed = now })
	if was, again := c.unconfirmed[key]; again {
		e.Request, e.Typed = was.id, was.typed
	}
	return e, key
}

// committed prints the refused lines with their rules, or what the accepted
// ones leave open.
func (c *call) committed(b *batch, r Receipt) error {
	refused := false
	subjects := map[string]bool{}
	for i, o := range r.Result.Outcomes[:min(len(r.Result.Outcomes), len(b.wishes))] {
		subjects[subjectOf(b.wishes[i].cmd)] = true
		switch {
		case o.Refusal != nil && o.Refusal.Code == rtbh.RefusedBatch:
			refused = true
		case o.Refusal != nil:
			refused = true
			c.print("%s\n%% %s\n", clean(b.wishes[i].line), clean(o.Refusal.Text))
		case o.Pending != 0:
			c.print("Note: %s: a second operator has to agree first (approve %d).\n", clean(b.wishes[i].line), o.Pending)
		}
	}
	if refused {
		return saying(fmt.Sprintf("%% Nothing was done: the %s of this batch take effect together or not at all.", count(len(b.wishes), "line")))
	}
	c.settled(subjects)
	for _, s := range r.Silent {
		c.print("%s\n", notice{}.note(s, r.Result.At))
	}
	if c.user.Receipt {
		c.print("Batch of %s: committed at index %d.\n", count(len(b.wishes), "line"), r.Result.Index)
	}
	return nil
}

// afterBatchLine looks after a batch when a line has run: a refused line is
// remembered, and a batch that was left is dropped.
func (c *call) afterBatchLine(before *batch) {
	switch {
	case before == nil || c.decides:
	case !slices.Contains(batchModes, c.mode):
		c.Shell.batch = nil
		c.print("%% The batch was not committed; nothing of it was done.\n")
		c.outcome.Status = max(c.outcome.Status, vty.Refused)
	case c.outcome.Status != vty.OK:
		before.bad = append(before.bad, strings.TrimSpace(c.typed))
	}
}

// lines counts lines with their verb.
func lines(n int, one, many string) string {
	if n == 1 {
		return "1 line " + one
	}
	return fmt.Sprintf("%d lines %s", n, many)
}

// showBatch prints what is collected so far; it is typed with `do`.
func showBatch(c *call, m *match) error {
	all := []string{}
	if c.batch != nil {
		for _, w := range c.batch.wishes {
			all = append(all, strings.TrimSpace(w.line))
		}
	}
	if m.Has("json") {
		c.json(struct {
			Open  bool     `json:"open"`
			Lines []string `json:"lines"`
		}{c.batch != nil, all})
		return nil
	}
	if c.batch == nil {
		c.print("No batch is open.\n")
		return nil
	}
	for _, l := range all {
		c.print("%s\n", clean(l))
	}
	c.print("Not committed: %s.\n", count(len(all), "line"))
	return nil
}
