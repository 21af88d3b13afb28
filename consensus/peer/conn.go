package peer

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// farewell bounds how long a Close may wait to tell the other side.
const farewell = 200 * time.Millisecond

// conn is an admitted connection: TLS stands and both sides have agreed. The
// port keeps every one, to close them all and to judge them again.
type conn struct {
	*tls.Conn
	raw      net.Conn
	port     *Port
	from     Identity // the other side
	channel  string
	accepted bool
	dialed   string // the server id that was expected; "" for any or when accepted

	once sync.Once
	err  error
}

// Close ends the connection within farewell, also when the other side is gone
// and its window is full: crypto/tls alone would wait 5 s for its last alert.
func (c *conn) Close() error {
	c.once.Do(func() {
		c.port.forget(c)
		cut := time.AfterFunc(farewell, func() { _ = c.raw.Close() })
		c.err = c.Conn.Close()
		cut.Stop()
	})
	return c.err
}
