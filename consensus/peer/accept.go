package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// lingerTime is how long a refused connection stays for its reason to be read.
const lingerTime = time.Second

// accept takes connections until the port is closed. An error of the listener
// itself, such as too many open files, passes: it must not close the port.
func (p *Port) accept() {
	for {
		raw, err := p.listener.Accept()
		if err == nil {
			if !p.spawn(func() { p.welcome(raw) }) {
				_ = raw.Close()
			}
			continue
		}
		if p.ctx.Err() != nil {
			return
		}
		p.log.Warn("cluster port cannot accept", "error", err)
		select {
		case <-p.ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// welcome takes one accepted connection through the handshake and to its
// channel. It returns when the connection is in other hands or over.
func (p *Port) welcome(raw net.Conn) {
	if err := p.enter(raw, sourceOf(raw.RemoteAddr())); err != nil {
		_ = raw.Close()
		return
	}
	c, refusal := p.admitAccepted(raw)
	if p.leave(raw) && refusal != nil {
		refusal = refuse(TooMany, "too many handshakes at once: this one was the oldest")
	}
	if refusal != nil {
		_ = raw.Close()
		if p.ctx.Err() == nil {
			p.noteRefusal(refusal, raw.RemoteAddr(), "accepted", "")
		}
		return
	}
	switch c.channel {
	case channelRaft:
		p.handToRaft(c)
	case channelCall:
		p.serveCalls(c)
	case channelJoin:
		p.serveJoin(c)
	}
}

// admitAccepted is the server's side of the handshake: it returns either a
// connection or a refusal.
func (p *Port) admitAccepted(raw net.Conn) (*conn, *Refusal) {
	tune(raw)
	_ = raw.SetDeadline(time.Now().Add(handshakeTime))

	var old bool
	t := tls.Server(raw, serverConfig(p.Credentials(), &old))
	ctx, cancel := context.WithTimeout(p.ctx, handshakeTime)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, tlsRefusal(err, old)
	}
	cert := shownName(t.ConnectionState())
	heard, err := readHello(t)
	if err != nil {
		return nil, helloRefusal(err)
	}
	refusal := p.judgeAccepted(heard, cert, raw.RemoteAddr())
	if err := sayHello(t, p.opt.Identity(), heard.Channel, refusal); err != nil {
		return nil, firstRefusal(refusal, tlsRefusal(err, false))
	}
	// The other side's verdict is read in any case: closing with its octets
	// unread would reset the connection and lose the reason just sent.
	if refusal != nil {
		_ = raw.SetDeadline(time.Now().Add(lingerTime))
	}
	theirs, err := readVerdict(t)
	if refusal != nil {
		return nil, refusal
	}
	if err != nil {
		return nil, helloRefusal(err)
	}
	if theirs.Reason != "" {
		return nil, &Refusal{Reason: theirs.Reason, Text: theirs.Text, ByPeer: true}
	}
	c := &conn{Conn: t, raw: raw, port: p, from: heard.identity(), channel: heard.Channel, accepted: true}
	_ = raw.SetDeadline(time.Time{})
	if err := p.admit(c); err != nil {
		return nil, asClosed(err)
	}
	return c, nil
}

// judgeAccepted adds to judge what only an accepting side can say.
func (p *Port) judgeAccepted(h hello, cert string, from net.Addr) *Refusal {
	j := judgement{self: p.opt.Identity(), caCert: p.Credentials().CACert, heard: h, cert: cert, member: p.opt.Member}
	if r := j.judge(); r != nil {
		p.noteGeneration(r, h.Record, from)
		return r
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case h.Channel == channelRaft && p.raft == nil:
		return refuse(NotReady, "this node does not take part in consensus at the moment")
	case h.Channel == channelJoin && p.joining == nil:
		return refuse(NotReady, "this node does not take join requests yet")
	case h.Channel != channelRaft && h.Channel != channelCall && h.Channel != channelJoin:
		return refuse(BadChannel, "this binary does not know the channel %q: upgrade the older binary", h.Channel)
	}
	return nil
}

// sayHello sends this side's hello and its verdict together.
func sayHello(w io.Writer, self Identity, channel string, refusal *Refusal) error {
	if !isWord(channel) {
		channel = channelCall // a hello that could not be read whole has none
	}
	b, err := newHello(self, channel).encode()
	if err != nil {
		return err
	}
	v, err := verdictOf(refusal).encode()
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, v...))
	return err
}

func verdictOf(r *Refusal) verdict {
	if r == nil {
		return verdict{}
	}
	return verdict{Reason: r.Reason, Text: r.Text}
}

func helloRefusal(err error) *Refusal {
	if errors.Is(err, errHello) {
		return refuse(BadHello, "TLS stands, but what came then is not triggerd's protocol")
	}
	return tlsRefusal(err, false)
}

func asClosed(err error) *Refusal { return refuse(NotReady, "%v", err) }

func firstRefusal(all ...*Refusal) *Refusal {
	for _, r := range all {
		if r != nil {
			return r
		}
	}
	return nil
}
