package peer

import (
	"net"
	"time"
)

// knock is a connection whose other side is not known yet.
type knock struct {
	source    string // where it came from; "" when this node dialed
	since     time.Time
	displaced bool // closed to make room for a newer one
}

// enter registers a connection for the time of its handshake, so that Close
// finds it. When too many were accepted that have not got through it, the
// oldest is closed, first among those from the same source: a member needs
// some milliseconds, so whoever fills the places with silence only displaces
// itself.
func (p *Port) enter(raw net.Conn, source string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	if source != "" {
		p.makeRoom(source)
	}
	p.knocks[raw] = &knock{source: source, since: time.Now()}
	return nil
}

// makeRoom is called with the lock held.
func (p *Port) makeRoom(source string) {
	var all, same int
	var oldest, oldestSame net.Conn
	older := func(a, b net.Conn) bool { return b == nil || p.knocks[a].since.Before(p.knocks[b].since) }
	for raw, k := range p.knocks {
		if k.source == "" || k.displaced {
			continue
		}
		all++
		if older(raw, oldest) {
			oldest = raw
		}
		if k.source != source {
			continue
		}
		same++
		if older(raw, oldestSame) {
			oldestSame = raw
		}
	}
	switch {
	case same >= maxFromOne && !net.ParseIP(source).IsLoopback():
		p.displace(oldestSame)
	case all >= maxHandshakes:
		p.displace(oldest)
	}
}

func (p *Port) displace(raw net.Conn) {
	p.knocks[raw].displaced = true
	_ = raw.Close()
}

// leave ends the handshake; it is true when the connection was displaced.
func (p *Port) leave(raw net.Conn) (displaced bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.knocks[raw]
	delete(p.knocks, raw)
	return k != nil && k.displaced
}

// admit adds a connection to those that are in use.
func (p *Port) admit(c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.conns[c] = struct{}{}
	return nil
}

func (p *Port) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Port) admitted() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		all = append(all, c)
	}
	return all
}

// spawn runs f on a goroutine that Close waits for; false when it is too late.
func (p *Port) spawn(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.wg.Go(f)
	return true
}
