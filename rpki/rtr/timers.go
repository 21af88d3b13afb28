package rtr

import "time"

// The intervals of RFC 8210 section 6: defaults, and the range of each.
const (
	DefaultRefresh = 3600 * time.Second
	DefaultRetry   = 600 * time.Second
	DefaultExpire  = 7200 * time.Second

	minRefresh, maxRefresh = 1 * time.Second, 86400 * time.Second
	minRetry, maxRetry     = 1 * time.Second, 7200 * time.Second
	minExpire, maxExpire   = 600 * time.Second, 172800 * time.Second
)

// Ceilings are the operator's upper bounds of the intervals that a cache sends;
// 0 is no bound.
type Ceilings struct{ Refresh, Retry, Expire time.Duration }

// Intervals are the intervals in force.
type Intervals struct {
	Refresh time.Duration // from End of Data to the next query
	Retry   time.Duration // from a failed query to the next
	Expire  time.Duration // from End of Data until the data are not used any more
}

// intervals turns what an End of Data says into what is done: values out of
// range are moved into it, the operator's ceilings lower them, and refresh and
// retry always lie within expire, or data would die before they are asked for
// again.
func (c Ceilings) intervals(version uint8, t Timers) Intervals {
	i := Intervals{DefaultRefresh, DefaultRetry, DefaultExpire}
	if version >= Version1 {
		i.Refresh = clamp(t.Refresh, minRefresh, maxRefresh)
		i.Retry = clamp(t.Retry, minRetry, maxRetry)
		i.Expire = clamp(t.Expire, minExpire, maxExpire)
	}
	i.Refresh = lower(i.Refresh, c.Refresh)
	i.Retry = lower(i.Retry, c.Retry)
	i.Expire = lower(i.Expire, c.Expire)
	i.Refresh = min(i.Refresh, i.Expire/2)
	i.Retry = min(i.Retry, i.Expire/2)
	return i
}

func clamp(seconds uint32, low, high time.Duration) time.Duration {
	return min(max(time.Duration(seconds)*time.Second, low), high)
}

func lower(d, ceiling time.Duration) time.Duration {
	if ceiling > 0 {
		return min(d, ceiling)
	}
	return d
}

// newer compares serials by the arithmetic of RFC 1982.
func newer(a, b uint32) bool { return int32(a-b) > 0 }
