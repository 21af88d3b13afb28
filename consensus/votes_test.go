package consensus

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/triggerd/triggerd/consensus/peer"
)

// voterPort is a server that grants every vote, and can be restarted: all its
// connections break, as after kill -9.
type voterPort struct {
	t     *testing.T
	addr  string
	trans *raft.NetworkTransport
	ended chan struct{}
}

func newVoterPort(t *testing.T) *voterPort {
	v := &voterPort{t: t, addr: "127.0.0.1:0"}
	v.start()
	t.Cleanup(func() { v.stop() })
	return v
}

func (v *voterPort) start() {
	v.t.Helper()
	trans, err := raft.NewTCPTransportWithConfig(v.addr, nil, &raft.NetworkTransportConfig{MaxPool: maxPool, Timeout: time.Minute})
	if err != nil {
		v.t.Fatal(err)
	}
	v.trans, v.addr, v.ended = trans, string(trans.LocalAddr()), make(chan struct{})
	go v.answer(trans, v.ended)
}

func (v *voterPort) answer(trans *raft.NetworkTransport, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case rpc := <-trans.Consumer():
			switch rpc.Command.(type) {
			case *raft.RequestVoteRequest:
				rpc.Respond(&raft.RequestVoteResponse{Term: 7, Granted: true}, nil)
			case *raft.RequestPreVoteRequest:
				rpc.Respond(&raft.RequestPreVoteResponse{Term: 7, Granted: true}, nil)
			default:
				rpc.Respond(nil, errors.New("nothing but votes"))
			}
		}
	}
}

func (v *voterPort) stop() {
	_ = v.trans.Close()
	v.trans.CloseStreams()
	close(v.ended)
}

// candidate makes a transport with idle connections to the voter.
func candidate(t *testing.T, v *voterPort, idle int) *raft.NetworkTransport {
	t.Helper()
	trans, err := raft.NewTCPTransportWithConfig("127.0.0.1:0", nil, &raft.NetworkTransportConfig{MaxPool: maxPool, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trans.Close() })
	answers := make(chan error, idle)
	for range idle { // at one time, so that each has its own connection
		go func() {
			answers <- trans.RequestVote("voter#1", raft.ServerAddress(v.addr), &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{})
		}()
	}
	for range idle {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	return trans
}

func TestAVoteIsNotLostOnTheConnectionsOfAnEarlierProcess(t *testing.T) {
	v := newVoterPort(t)
	to := raft.ServerAddress(v.addr)
	plain := candidate(t, v, maxPool)
	v.stop()
	v.start()
	if plain.RequestVote("voter#1", to, &raft.RequestVoteRequest{}, &raft.RequestVoteResponse{}) == nil {
		t.Error("raft's own transport notices broken connections now: candidateTransport can go")
	}
	trans := candidateTransport{plain}
	var vote raft.RequestVoteResponse
	if err := trans.RequestVote("voter#1", to, &raft.RequestVoteRequest{}, &vote); err != nil || !vote.Granted {
		t.Errorf("vote: %+v, %v", vote, err)
	}
	v.stop()
	v.start()
	var pre raft.RequestPreVoteResponse
	if err := trans.RequestPreVote("voter#1", to, &raft.RequestPreVoteRequest{}, &pre); err != nil || !pre.Granted {
		t.Errorf("pre-vote: %+v, %v", pre, err)
	}
}

func TestAVoteThatNobodyCanGiveIsAskedForOnce(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for _, err := range []error{errors.Join(peer.ErrUnreachable, refused), raft.ErrTransportShutdown} {
		calls := 0
		if got := overFresh(func() error { calls++; return err }); got != err || calls != 1 {
			t.Errorf("%v: asked %d times, %v", err, calls, got)
		}
	}
	calls := 0
	if overFresh(func() error { calls++; return errors.New("EOF") }) == nil || calls != maxPool+1 {
		t.Errorf("asked %d times over connections that break", calls)
	}
}
