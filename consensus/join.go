package consensus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/triggerd/triggerd/consensus/peer"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// JoinOptions say who joins.
type JoinOptions struct {
	Dir       string // empty or missing
	Name      string
	Advertise string // host:port that members will dial
	Token     string // as `triggerd token` printed it
	Version   string // of this binary
}

// Joined is what the cluster made of a new node.
type Joined struct {
	Name string
	Role string
	ID   string // server id, name#incarnation
}

// Join makes the directory of a new member: the cluster checks the token,
// signs a certificate and enters the node into the membership. The node has no
// state yet; [Open] it, and the leader sends that. The error says when the
// token may have been used up; the directory is left as it was found then.
func Join(ctx context.Context, opt JoinOptions) (Joined, error) {
	token, err := peer.ParseToken(opt.Token)
	if err != nil {
		return Joined{}, err
	}
	c, err := claim(opt.Dir)
	if err != nil {
		return Joined{}, err
	}
	// The log first: a disk that can't be written must not cost a token.
	if err := createDisk(opt.Dir); err != nil {
		return Joined{}, errors.Join(err, c.undo())
	}
	j, err := peer.Join(ctx, token, peer.JoinRequest{Name: opt.Name, Advertise: opt.Advertise, Binary: opt.Version, Speaks: rtbh.Speaks})
	if err != nil {
		return Joined{}, errors.Join(err, c.undo())
	}
	if err := j.Save(opt.Dir); err != nil {
		return Joined{}, errors.Join(err, c.undo())
	}
	return Joined{Name: j.Identity.Name, Role: j.Role, ID: j.Identity.ServerID()}, c.done()
}

// Token makes a one-time invitation to join, good for a lifetime from now on.
// Only the secret's hash goes into the log. name "" lets the node choose one.
func (n *Node) Token(ctx context.Context, by rtbh.Actor, role rtbh.MemberRole, name string, lifetime time.Duration) (string, error) {
	t := peer.Token{Cluster: n.identity().Cluster, Secret: peer.NewSecret(), CAFingerprint: peer.Fingerprint(n.life().creds.Load().CACert), Addrs: n.tokenAddrs()}
	if err := t.Check(); err != nil {
		return "", err
	}
	err := n.propose(ctx, by, rtbh.PutToken{Token: rtbh.Token{
		Hash: peer.SecretHash(t.Secret), Role: role, Name: name, Expires: n.clock.now().Add(lifetime),
	}})
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// tokenAddrs returns voters' addresses, the leader's first: only a voter may
// pass on what a new voter gets.
func (n *Node) tokenAddrs() (addrs []string) {
	const most = 8
	leader, _, _, _ := n.leader.get()
	for _, first := range []bool{true, false} {
		for _, m := range n.members() {
			if m.Role.Votes() && (m.ServerID() == leader) == first && len(addrs) < most {
				addrs = append(addrs, m.Addr)
			}
		}
	}
	return addrs
}

// joins remembers the last nodes that were taken in, so that one whose answer
// was lost can ask again. The request's key tells that it is the same node.
type joins struct {
	mu   turn // held while a node is taken in: one at a time
	done map[[32]byte]joinDone
}

type joinDone struct {
	key    []byte // SHA-256 of the request's public key
	member rtbh.Member
}

// handleJoin answers a node that asks to be taken in, at any member.
func (n *Node) handleJoin(ctx context.Context, from net.Addr, ask peer.JoinAsk) (peer.JoinReply, error) {
	if n.leads() {
		n.log.Info("join request", "name", ask.Name, "addr", ask.Advertise, "from", from.String())
		return n.admit(ctx, ask, true)
	}
	id, addr, _, _ := n.leader.get()
	if id == "" || id == n.identity().ServerID() {
		return peer.JoinReply{}, &peer.RemoteError{Code: peer.CodeRetry, Text: "the cluster has no leader now: try again"}
	}
	body, err := ask.Encode()
	if err != nil {
		return peer.JoinReply{}, err
	}
	out, err := n.life().trans.call(ctx, addr, id, callJoin, body)
	var remote *remoteError
	switch {
	case errors.As(err, &remote) && !remote.notRun:
		return peer.JoinReply{}, &peer.RemoteError{Code: peer.CodeError, Text: remote.text}
	case err != nil:
		return peer.JoinReply{}, &peer.RemoteError{Code: peer.CodeRetry, Text: "the leader did not answer: try again"}
	}
	return peer.DecodeJoinReply(out)
}

// handleForwardedJoin is the leader's side when another member was asked.
func (n *Node) handleForwardedJoin(ctx context.Context, from peer.Identity, body []byte) ([]byte, error) {
	ask, err := peer.DecodeJoinAsk(body)
	if err != nil {
		return nil, err
	}
	m, err := n.member(from.Name)
	trusted := err == nil && m.ServerID() == from.ServerID() && m.Role.Votes()
	n.log.Info("join request", "name", ask.Name, "addr", ask.Advertise, "by", from.ServerID())
	reply, err := n.admit(ctx, ask, trusted)
	if err != nil {
		return nil, err
	}
	return reply.Encode()
}

// admit takes a node in. trusted tells whether the answer goes to the node
// itself or through a voter: the CA's key goes no other way.
func (n *Node) admit(ctx context.Context, ask peer.JoinAsk, trusted bool) (peer.JoinReply, error) {
	n.joining.mu.Lock()
	defer n.joining.mu.Unlock()
	if !n.leads() {
		return peer.JoinReply{}, &peer.RemoteError{Code: peer.CodeRetry, Text: "the leader has changed: try again"}
	}
	ca, err := peer.LoadCA(n.opt.Dir)
	if err != nil {
		return peer.JoinReply{}, fmt.Errorf("sign certificate: %w", err)
	}
	csr, err := x509.ParseCertificateRequest(ask.CSR)
	if err != nil {
		return peer.JoinReply{}, fmt.Errorf("certificate request: %w", err)
	}
	key := sha256.Sum256(csr.RawSubjectPublicKeyInfo)
	hash := peer.SecretHash(ask.Secret)
	m, err := n.enroll(ctx, ask, hash, key[:], trusted)
	if err != nil {
		return peer.JoinReply{}, err
	}
	reply, err := n.welcome(ca, ask, m)
	if err != nil {
		return peer.JoinReply{}, err
	}
	n.kickLeader()
	n.log.Info("node taken in", "node", m.ServerID(), "role", m.Role.String(), "addr", m.Addr)
	return reply, nil
}

// enroll checks the token and commits the new member's record.
func (n *Node) enroll(ctx context.Context, ask peer.JoinAsk, hash [32]byte, key []byte, trusted bool) (rtbh.Member, error) {
	if len(ask.Secret) == 0 && ask.Holder != "" {
		return n.readmit(ctx, ask, trusted)
	}
	if d, ok := n.joining.done[hash]; ok && bytes.Equal(d.key, key) && d.member.Name == ask.Name {
		return d.member, nil // the answer was lost
	}
	token, err := n.checkToken(ask, hash)
	if err != nil {
		return rtbh.Member{}, err
	}
	if token.Role.Votes() && !trusted {
		return rtbh.Member{}, errors.New("a node that is to vote must ask a voter, not a speaker: use the addresses in the token")
	}
	incarnation, err := n.nextIncarnation(ctx, ask.Name)
	if err != nil {
		return rtbh.Member{}, err
	}
	m := rtbh.Member{
		Name: ask.Name, Incarnation: incarnation, Role: token.Role, Addr: ask.Advertise,
		Joined: n.clock.now(), Speaks: ask.Speaks, Binary: ask.Binary,
	}
	if err := n.propose(ctx, n.asNode(), rtbh.UseToken{Hash: hash}, rtbh.PutMember{Member: m}); err != nil {
		return rtbh.Member{}, err
	}
	if n.joining.done == nil || len(n.joining.done) > 64 {
		n.joining.done = map[[32]byte]joinDone{}
	}
	n.joining.done[hash] = joinDone{key: key, member: m}
	return m, nil
}

// checkToken holds a request against the token in the state.
func (n *Node) checkToken(ask peer.JoinAsk, hash [32]byte) (t rtbh.Token, err error) {
	n.View(func(s *rtbh.State, now rtbh.Instant) {
		var ok bool
		t, ok = s.Token(hash)
		switch {
		case len(ask.Secret) == 0:
			err = errors.New("a token is needed to join: make one with `triggerd token`")
		case !ok:
			err = errors.New("this token was used already, or never made: make a new one with `triggerd token`")
		case now >= t.Expires:
			err = fmt.Errorf("this token ended at %s: make a new one with `triggerd token`", t.Expires)
		case t.Name != "" && t.Name != ask.Name:
			err = fmt.Errorf("this token is for a node named %s, not %s", t.Name, ask.Name)
		case ask.Speaks < s.Version():
			err = fmt.Errorf("the cluster writes version %d of its log, this binary reads only %d: install a newer triggerd", s.Version(), ask.Speaks)
		}
	})
	return t, err
}

// nextIncarnation chooses the incarnation of a node that joins. A server id is
// never used twice, not even by a name that was removed in between: a node
// with an empty log would vote under the promises of the lost one.
func (n *Node) nextIncarnation(ctx context.Context, name string) (uint32, error) {
	if m, err := n.member(name); err == nil {
		ctx, cancel := context.WithTimeout(ctx, pollTimeout)
		defer cancel()
		if _, err := n.life().trans.call(ctx, m.Addr, m.ServerID(), callStatus, nil); err == nil || m.Name == n.identity().Name {
			return 0, fmt.Errorf("the name %s is in use by a live member at %s: choose another name, or stop that node first", name, m.Addr)
		}
		return m.Incarnation + 1, nil
	}
	return n.usedIncarnations(name) + 1, nil
}

// usedIncarnations looks for a removed member in the audit. Where the audit
// has lost its beginning, the log index serves: it was never handed out before.
func (n *Node) usedIncarnations(name string) uint32 {
	used, whole, index := n.seenIncarnations(name)
	if !whole {
		used = max(used, uint32(index))
	}
	return used
}

// seenIncarnations returns the highest incarnation of a name that the audit
// knows, whether the audit reaches back to the beginning, and the state's index.
func (n *Node) seenIncarnations(name string) (used uint32, whole bool, index uint64) {
	n.fsm.view(func(s *rtbh.State) {
		records, _ := s.Audit()
		for _, r := range records {
			if p, ok := r.Command.(rtbh.PutMember); ok && p.Member.Name == name {
				used = max(used, p.Member.Incarnation)
			}
		}
		whole = len(records) > 0 && records[0].Seq == 1
		index = s.Index()
	})
	return used, whole, index
}

// welcome makes the answer to a node that was taken in.
func (n *Node) welcome(ca *peer.CA, ask peer.JoinAsk, m rtbh.Member) (peer.JoinReply, error) {
	cert, err := ca.Sign(ask.CSR, m.ServerID(), peer.NodeLifetime)
	if err != nil {
		return peer.JoinReply{}, err
	}
	r := peer.JoinReply{ServerID: m.ServerID(), Role: m.Role.String(), Cert: cert, CACert: ca.Cert.Raw, Record: n.identity().Record()}
	for _, other := range n.members() {
		r.Members = append(r.Members, peer.Member{ServerID: other.ServerID(), Addr: other.Addr, Role: other.Role.String()})
	}
	if m.Role.Votes() {
		if r.CAKey, err = ca.KeyDER(); err != nil {
			return peer.JoinReply{}, err
		}
	}
	return r, nil
}
