package peer

import (
	"net"
	"sync"
	"time"
)

// raftWait is how long an admitted connection waits for Raft to take it.
const raftWait = 5 * time.Second

// raftListener gives Raft its accepted connections. Closing it closes them
// too, so that nothing of a stopped Raft stays on the wire.
type raftListener struct {
	port  *Port
	queue chan *conn
	done  chan struct{}
	once  sync.Once
}

// RaftListener returns a listener whose connections are members' Raft
// connections: nothing is left to verify. While none is open such connections
// are refused as NotReady. A new one takes over from the one before, which is
// closed: Raft can be stopped and started again on the same port.
func (p *Port) RaftListener() net.Listener {
	p.mu.Lock()
	before := p.raft
	p.mu.Unlock()
	if before != nil {
		_ = before.Close()
	}
	l := &raftListener{port: p, queue: make(chan *conn), done: make(chan struct{})}
	p.mu.Lock()
	p.raft = l
	p.mu.Unlock()
	return l
}

// handToRaft waits until Raft takes the connection.
func (p *Port) handToRaft(c *conn) {
	p.mu.Lock()
	l := p.raft
	p.mu.Unlock()
	if l != nil {
		wait := time.NewTimer(raftWait)
		defer wait.Stop()
		select {
		case l.queue <- c:
			return
		case <-l.done:
		case <-p.ctx.Done():
		case <-wait.C:
		}
	}
	_ = c.Close()
}

// Accept returns the next connection; net.ErrClosed after Close of the
// listener or the port.
func (l *raftListener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	case <-l.port.ctx.Done():
		return nil, net.ErrClosed
	case c := <-l.queue:
		return c, nil
	}
}

// Close ends Accept and every accepted Raft connection.
func (l *raftListener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.port.mu.Lock()
		if l.port.raft == l {
			l.port.raft = nil
		}
		l.port.mu.Unlock()
		for _, c := range l.port.admitted() {
			if c.channel == channelRaft && c.accepted {
				_ = c.Close()
			}
		}
	})
	return nil
}

// Addr is the port's address.
func (l *raftListener) Addr() net.Addr {
	if a := l.port.Addr(); a != nil {
		return a
	}
	return &net.TCPAddr{}
}
