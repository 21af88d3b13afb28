package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
)

// rpcTimeout bounds one call of Raft; snapshots get more by their size.
const rpcTimeout = 2 * time.Second

// portTransport is the transport over consensus/peer. Its types and errors
// stop here.
type portTransport struct {
	port *peer.Port
	raft *raft.NetworkTransport
}

// addressBook knows the members' addresses.
type addressBook interface {
	addrOf(serverID, otherwise string) string
	serverAt(addr string) string // "" when it is not known
}

// newPortTransport puts Raft and the calls on an open port.
func newPortTransport(p *peer.Port, advertise string, book addressBook, log *slog.Logger) *portTransport {
	layer := &streamLayer{Listener: p.RaftListener(), port: p, advertise: address(advertise), book: book}
	return &portTransport{port: p, raft: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		ServerAddressProvider: addresses{book}, Stream: layer, MaxPool: maxPool, Timeout: rpcTimeout, Logger: newRaftLogger(log), MsgpackUseNewTimeFormat: true,
	})}
}

func (t *portTransport) raftTransport() raft.Transport { return candidateTransport{t.raft} }

func (t *portTransport) handle(kind string, f handler) { t.port.Handle(kind, peer.Handler(f)) }

func (t *portTransport) setCredentials(c peer.Credentials) error { return t.port.SetCredentials(c) }

func (t *portTransport) recheck() { t.port.Recheck() }

func (t *portTransport) call(ctx context.Context, addr, serverID, kind string, body []byte) ([]byte, error) {
	out, err := t.port.Call(ctx, addr, serverID, kind, body)
	var remote *peer.RemoteError
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &remote):
		notRun := remote.Code == peer.CodeUnknownKind || remote.Code == peer.CodeBusy || remote.Code == peer.CodeRetry
		return nil, &remoteError{text: remote.Text, notRun: notRun}
	case errors.Is(err, peer.ErrUnreachable):
		return nil, fmt.Errorf("%w: %w", errUnreachable, err)
	}
	return nil, fmt.Errorf("%w: %w", errLost, err)
}

// close ends Raft's connections first: NetworkTransport.Close alone leaves the
// established ones alive.
func (t *portTransport) close() {
	_ = t.raft.Close() // it closes the listener, which can't fail
	t.raft.CloseStreams()
	_ = t.port.Close() // what it returns is the listener's error, at the end
}

// streamLayer gives Raft its connections. Its address is the one that others
// dial: Raft tells it to them.
type streamLayer struct {
	net.Listener
	port      *peer.Port
	advertise address
	book      addressBook
}

// addresses lets Raft dial where the members' records say.
type addresses struct{ book addressBook }

func (a addresses) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	if addr := a.book.addrOf(string(id), ""); addr != "" {
		return raft.ServerAddress(addr), nil
	}
	return "", fmt.Errorf("%s: %w", id, ErrUnknownMember)
}

func (s *streamLayer) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return s.port.DialRaft(string(addr), s.book.serverAt(string(addr)), timeout)
}

func (s *streamLayer) Addr() net.Addr { return s.advertise }

// address is a host:port that is passed on as it was written.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }
