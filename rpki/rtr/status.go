package rtr

import (
	"fmt"
	"time"
)

// State is what a client does now.
type State uint8

// The states of a client.
const (
	Idle       State = iota // waiting for the next try to connect
	Connecting              // the transport is being set up
	Querying                // a query is out, nothing complete on this connection yet
	Synced                  // the last answer was complete
	NoData                  // the cache answers that it has no data yet
)

var stateNames = [...]string{"idle", "connecting", "querying", "synced", "no-data"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// MarshalText gives JSON the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Status is what there is to know about one cache and the connection to it.
type Status struct {
	Name       string
	Transport  string // tcp, tls, ssh, tcp-md5; set by a Group
	Preference uint8  // set by a Group
	InUse      bool   // set by a Group: its data are part of the effective data

	State     State
	Since     time.Time // of State
	Down      time.Time // since when State is not Synced; zero while it is, and before Run
	Version   uint8     // of the session, or of the next query
	Session   uint16    // with HasEpoch
	Serial    uint32    // with HasEpoch
	HasEpoch  bool      // there are complete, unexpired data
	Updated   time.Time // last End of Data; zero: never
	Expires   time.Time // with HasEpoch
	Intervals Intervals // in force; zero before the first End of Data

	VRPs4, VRPs6, ASPAs, Keys int // of the epoch

	LastError string    // why the last connection or query failed; "" when it did not
	ErrorAt   time.Time // with LastError
	Connects  uint64    // tries to connect
	Epochs    uint64    // complete answers
	Expired   uint64    // times that data ran out
	Counters
}

// Up tells whether the connection works and its data are whole.
func (s Status) Up() bool { return s.State == Synced }

// Status returns a copy.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Version = c.version
	c.traffic.fill(&s.Counters)
	if e := c.usable(); e != nil {
		s.HasEpoch, s.Session, s.Serial, s.Expires = true, e.Session, e.Serial, e.Expires
		s.VRPs4, s.VRPs6 = e.Data.VRPs.v4.n, e.Data.VRPs.v6.n
		s.ASPAs, s.Keys = len(e.Data.ASPAs), len(e.Data.Keys)
	}
	return s
}

// set changes the status and tells that it did.
func (c *Client) set(change func(*Status)) {
	c.mu.Lock()
	was := c.status.State
	change(&c.status)
	if c.status.State != was || c.status.Since.IsZero() {
		c.status.Since = time.Now()
	}
	switch {
	case c.status.State == Synced:
		c.status.LastError, c.status.ErrorAt, c.status.Down = "", time.Time{}, time.Time{}
	case c.status.Down.IsZero():
		c.status.Down = time.Now()
	}
	c.mu.Unlock()
	c.changed()
}

// down notes that a connection, or the try to make one, has ended.
func (c *Client) down(err error, again bool) {
	first := false
	c.set(func(s *Status) {
		text := "closed"
		if err != nil {
			text = err.Error()
		}
		first = s.LastError != text
		s.State, s.LastError, s.ErrorAt = Idle, text, time.Now()
		if again {
			s.Downgrades++
		} else {
			s.Failures++
		}
	})
	if again {
		c.o.Log.Info("cache is asked again in a lower version", "error", err)
	} else if first {
		c.o.Log.Warn("no connection to the cache", "error", err)
	}
}
