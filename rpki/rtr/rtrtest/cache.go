// Package rtrtest is a small RTR cache for tests: it serves data that a test
// gives it, in the versions that it is told to know, and can be made to
// misbehave in every way that real caches, and liars, do.
//
// It must not know clients or what is done with the data. Tests of rpki/rtr and
// rpki, and the lab, call it; no part of the daemon does.
package rtrtest

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// Unknown is what a cache does with a query in a version that it does not know
// (RFC 8210 section 7).
type Unknown uint8

// The three ways that caches have.
const (
	Report Unknown = iota // an Error Report with code 4, then close
	Lower                 // answer in the highest version known
	Silent                // close without a word
)

// Cache is an RTR cache. Set the exported fields before the first connection.
type Cache struct {
	Max     uint8 // highest version known; Min to Max are
	Min     uint8
	Unknown Unknown
	Timers  rtr.Timers

	mu       sync.Mutex
	fault    Fault
	session  uint16
	serial   uint32
	data     *rtr.Data // nil: No Data Available
	history  map[uint32]*rtr.Data
	conns    map[*conn]bool
	queries  []rtr.PDU
	refusing bool
}

// Fault sees a query before the cache does. When it says handled, its octets are
// sent instead of the answer, and with end the connection ends behind them.
type Fault func(q rtr.PDU) (answer []byte, end, handled bool)

// Misbehave puts a fault between the queries and the cache; nil takes it away. It
// is called by one query at a time, and must not call methods that lock: only
// Answer.
func (c *Cache) Misbehave(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

// New returns a cache that knows versions 0 to 2 and has no data.
func New(session uint16) *Cache {
	return &Cache{
		Max: rtr.Version2, session: session, history: map[uint32]*rtr.Data{}, conns: map[*conn]bool{},
		Timers: rtr.Timers{Refresh: 3600, Retry: 600, Expire: 7200},
	}
}

// Set gives the cache new data under the next serial and notifies everybody.
func (c *Cache) Set(d *rtr.Data) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	c.data = d
	c.history[c.serial] = d
	for conn := range c.conns {
		conn.put(rtr.PDU{Version: conn.version, Type: rtr.SerialNotify, Session: c.session, Serial: c.serial}.Append(nil))
	}
}

// Restart ends all connections and begins a new session without a history.
func (c *Cache) Restart(session uint16, d *rtr.Data) {
	c.mu.Lock()
	c.session, c.serial, c.data = session, 1, d
	c.history = map[uint32]*rtr.Data{1: d}
	c.mu.Unlock()
	c.Drop()
}

// Drop ends all connections.
func (c *Cache) Drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}

// Refuse makes new connections fail (true), as if the cache were gone, and ends
// those that there are.
func (c *Cache) Refuse(refuse bool) {
	c.mu.Lock()
	c.refusing = refuse
	c.mu.Unlock()
	if refuse {
		c.Drop()
	}
}

// Send writes octets to every connection, whatever they are.
func (c *Cache) Send(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.put(b)
	}
}

// Connections returns how many there are.
func (c *Cache) Connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

// Queries returns every PDU that clients have sent, in order.
func (c *Cache) Queries() []rtr.PDU {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.queries)
}

// Dial connects to the cache within the process.
func (c *Cache) Dial(context.Context) (net.Conn, error) {
	c.mu.Lock()
	refusing := c.refusing
	c.mu.Unlock()
	if refusing {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: io.ErrClosedPipe}
	}
	ours, theirs := net.Pipe()
	go c.Serve(ours)
	return theirs, nil
}

// Listen accepts connections until the listener is closed.
func (c *Cache) Listen(l net.Listener) {
	for {
		raw, err := l.Accept()
		if err != nil {
			return
		}
		go c.Serve(raw)
	}
}

// conn is one client's connection. Its writer is a goroutine of its own, so that
// nobody waits for a client that does not read.
type conn struct {
	net.Conn
	version uint8
	out     chan []byte
	done    chan struct{}
}

func (c *conn) put(b []byte) {
	select {
	case c.out <- b:
	case <-c.done:
	}
}

func (c *conn) write() {
	for {
		select {
		case b := <-c.out:
			if b == nil { // end of what there is to say
				c.Close()
				return
			}
			if _, err := c.Write(b); err != nil {
				c.Close()
				return
			}
		case <-c.done:
			return
		}
	}
}

// Serve answers one client until its connection ends.
func (c *Cache) Serve(raw net.Conn) {
	conn := &conn{Conn: raw, out: make(chan []byte, 256), done: make(chan struct{})}
	c.mu.Lock()
	c.conns[conn] = true
	conn.version = c.Max
	c.mu.Unlock()
	go conn.write()
	defer func() {
		c.mu.Lock()
		delete(c.conns, conn)
		c.mu.Unlock()
		close(conn.done)
		raw.Close()
	}()
	for {
		q, err := rtr.ReadPDU(raw)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.queries = append(c.queries, q)
		c.mu.Unlock()
		c.answer(conn, q)
	}
}
