package rtr

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Options of a Client. Dial alone is needed.
type Options struct {
	Name       string // of the cache, for people; HOST:PORT usually
	Dial       func(context.Context) (net.Conn, error)
	MaxVersion uint8 // the first version tried; 0 means only version 0. See Latest
	Ceilings   Ceilings
	Log        *slog.Logger
	// OnChange is called after everything that Status or Epoch show has changed,
	// without any lock held, from the client's goroutines.
	OnChange func()
}

// Latest is the newest version that is spoken.
const Latest = Version2

// Epoch is one complete state of one cache.
type Epoch struct {
	Data    *Data
	Cache   string
	Version uint8
	Session uint16
	Serial  uint32
	At      time.Time // of its End of Data
	Expires time.Time // not used from then on
}

// Client follows one cache until its context ends. Make it with NewClient and
// call Run once.
type Client struct {
	o       Options
	kick    chan struct{} // asks for a query now
	traffic traffic

	mu      sync.Mutex
	status  Status
	epoch   *Epoch // nil: none yet, or expired
	expiry  *time.Timer
	version uint8 // the next query's
	proven  bool  // version has given a complete epoch
	silent  int   // connections in a row that ended without an answer
	resume  resume
}

// resume says where a Serial Query may go on. It belongs to one version: session
// and serial are never carried to another (RFC 8210 section 5.1).
type resume struct {
	valid   bool
	version uint8
	session uint16
	serial  uint32
}

// NewClient returns a client that does nothing before Run.
func NewClient(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("component", "rtr", "cache", o.Name)
	o.MaxVersion = min(o.MaxVersion, Latest)
	return &Client{o: o, kick: make(chan struct{}, 1), version: o.MaxVersion, status: Status{Name: o.Name, State: Idle}}
}

const (
	dialTime    = 30 * time.Second
	stallTime   = 60 * time.Second // without one octet of an answer
	firstPause  = time.Second
	longestWait = time.Minute // between tries to connect, however long retry is
)

// Run follows the cache until ctx ends.
func (c *Client) Run(ctx context.Context) {
	defer c.stopExpiry()
	pause := firstPause
	for ctx.Err() == nil {
		start := time.Now()
		err := c.connectOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		again := c.learn(err)
		c.down(err, again)
		if again {
			continue
		}
		if time.Since(start) > 2*longestWait { // it had worked
			pause = firstPause
		}
		c.wait(ctx, pause)
		pause = min(2*pause, longestWait, max(c.intervals().Retry, firstPause))
	}
}

func (c *Client) connectOnce(ctx context.Context) error {
	c.set(func(s *Status) { s.State, s.Connects = Connecting, s.Connects+1 })
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	conn, err := c.o.Dial(dialing)
	cancel()
	if err != nil {
		return &dialError{err}
	}
	return newSession(c, conn).run(ctx)
}

// dialError is a failure before a query could be sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// errSilent is a connection that ended after our query without any answer.
var errSilent = errors.New("no answer from the cache")

// versionError asks to come back with a lower version.
type versionError struct{ to uint8 }

func (e *versionError) Error() string { return "the cache speaks a lower version" }

// patience is how often a cache that has answered in this version before may
// close without an answer until a lower version is tried.
const patience = 3

// learn draws the conclusion for the version of the next try; true: try at once.
// Three things say that a cache knows only lower versions (RFC 8210 section 7):
// an Error Report, an answer in a lower version, and silence.
func (c *Client) learn(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lower *versionError
	switch {
	case errors.As(err, &lower):
		c.speak(lower.to)
		return true
	case errors.Is(err, errSilent):
		if c.silent++; c.proven && c.silent < patience {
			return false
		}
		if c.version == Version0 { // all tried: from the top, after a pause
			c.speak(c.o.MaxVersion)
			return false
		}
		c.speak(c.version - 1)
		return true
	}
	return false
}

// speak changes the version; the caller holds the lock.
func (c *Client) speak(version uint8) {
	if version != c.version {
		c.resume, c.proven, c.silent = resume{}, false, 0
	}
	c.version = version
}

func (c *Client) wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-c.kick:
	case <-time.After(d):
	}
}

// Refresh asks for a query, or a try to connect, at once.
func (c *Client) Refresh() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Epoch returns the newest complete epoch, or nil when there is none or the last
// one has expired.
func (c *Client) Epoch() *Epoch {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usable()
}

func (c *Client) usable() *Epoch {
	if c.epoch == nil || !time.Now().Before(c.epoch.Expires) {
		return nil
	}
	return c.epoch
}

// commit makes a complete epoch the current one.
func (c *Client) commit(e *Epoch, i Intervals) {
	c.mu.Lock()
	c.epoch = e
	c.proven, c.silent = true, 0
	c.resume = resume{true, e.Version, e.Session, e.Serial}
	if c.expiry != nil {
		c.expiry.Stop()
	}
	c.expiry = time.AfterFunc(i.Expire, c.expire)
	c.mu.Unlock()
	c.set(func(s *Status) {
		s.State, s.Intervals, s.Updated, s.Epochs = Synced, i, e.At, s.Epochs+1
	})
}

// expire drops data that are past their time (RFC 8210 section 6).
func (c *Client) expire() {
	c.mu.Lock()
	if c.epoch == nil || c.usable() != nil {
		c.mu.Unlock()
		return
	}
	c.epoch, c.resume = nil, resume{}
	c.mu.Unlock()
	c.o.Log.Warn("data of the cache expired")
	c.set(func(s *Status) { s.Expired++ })
}

func (c *Client) stopExpiry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.expiry != nil {
		c.expiry.Stop()
	}
}

// forget makes the next query a Reset Query.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resume = resume{}
}

func (c *Client) intervals() Intervals {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status.Intervals.Retry == 0 {
		return c.o.Ceilings.intervals(Version0, Timers{})
	}
	return c.status.Intervals
}

func (c *Client) changed() {
	if c.o.OnChange != nil {
		c.o.OnChange()
	}
}
