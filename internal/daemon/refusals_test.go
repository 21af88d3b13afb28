package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// counted is a cluster that takes entries of refusals.
type counted struct {
	*refusals
	entries []rtbh.Entry
	at      []time.Duration
	errs    []error // of the next proposals
}

// counting runs f in virtual time beside refusals that are being told.
func counting(t *testing.T, f func(c *counted)) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := &counted{refusals: &refusals{
			name: "trigger1", now: func() rtbh.Instant { return rtbh.InstantOf(time.Now()) }, wake: make(chan struct{}, 1),
			waiting: map[string][]rtbh.CountRefused{}, told: map[string]telling{},
		}}
		c.propose = func(_ context.Context, e rtbh.Entry) error {
			c.entries, c.at = append(c.entries, e), append(c.at, time.Since(began))
			if len(c.errs) == 0 {
				return nil
			}
			err := c.errs[0]
			c.errs = c.errs[1:]
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.run(ctx)
		}()
		f(c)
		cancel()
		<-ended
	})
}

// later lets virtual time pass.
func later(d time.Duration) {
	time.Sleep(d) // virtual: inside a synctest bubble
	synctest.Wait()
}

func TestAFloodOfRefusalsIsOneEntry(t *testing.T) {
	counting(t, func(c *counted) {
		for range 10_000 {
			c.Refused("alice", "192.0.2.1:99", "wrong password")
		}
		c.Refused("bob", "192.0.2.2:99", strings.Repeat("ä", 300))
		later(2 * time.Second)
		if len(c.entries) != 1 || c.at[0] != refusalsFirst {
			t.Fatalf("%d entries at %v", len(c.entries), c.at)
		}
		e := c.entries[0]
		want := rtbh.CountRefused{User: "alice", Count: 10_000, Last: rtbh.InstantOf(time.Now()) - 1000, From: "192.0.2.1:99", Why: "wrong password"}
		if e.Actor != (rtbh.Actor{Door: rtbh.DoorNode, Node: "trigger1"}) || len(e.Commands) != 2 || e.Commands[0] != want {
			t.Errorf("got %+v", e)
		}
		if bob := e.Commands[1].(rtbh.CountRefused); bob.Count != 1 || len(bob.Why) > refusalsText+3 || strings.ContainsRune(bob.Why, '\ufffd') {
			t.Errorf("bob's reason: %q", bob.Why)
		}
		for range 30 {
			c.Refused("alice", "192.0.2.1:99", "wrong password")
			later(time.Second)
		}
		if n := len(c.entries); n < 2 || n > 4 {
			t.Errorf("%d entries in half a minute of refusals: %v", n, c.at)
		}
	})
}

// TestAnEndlessFloodGoesOnMoreAndMoreSeldom: whoever tries wrong passwords for days
// does not wash everything else out of the audit, and every try is counted.
func TestAnEndlessFloodGoesOnMoreAndMoreSeldom(t *testing.T) {
	counting(t, func(c *counted) {
		const tries = 24 * 60 * 6
		for range tries { // a day of it
			c.Refused("alice", "192.0.2.1:99", "wrong password")
			later(10 * time.Second)
		}
		later(time.Hour)
		if n := len(c.entries); n < 100 || n > 160 {
			t.Errorf("%d entries in a day of refusals", n)
		}
		sum := uint32(0)
		for _, e := range c.entries {
			for _, x := range e.Commands {
				sum += x.(rtbh.CountRefused).Count
			}
		}
		if sum != tries {
			t.Errorf("%d of %d tries are counted", sum, tries)
		}
		n := len(c.entries)
		later(2 * time.Hour)
		c.Refused("alice", "192.0.2.1:99", "wrong password")
		later(2 * time.Second)
		if len(c.entries) != n+1 {
			t.Error("after some quiet, the next refusal still has to wait")
		}
	})
}

func TestDifferentRefusalsOfOneUserAreToldApart(t *testing.T) {
	counting(t, func(c *counted) {
		for _, why := range []string{"a", "b", "a", "c", "d", "e", "f"} {
			c.Refused("alice", "192.0.2.1:99", why)
		}
		later(2 * time.Second)
		var got []string
		for _, x := range c.entries[0].Commands {
			got = append(got, fmt.Sprint(x.(rtbh.CountRefused).Why, x.(rtbh.CountRefused).Count))
		}
		if !slices.Equal(got, []string{"a2", "b1", "c1", "f3"}) {
			t.Errorf("told: %v", got)
		}
	})
}

func TestRefusalsAreNeitherLostNorCountedTwice(t *testing.T) {
	counting(t, func(c *counted) {
		c.errs = []error{&consensus.NotAccepted{}, &consensus.NotConfirmed{}, &consensus.NotConfirmed{}}
		c.Refused("alice", "192.0.2.1:1", "first")
		later(5 * time.Second)
		c.Refused("alice", "192.0.2.1:2", "second")
		later(time.Minute)
		if len(c.entries) != 4 {
			t.Fatalf("%d entries: %v", len(c.entries), c.at)
		}
		told := c.entries[1].Commands
		if len(told) != 2 || told[0].(rtbh.CountRefused).Why != "first" || told[1].(rtbh.CountRefused).Why != "second" {
			t.Errorf("what was not accepted is not told with the next: %+v", told)
		}
		for _, again := range c.entries[2:] {
			if again.Request != c.entries[1].Request || !slices.Equal(again.Commands, told) {
				t.Errorf("what may have been counted is told again as %+v", again)
			}
		}
		later(time.Minute)
		if len(c.entries) != 4 {
			t.Error("it is told again after it was counted")
		}
	})
}

func TestRefusalsOfVeryManyUsersAreSeveralEntries(t *testing.T) {
	counting(t, func(c *counted) {
		for i := range refusalsMost + 1 {
			c.Refused(strings.Repeat("x", i+1), "", "")
		}
		later(time.Minute)
		if len(c.entries) != 2 || len(c.entries[0].Commands) != refusalsMost || len(c.entries[1].Commands) != 1 {
			t.Errorf("%d entries", len(c.entries))
		}
	})
}
