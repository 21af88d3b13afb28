package consensus

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
)

// maxPool is how many idle connections Raft keeps to each server.
const maxPool = 4

// candidateTransport asks for a vote again when the connection that it was asked
// over turns out to be broken.
//
// Raft keeps idle connections and notices only in use that the other side was
// killed or restarted since. For an AppendEntries that costs nothing, it comes
// again with the next heartbeat. A vote is asked for once in an election: lost
// on an old connection, it costs the whole election, half a second to a second
// without a leader, just after a node has come back. To ask twice is harmless:
// a server answers the same candidate in the same term the same again (Raft
// section 5.2), and a pre-vote changes nothing.
type candidateTransport struct{ *raft.NetworkTransport }

var _ raft.WithPreVote = candidateTransport{}

// RequestVote implements raft.Transport.
func (t candidateTransport) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return overFresh(func() error {
		*resp = raft.RequestVoteResponse{}
		return t.NetworkTransport.RequestVote(id, target, args, resp)
	})
}

// RequestPreVote implements raft.WithPreVote.
func (t candidateTransport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return overFresh(func() error {
		*resp = raft.RequestPreVoteResponse{}
		return t.NetworkTransport.RequestPreVote(id, target, args, resp)
	})
}

// overFresh repeats a call as long as it may have met an idle connection that
// was broken: such a one leaves the pool, so after maxPool of them the next is
// new.
func overFresh(call func() error) (err error) {
	for range maxPool + 1 {
		began := time.Now()
		err = call()
		if err == nil || time.Since(began) > noticedWithin || errors.Is(err, peer.ErrUnreachable) || errors.Is(err, raft.ErrTransportShutdown) {
			return err
		}
	}
	return err
}

// noticedWithin is how long the other side's system takes to say that it does
// not know a connection. Raft's decoder wraps what is said in various ways, so
// the time tells such an error from one that another try would only repeat.
const noticedWithin = 100 * time.Millisecond
