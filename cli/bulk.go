package cli

import (
	"crypto/sha256"
	"errors"
	"io"
	"strings"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// Lines that are pasted or piped wait here whole while one of them runs. The
// `network` and `no network` lines among them that follow one another go into
// the log together, as one entry whose commands are applied one by one: a
// thousand lines are a few writes. Each line's answer is kept until its turn
// comes, so that what is printed, and where, is as if each had been typed alone.

const (
	maxRun      = 512       // lines of one entry
	maxRunBytes = 128 << 10 // and their length together
)

// wish is one line's command on its way into the log.
type wish struct {
	line   string
	key    [sha256.Size]byte
	cmd    rtbh.Command
	before notice
	asked  asked // of this line, when its outcome was not known the last time
	again  bool
}

// answer is what became of one command.
type answer struct {
	line    string
	cmd     rtbh.Command
	index   uint64 // of its entry
	at      rtbh.Instant
	outcome rtbh.Outcome
	silent  []Silent
	before  notice
	err     error // refused, not accepted, or not known
}

// Foresee is [vty.Foreseer]'s.
func (sh *Shell) Foresee(ahead func() []string) { sh.ahead = ahead }

// foretold returns what was decided of this line when one before it was asked
// about. It need not be parsed again: only lines that print an error can have come
// between them.
func (c *call) foretold() (answer, bool) {
	if len(c.told) == 0 || c.told[0].line != c.typed {
		return answer{}, false
	}
	a := c.told[0]
	c.Shell.told = c.told[1:]
	return a, true
}

// ask gets one line's command decided, together with those of the lines that
// follow it.
func (c *call) ask(cmd rtbh.Command) answer {
	c.Shell.told = nil // there is none: vty keeps its word
	run := c.gather(cmd)
	answers := c.decide(run)
	if c.ctx.Err() == nil { // Ctrl-C has thrown the lines behind away: the same line later is another
		c.Shell.told = answers[1:]
	}
	return answers[0]
}

// gather returns this line's wish and those of the lines that wait behind it,
// up to the first that does something else. Lines that only print an error are
// passed over: they change nothing and do so again in their turn.
func (c *call) gather(cmd rtbh.Command) []wish {
	run := []wish{{line: c.typed, key: c.lineKey(c.typed), cmd: cmd}}
	if c.ahead == nil {
		return run
	}
	size := len(c.typed)
	for _, line := range c.ahead() {
		if size += len(line); len(run) >= maxRun || size > maxRunBytes {
			break
		}
		r, m, err := table().Parse(c.mode, line, c.role)
		if err != nil {
			if _, _, elsewhere := c.fallback(line); elsewhere {
				break // it may change the mode
			}
			continue
		}
		if !strings.HasPrefix(r.Pattern, "network ") && !strings.HasPrefix(r.Pattern, "no network ") {
			break
		}
		var planned []rtbh.Command
		next := &call{Shell: c.Shell, ctx: c.ctx, out: io.Discard, typed: line, planned: &planned}
		if r.Run(next, m) == nil && len(planned) == 1 {
			run = append(run, wish{line: line, key: c.lineKey(line), cmd: planned[0]})
		}
	}
	return run
}

// decide puts the run into the log, apart from what this node's own state
// refuses already, and returns an answer for each line.
func (c *call) decide(run []wish) []answer {
	c.Shell.patience = receiptTries
	answers := make([]answer, len(run))
	e := rtbh.Entry{Actor: c.actor}
	var open []int // places in the run that go into the log
	c.ports.Cluster.View(func(s *rtbh.State, now rtbh.Instant) {
		e.Typed = now
		early := &early{}
		for i := range run {
			w := &run[i]
			w.before = noticeOf(s, w.cmd, now)
			w.asked, w.again = c.unconfirmed[w.key]
			answers[i] = answer{line: w.line, cmd: w.cmd, before: w.before}
			if !w.again {
				if refusal := early.refusal(s, c.actor, w.cmd, now); refusal != nil {
					answers[i].err = refusal
					c.refusedEarly(w.cmd, refusal)
					continue
				}
			}
			early.note(w.cmd)
			open = append(open, i)
		}
	})
	open = c.repeated(&e, run, open, answers)
	if len(open) == 0 {
		return answers
	}
	if e.Request == (rtbh.RequestID{}) {
		e.Request = c.newID()
	}
	for _, i := range open {
		e.Commands = append(e.Commands, run[i].cmd)
	}
	c.put(e, run, open, answers)
	return answers
}

// put proposes the entry and gives each of its lines its answer.
func (c *call) put(e rtbh.Entry, run []wish, open []int, answers []answer) {
	receipt, err := c.ports.Cluster.Propose(c.ctx, e)
	subjects := map[string]bool{} // that may have been in doubt
	for n, i := range open {
		a := &answers[i]
		switch {
		case err != nil:
			a.err = c.failed(err, run[i].key, asked{e.Request, e.Typed, subjectOf(run[i].cmd), n, len(open)})
			continue
		case n >= len(receipt.Result.Outcomes): // a known request of another length: cannot be
			a.err = &NotConfirmed{}
			continue
		}
		if len(c.unconfirmed) > 0 {
			subjects[subjectOf(run[i].cmd)] = true
		}
		a.index, a.at, a.silent = receipt.Result.Index, receipt.Result.At, receipt.Silent
		a.outcome = receipt.Result.Outcomes[n]
		if a.outcome.Refusal != nil {
			a.err = a.outcome.Refusal
		}
	}
	c.settled(subjects)
}

// repeated deals with lines of the run whose outcome was not known the last
// time. The very same lines again are the very same request. Otherwise those
// that did take effect have their answer in the state, and are not asked for
// again; it returns the places of those that are.
func (c *call) repeated(e *rtbh.Entry, run []wish, open []int, answers []answer) []int {
	any, same := false, true
	for n, i := range open {
		a := run[i].asked
		any = any || run[i].again
		same = same && run[i].again && a.id == run[open[0]].asked.id && a.place == n && a.of == len(open)
	}
	switch {
	case !any:
		return open
	case same:
		e.Request, e.Typed = run[open[0]].asked.id, run[open[0]].asked.typed
		return open
	}
	c.ports.Cluster.Fresh(c.ctx) // what it cannot wait for is asked for again, which is safe
	var left []int
	subjects := map[string]bool{}
	c.ports.Cluster.View(func(s *rtbh.State, _ rtbh.Instant) {
		for _, i := range open {
			was, known := s.Requested(run[i].asked.id)
			if at := run[i].asked.place; run[i].again && known && at < len(was.Outcomes) {
				a := &answers[i]
				a.index, a.at, a.outcome = was.Index, was.At, was.Outcomes[at]
				if a.outcome.Refusal != nil {
					a.err = a.outcome.Refusal
				}
				subjects[subjectOf(run[i].cmd)] = true
				continue
			}
			left = append(left, i)
		}
	})
	c.settled(subjects)
	return left
}

// deliver prints what an accepted command leaves open, or returns why it was
// not accepted.
func (c *call) deliver(a answer) error {
	if a.err != nil {
		return a.err
	}
	if a.outcome.Pending != 0 {
		c.print("Note: a second operator has to agree first (approve %d); nothing is announced until then.\n", a.outcome.Pending)
		return nil
	}
	for _, s := range a.silent {
		c.print("%s\n", a.before.note(s, a.at))
	}
	return nil
}

// early refuses lines of a run by this node's own state, where the lines before
// them in the run cannot make a difference: room for one more, or something to
// withdraw, may come from these.
type early struct {
	before   []rtbh.Command  // earlier lines whose subjects are not among these yet:
	subjects map[string]bool // nobody asks for them until something is absent
	withdraw bool            // one of these gives room
}

func (e *early) note(cmd rtbh.Command) {
	e.before = append(e.before, cmd)
	if _, ok := cmd.(rtbh.Withdraw); ok {
		e.withdraw = true
	}
}

// touched tells whether an earlier line is about the same.
func (e *early) touched(cmd rtbh.Command) bool {
	if e.subjects == nil {
		e.subjects = map[string]bool{}
	}
	for _, b := range e.before {
		e.subjects[subjectOf(b)] = true
	}
	e.before = e.before[:0]
	return e.subjects[subjectOf(cmd)]
}

func (e *early) refusal(s *rtbh.State, a rtbh.Actor, cmd rtbh.Command, now rtbh.Instant) *rtbh.Refusal {
	refusal := s.Authorize(a, cmd, now)
	switch {
	case refusal == nil:
	case refusal.Code == rtbh.RefusedAbsent && e.touched(cmd):
		return nil
	case refusal.Code == rtbh.RefusedLimit && e.withdraw:
		return nil
	}
	return refusal
}

// isAbsent tells whether there was nothing to withdraw.
func isAbsent(err error) bool {
	var refusal *rtbh.Refusal
	return errors.As(err, &refusal) && refusal.Code == rtbh.RefusedAbsent
}
