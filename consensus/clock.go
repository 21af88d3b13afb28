package consensus

import (
	"sync"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// TimeSource is where a node takes its time from. The zero value is the
// system's; tests and the lab put in clocks that jump and drift.
type TimeSource struct {
	// Boot is the time since the machine started, suspend included where the
	// system can tell. It never jumps.
	Boot func() time.Duration
	// Wall is the wall clock. It is read only when the cluster is made, when
	// nobody has carried the log's clock, and to see that it jumped.
	Wall func() time.Time
	// BootID names this run of the machine; "" when that can't be known.
	BootID string
}

func (t TimeSource) orSystem() TimeSource {
	if t.Boot == nil {
		t.Boot, t.BootID = bootTime, bootID()
	}
	if t.Wall == nil {
		t.Wall = time.Now
	}
	return t
}

// clockReading is the log's clock at one moment of a machine's run. The mark
// carries one, so that a restart of the daemon does not lose the clock.
type clockReading struct {
	Now    rtbh.Instant
	Boot   time.Duration
	BootID string
}

// logClock is the log's clock as this node carries it on: a known instant plus
// the boot time that went by since. Only the leader's stamps and the leader's
// own reading correct it.
//
// live means that it was carried on from a leader's reading without a break.
// Without that, the node knows only that it is not before the last stamp it
// saw; entries that are replayed say nothing about the present.
type logClock struct {
	src TimeSource

	mu    sync.Mutex
	base  rtbh.Instant
	at    time.Duration
	live  bool
	floor rtbh.Instant // the highest instant ever returned
}

// slack is how far the clock may be corrected backwards by letting it stand
// still; what is more is a correction that people are told about.
const slack = 2 * time.Second

func newLogClock(src TimeSource) *logClock {
	src = src.orSystem()
	return &logClock{src: src, at: src.Boot()}
}

// now returns the present on the log's clock. It never goes back except in a
// correction of more than slack.
func (c *logClock) now() rtbh.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.floor = max(c.floor, c.carried())
	return c.floor
}

func (c *logClock) carried() rtbh.Instant { return c.base.Add(c.src.Boot() - c.at) }

// isLive tells whether now can be trusted to be the cluster's.
func (c *logClock) isLive() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live
}

// stamped takes in the stamp of an entry that was applied. An entry may be an
// old one that is replayed, so it can only move the clock forward.
func (c *logClock) stamped(s rtbh.Instant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s > c.carried() {
		c.base, c.at = s, c.src.Boot()
	}
}

// adopt takes over a reading of the leader's own clock made just now. It
// returns by how much this node's clock was off.
func (c *logClock) adopt(leader rtbh.Instant) (off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	off = c.carried().Sub(leader)
	c.base, c.at, c.live = leader, c.src.Boot(), true
	if c.floor.Sub(leader) > slack {
		c.floor = leader
	}
	return off
}

// adoptIfOff is adopt for a clock that is live already: a reading that took a
// while on its way is worse than a clock that is right, so small differences
// are left alone.
func (c *logClock) adoptIfOff(leader rtbh.Instant, uncertainty time.Duration) (off time.Duration) {
	c.mu.Lock()
	off = c.carried().Sub(leader)
	keep := c.live && off.Abs() <= uncertainty
	c.mu.Unlock()
	if keep {
		return 0
	}
	return c.adopt(leader)
}

// resume carries the clock on from a reading that an earlier process on this
// machine left behind, when the machine has not been restarted since.
func (c *logClock) resume(r clockReading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	boot := c.src.Boot()
	if r.Now == 0 || r.BootID == "" || r.BootID != c.src.BootID || r.Boot > boot {
		c.base, c.at = max(c.base, r.Now), boot
		return
	}
	c.base, c.at, c.live = max(c.base, r.Now.Add(boot-r.Boot)), boot, true
}

// fromWall starts the clock from the wall clock, never before what is known.
// It is for the first leader of all, and for one that is elected when no
// member carried the clock on.
func (c *logClock) fromWall() {
	wall := rtbh.InstantOf(c.src.Wall())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.at, c.live = max(wall, c.carried(), c.floor), c.src.Boot(), true
}

// guess sets a clock that is not live to the better of what is known and the
// wall clock, for a node that has to act alone after a restart of its machine.
func (c *logClock) guess() {
	wall := rtbh.InstantOf(c.src.Wall())
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live {
		c.base, c.at = max(wall, c.carried()), c.src.Boot()
	}
}

// reading returns what the mark keeps. A clock that is not live leaves no boot
// id, so that nobody resumes from it.
func (c *logClock) reading() clockReading {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := clockReading{Now: c.carried(), Boot: c.src.Boot()}
	if c.live {
		r.BootID = c.src.BootID
	}
	return r
}

// wallOff returns how far the wall clock is ahead of the log's clock.
func (c *logClock) wallOff() time.Duration {
	return rtbh.InstantOf(c.src.Wall()).Sub(c.now())
}
