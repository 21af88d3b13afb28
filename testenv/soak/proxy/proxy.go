package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Who finds out which node dialed, by the address that it dialed from and the
// one that it dialed; "" when that is not known.
type Who func(from, to *net.TCPAddr) string

// Proxy stands in front of one node.
type Proxy struct {
	node   string
	target string
	who    Who
	links  *Links
	listen net.Listener
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// Listen opens the proxy of a node, whose cluster port is at target, on a free
// port of loopback.
func Listen(node, target string, links *Links, who Who) (*Proxy, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the proxy of %s: %w", node, err)
	}
	p := &Proxy{node: node, target: target, who: who, links: links, listen: l}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.work.Go(p.accept)
	return p, nil
}

// Addr is what the node advertises.
func (p *Proxy) Addr() string { return p.listen.Addr().String() }

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.cancel()
	_ = p.listen.Close()
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listen.Accept()
		if err != nil {
			return // closed
		}
		p.work.Go(func() { p.serve(c.(*net.TCPConn)) })
	}
}

// conn is one connection through the proxy.
type conn struct {
	from, to string
	ctx      context.Context
	cancel   context.CancelFunc

	mu    sync.Mutex
	sides []*net.TCPConn
}

// hold closes a side when the connection ends; false when it has ended.
func (c *conn) hold(side *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		reset(side)
		return false
	}
	c.sides = append(c.sides, side)
	return true
}

// breakOff resets both sides.
func (c *conn) breakOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel()
	for _, s := range c.sides {
		reset(s)
	}
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// serve takes one connection from its first packet to its end. Nothing reaches
// the node before a packet could go both ways.
func (p *Proxy) serve(in *net.TCPConn) {
	c := &conn{to: p.node}
	c.ctx, c.cancel = context.WithCancel(p.ctx)
	defer c.breakOff()
	stop := context.AfterFunc(p.ctx, c.breakOff)
	defer stop()
	c.from = p.who(in.RemoteAddr().(*net.TCPAddr), in.LocalAddr().(*net.TCPAddr))
	p.links.add(c)
	defer p.links.remove(c)
	if !c.hold(in) {
		return
	}
	came := time.Now()
	if p.links.pass(c.ctx, c.from, c.to, came) != nil || p.links.pass(c.ctx, c.to, c.from, came) != nil {
		return
	}
	out, err := net.DialTimeout("tcp4", p.target, time.Second)
	if err != nil || !c.hold(out.(*net.TCPConn)) {
		return // the node is not there: the dialer sees a reset
	}
	var ways sync.WaitGroup
	ways.Go(func() { p.carry(c, out.(*net.TCPConn), in, c.from, c.to) })
	ways.Go(func() { p.carry(c, in, out.(*net.TCPConn), c.to, c.from) })
	ways.Wait()
}

// carry moves what one side sends to the other until it says that it is done. A
// broken side breaks the other, when the news can get through.
func (p *Proxy) carry(c *conn, dst, src *net.TCPConn, from, to string) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if p.links.pass(c.ctx, from, to, time.Now()) != nil {
			return
		}
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = dst.CloseWrite()
			return
		case err != nil:
			c.breakOff()
			return
		}
	}
}
