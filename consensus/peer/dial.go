package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrUnreachable is certain: the other side has not received the request,
// because no connection to it could be made.
var ErrUnreachable = errors.New("not reachable")

// DialRaft opens a connection for Raft to addr. The other side is a member,
// and is serverID where that is not "". Errors are ErrUnreachable and hold the
// *Refusal if one was the cause.
func (p *Port) DialRaft(addr, serverID string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	return p.dial(ctx, addr, serverID, channelRaft)
}

// dial connects and takes the connection through the handshake.
func (p *Port) dial(ctx context.Context, addr, serverID, channel string) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	c, refusal := p.admitDialed(ctx, raw, serverID, channel)
	if refusal == nil {
		return c, nil
	}
	_ = raw.Close()
	if p.ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w: %w", addr, ErrUnreachable, ErrClosed)
	}
	p.noteRefusal(refusal, raw.RemoteAddr(), "dialed", serverID)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s: %w: %w (%w)", addr, ErrUnreachable, refusal, ctx.Err())
	}
	return nil, fmt.Errorf("%s: %w: %w", addr, ErrUnreachable, refusal)
}

// admitDialed is the client's side of the handshake.
func (p *Port) admitDialed(ctx context.Context, raw net.Conn, serverID, channel string) (*conn, *Refusal) {
	if err := p.enter(raw, ""); err != nil {
		return nil, asClosed(err)
	}
	defer func() { _ = p.leave(raw) }()
	tune(raw)
	deadline, _ := ctx.Deadline()
	_ = raw.SetDeadline(deadline)

	creds, self := p.Credentials(), p.opt.Identity()
	t := tls.Client(raw, clientConfig(creds))
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, tlsRefusal(err, false)
	}
	heard, theirs, err := greet(t, self, channel)
	if err != nil {
		return nil, helloRefusal(err)
	}
	j := judgement{
		self: self, caCert: creds.CACert, heard: heard, cert: shownName(t.ConnectionState()),
		expect: serverID, member: p.opt.Member,
	}
	refusal := j.judge()
	if refusal != nil {
		p.noteGeneration(refusal, heard.Record, raw.RemoteAddr())
	}
	if err := sayVerdict(t, refusal); err != nil {
		refusal = firstRefusal(refusal, tlsRefusal(err, false))
	}
	if refusal == nil && theirs.Reason != "" {
		refusal = &Refusal{Reason: theirs.Reason, Text: theirs.Text, ByPeer: true}
	}
	if refusal != nil {
		_ = t.CloseWrite()
		return nil, refusal
	}
	c := &conn{Conn: t, raw: raw, port: p, from: heard.identity(), channel: channel, dialed: serverID}
	_ = raw.SetDeadline(time.Time{})
	if err := p.admit(c); err != nil {
		return nil, asClosed(err)
	}
	return c, nil
}

// greet says hello and hears the other side's hello and verdict.
func greet(t *tls.Conn, self Identity, channel string) (hello, verdict, error) {
	b, err := newHello(self, channel).encode()
	if err != nil {
		return hello{}, verdict{}, err
	}
	if _, err := t.Write(b); err != nil {
		return hello{}, verdict{}, err
	}
	heard, err := readHello(t)
	if err != nil {
		return hello{}, verdict{}, err
	}
	theirs, err := readVerdict(t)
	return heard, theirs, err
}

func sayVerdict(t *tls.Conn, r *Refusal) error {
	b, err := verdictOf(r).encode()
	if err != nil {
		return err
	}
	_, err = t.Write(b)
	return err
}
