package consensus

import (
	"testing"
	"time"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// handClock is a machine's clocks, moved by hand.
type handClock struct {
	boot time.Duration
	wall time.Time
}

func (h *handClock) source(id string) TimeSource {
	return TimeSource{Boot: func() time.Duration { return h.boot }, Wall: func() time.Time { return h.wall }, BootID: id}
}

func (h *handClock) pass(d time.Duration) { h.boot += d; h.wall = h.wall.Add(d) }

const noon = rtbh.Instant(1_800_000_000_000)

func newHand() *handClock { return &handClock{boot: time.Hour, wall: noon.Time()} }

func TestWallClockJumpChangesNothing(t *testing.T) {
	h := newHand()
	c := newLogClock(h.source("b"))
	c.adopt(noon)
	h.wall = h.wall.Add(time.Hour)
	h.pass(time.Minute)
	if got := c.now(); got != noon.Add(time.Minute) {
		t.Errorf("the clock shows %s", got)
	}
	if off := c.wallOff(); off < 59*time.Minute {
		t.Errorf("the jump of the wall clock is not seen: %s", off)
	}
}

func TestReplayedStampsNeverTurnTheClockBack(t *testing.T) {
	h := newHand()
	c := newLogClock(h.source("b"))
	c.adopt(noon)
	c.stamped(noon.Add(-time.Hour))
	if got := c.now(); got != noon {
		t.Errorf("an old entry moved the clock to %s", got)
	}
	c.stamped(noon.Add(time.Second))
	if got := c.now(); got != noon.Add(time.Second) {
		t.Errorf("a newer stamp was not taken: %s", got)
	}
}

func TestRestartOnTheSameMachineCarriesTheClockOn(t *testing.T) {
	h := newHand()
	c := newLogClock(h.source("b"))
	c.adopt(noon)
	left := c.reading()
	h.pass(10 * time.Minute)
	h.wall = h.wall.Add(-5 * time.Hour)
	next := newLogClock(h.source("b"))
	next.resume(left)
	if got := next.now(); got != noon.Add(10*time.Minute) || !next.isLive() {
		t.Errorf("the clock shows %s, live %v", got, next.isLive())
	}
}

func TestRestartOfTheMachineLosesTheClock(t *testing.T) {
	h := newHand()
	c := newLogClock(h.source("b"))
	c.adopt(noon)
	left := c.reading()
	after := &handClock{boot: 2 * time.Hour, wall: noon.Time().Add(time.Hour)}
	next := newLogClock(after.source("another"))
	next.resume(left)
	if next.isLive() {
		t.Fatal("a clock from before the machine's restart is taken for live")
	}
	if got := next.now(); got < noon {
		t.Errorf("the clock is behind what was known: %s", got)
	}
	next.fromWall()
	if got := next.now(); got != noon.Add(time.Hour) || !next.isLive() {
		t.Errorf("from the wall clock: %s", got)
	}
}

func TestWallClockInThePastDoesNotTurnTheClockBack(t *testing.T) {
	h := newHand()
	c := newLogClock(h.source("b"))
	c.stamped(noon)
	h.wall = time.Unix(0, 0)
	c.fromWall()
	if got := c.now(); got < noon {
		t.Errorf("the clock went back to %s", got)
	}
}

func TestSmallCorrectionLetsTheClockStandStill(t *testing.T) {
	h := newHand()
	c := newLogClock(h.source("b"))
	c.adopt(noon)
	before := c.now()
	c.adopt(noon.Add(-time.Second))
	if got := c.now(); got != before {
		t.Errorf("the clock went from %s to %s", before, got)
	}
	h.pass(2 * time.Second)
	if got := c.now(); got != noon.Add(time.Second) {
		t.Errorf("after the correction it shows %s", got)
	}
	c.adopt(noon.Add(-time.Hour))
	if got := c.now(); got != noon.Add(-time.Hour) {
		t.Errorf("a gross correction was not made: %s", got)
	}
}
