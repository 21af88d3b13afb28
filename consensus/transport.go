package consensus

import (
	"context"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
)

// transport is what a node needs from the port between nodes. The real one is
// consensus/peer (port.go); tests have one in memory and in virtual time.
type transport interface {
	// raftTransport carries Raft's own calls.
	raftTransport() raft.Transport
	// handle registers what answers calls of a kind.
	handle(kind string, f handler)
	// call asks a member. The error wraps errUnreachable when the call was
	// certainly not delivered, errLost when it may have been, and is a
	// *remoteError when the handler answered with one.
	call(ctx context.Context, addr, serverID, kind string, body []byte) ([]byte, error)
	// setCredentials replaces the certificate for connections from now on.
	setCredentials(c peer.Credentials) error
	// recheck cuts connections of servers that are no longer members.
	recheck()
	// close stops accepting and cuts every connection.
	close()
}

// handler answers one call from a member.
type handler func(ctx context.Context, from peer.Identity, body []byte) ([]byte, error)
