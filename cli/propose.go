package cli

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// asked is a line whose outcome is not known.
type asked struct {
	id      rtbh.RequestID
	typed   rtbh.Instant // when it was typed first: a repetition is as old as that
	subject string
	place   int // of the line among the entry's commands
	of      int // how many commands the entry has
}

// propose asks for one change: first the state's friendly refusal, then the
// log. What an accepted change leaves open (triggers that have not confirmed it,
// a second operator's approval) it prints.
func (c *call) propose(cmd rtbh.Command) (answer, error) {
	a := c.decide([]wish{{line: c.typed, key: c.lineKey(c.typed), cmd: cmd}})[0]
	return a, c.deliver(a)
}

// lineKey is one line in its place. It is a hash, so that a password that was
// typed does not stay in memory.
func (c *call) lineKey(line string) [sha256.Size]byte {
	key := make([]byte, 0, 256) // most need less
	for _, at := range [...]string{c.mode.Name, c.at.customer, c.at.user, c.at.routeMap, strconv.Itoa(int(c.at.seq))} {
		key = append(append(key, at...), ' ')
	}
	for word := range strings.FieldsSeq(line) {
		key = append(append(key, word...), ' ')
	}
	return sha256.Sum256(key)
}

// failed keeps the id of a line that may still take effect, so that the same
// line typed again is the same request. Certain refusals forget nothing: an
// earlier try of the same line may still be under way.
func (c *call) failed(err error, key [sha256.Size]byte, a asked) error {
	var not *NotAccepted
	var refusal *rtbh.Refusal
	if errors.As(err, &not) || errors.As(err, &refusal) {
		return err
	}
	var unknown *NotConfirmed
	if !errors.As(err, &unknown) {
		err = &NotConfirmed{Err: err}
	}
	if len(c.unconfirmed) < maxUnconfirmed {
		c.unconfirmed[key] = a
	}
	return err
}

// maxUnconfirmed bounds the lines a session remembers; beyond it the state's
// refusal of late duplicates is what is left.
const maxUnconfirmed = 10000

// settled forgets unconfirmed lines about what confirmed commands have just
// decided anew: repeating one of them is a new wish, not the old request.
func (c *call) settled(subjects map[string]bool) {
	for key, a := range c.unconfirmed {
		if subjects[a.subject] {
			delete(c.unconfirmed, key)
		}
	}
}

// subjectOf names what a command is about: one blackhole, or a kind of record.
func subjectOf(cmd rtbh.Command) string {
	switch x := cmd.(type) {
	case rtbh.Announce:
		return x.Customer + " " + x.Prefix.String()
	case rtbh.Withdraw:
		return x.Customer + " " + x.Prefix.String()
	case rtbh.EditCustomer:
		return "customer " + x.Name
	case rtbh.EditUser:
		return "user " + x.Name
	}
	return fmt.Sprintf("%T", cmd)
}

// notice is what a note about silent triggers needs to know from before.
type notice struct {
	prefix   netip.Prefix // not valid: the command is not about one route
	withdraw bool
	deadline rtbh.Instant // of what is withdrawn
}

func noticeOf(s *rtbh.State, cmd rtbh.Command, now rtbh.Instant) notice {
	switch x := cmd.(type) {
	case rtbh.Announce:
		return notice{prefix: x.Prefix}
	case rtbh.Withdraw:
		b, _ := s.Blackhole(x.Prefix, x.Customer, now)
		return notice{prefix: x.Prefix, withdraw: true, deadline: b.Deadline}
	}
	return notice{}
}

// note says what a silent trigger may do meanwhile.
func (n notice) note(s Silent, at rtbh.Instant) string {
	text := "Note: " + clean(s.Name) + " has not confirmed"
	if s.For > 0 {
		text += " (silent " + shortDuration(s.For) + ")"
	}
	switch {
	case !n.prefix.IsValid():
		return text + "; it will apply this when it is back."
	case !n.withdraw:
		return text + fmt.Sprintf("; it may not announce %s until it does.", n.prefix)
	case n.deadline == rtbh.Never:
		return text + fmt.Sprintf("; it may announce %s until it does.", n.prefix)
	}
	return text + fmt.Sprintf("; it may announce %s until it does or until %s.", n.prefix, clock(n.deadline, at))
}

// clock prints the time of day, with the date when it is not within a day.
// The cluster's clock is UTC everywhere.
func clock(t, now rtbh.Instant) string {
	if d := t.Sub(now); d >= 0 && d < 24*time.Hour {
		return t.Time().Format("15:04 UTC")
	}
	return t.Time().Format("2006-01-02 15:04 UTC")
}

// fresh waits for the cluster's newest index before a read; when it does not
// come, the output says as of when it is.
func (c *call) fresh(m *match) {
	asOf, ok := c.ports.Cluster.Fresh(c.ctx)
	if ok {
		return
	}
	c.stale, c.behind = asOf, true
	if !m.Has("json") {
		c.print("! as of index %d\n", asOf)
	}
}

// snapshot copies the state, to print from without holding up anybody.
func (c *call) snapshot() (st *rtbh.State, now rtbh.Instant) {
	c.ports.Cluster.View(func(s *rtbh.State, n rtbh.Instant) { st, now = s.Clone(), n })
	return st, now
}

// view reads under the lock; f takes copies and prints nothing.
func (c *call) view(f func(s *rtbh.State, now rtbh.Instant)) { c.ports.Cluster.View(f) }
