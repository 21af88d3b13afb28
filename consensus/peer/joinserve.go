package peer

import (
	"context"
	"encoding/json"
	"net"
	"time"
)

// maxJoins is how many join requests are worked on at once: nobody has proved
// anything yet on these connections.
const maxJoins = 4

// JoinHandler takes a node in: it checks the secret (or the holder), chooses
// the incarnation, has the certificate signed and adds the member; or it
// forwards ask.Encode() to the leader by a Call. An error is told to the
// joining node; with CodeRetry it tries the token's next address.
type JoinHandler func(ctx context.Context, from net.Addr, ask JoinAsk) (JoinReply, error)

// HandleJoin sets the handler of join requests; without one they are refused
// as NotReady.
func (p *Port) HandleJoin(h JoinHandler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joining = h
}

// serveJoin answers one join request and closes the connection.
func (p *Port) serveJoin(c *conn) {
	defer func() { _ = c.Close() }()
	a := joinAnswer{Code: CodeRetry, Text: "too many nodes join at once: try again"}
	select {
	case p.joins <- struct{}{}:
		var known bool
		a, known = p.answerJoin(c)
		<-p.joins
		if !known {
			return // the joining node must not take this for a refusal
		}
	default:
	}
	b, err := json.Marshal(a)
	if err != nil {
		p.log.Error("join reply cannot be encoded", "error", err)
		return
	}
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	if err := writeMessage(c, b); err != nil {
		p.log.Warn("join reply not delivered", "from", c.RemoteAddr().String(), "error", err)
	}
}

// answerJoin reads the request and has it handled; known is false when time
// ran out, so that the outcome is not.
func (p *Port) answerJoin(c *conn) (a joinAnswer, known bool) {
	no := func(code, text string) (joinAnswer, bool) { return joinAnswer{Code: code, Text: text}, true }
	_ = c.SetDeadline(time.Now().Add(handshakeTime))
	b, err := readMessage(c, maxJoinAsk)
	if err != nil {
		return no(CodeError, "the join request did not arrive whole")
	}
	ask, err := DecodeJoinAsk(b)
	if err != nil {
		return no(CodeError, err.Error())
	}
	if ask.Cluster != c.from.Cluster {
		return no(CodeError, "the join request is for another cluster")
	}
	ask.Holder = shownName(c.ConnectionState())
	p.mu.Lock()
	h := p.joining
	p.mu.Unlock()
	if h == nil {
		return no(CodeRetry, "this node does not take join requests yet")
	}
	return p.handleJoin(h, c.RemoteAddr(), ask)
}

// handleJoin runs the handler as those of calls are run: when the port closes
// it does not hold it up for long.
func (p *Port) handleJoin(h JoinHandler, from net.Addr, ask JoinAsk) (a joinAnswer, known bool) {
	ctx, cancel := context.WithTimeout(p.ctx, joinTime)
	answered := make(chan joinAnswer, 1)
	if !p.handle(func() {
		defer cancel()
		reply, err := h(ctx, from, ask)
		switch {
		case err == nil:
			answered <- joinAnswer{Reply: &reply}
		case ctx.Err() == nil:
			remote := asRemote(err)
			answered <- joinAnswer{Code: remote.Code, Text: remote.Text}
		}
	}) {
		cancel()
		return joinAnswer{}, false
	}
	<-ctx.Done()
	select {
	case a := <-answered:
		return a, true
	default:
		return joinAnswer{}, false
	}
}
