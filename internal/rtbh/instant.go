package rtbh

import (
	"fmt"
	"time"
)

// Instant is a point on the log's clock, in milliseconds since the Unix epoch.
// Only the leader stamps it, and it never goes back; it is close to wall time
// but not equal to it, so never compare it with time.Now.
type Instant int64

// Never is the deadline of a blackhole that has no end.
const Never Instant = 0

// Add returns i moved by d, at the clock's resolution of one millisecond.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d/time.Millisecond) }

// Sub returns how long after j the instant i is.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }

// Time returns i as UTC time, for printing.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// InstantOf returns t on the log's clock.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// String prints RFC 3339 in UTC with whole seconds, or "never" for [Never].
func (i Instant) String() string {
	if i == Never {
		return "never"
	}
	return i.Time().Format(time.RFC3339)
}

// Lifetime is how long something lasts, in milliseconds; 0 means not set.
type Lifetime int64

// Forever is the lifetime without an end.
const Forever Lifetime = -1

// LifetimeOf returns d as a lifetime.
func LifetimeOf(d time.Duration) Lifetime { return Lifetime(d / time.Millisecond) }

// Duration returns l as a duration; it is meaningless for [Forever].
func (l Lifetime) Duration() time.Duration { return time.Duration(l) * time.Millisecond }

// String prints the lifetime as the command line takes it: 90s, 2h, 7d, never.
func (l Lifetime) String() string {
	if l == Forever {
		return "never"
	}
	d := l.Duration()
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d != 0 && d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%dms", int64(l))
}

// deadline returns when something that starts at i with lifetime l ends.
func (i Instant) deadline(l Lifetime) Instant {
	if l == Forever {
		return Never
	}
	return i + Instant(l)
}
