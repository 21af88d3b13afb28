package rtbh

import "fmt"

// MemberRole is a node's part in the cluster.
type MemberRole uint8

// The roles of nodes.
const (
	Voter   MemberRole = iota // a trigger that votes and announces
	Witness                   // votes, holds the full state, announces nothing
	Speaker                   // announces and takes commands, does not vote
)

// String names the role as the command line writes it.
func (r MemberRole) String() string {
	return [...]string{"voter", "witness", "speaker"}[min(r, Speaker)]
}

// Announces tells whether a node of this role has BGP sessions.
func (r MemberRole) Announces() bool { return r != Witness }

// Votes tells whether a node of this role counts for the majority.
func (r MemberRole) Votes() bool { return r != Speaker }

// Member is a node of the cluster.
type Member struct {
	Name        string
	Incarnation uint32 // raised when the node comes back with an empty disk
	Role        MemberRole
	Addr        string // host:port of its cluster port
	Joined      Instant
	Speaks      uint32 // newest entry version its binary can read
	Binary      string // version of its binary, for people
}

// ServerID is the member's name in Raft and in its certificate. A node that
// lost its disk must never vote under the old one, so it has the incarnation.
func (m Member) ServerID() string { return fmt.Sprintf("%s#%d", m.Name, m.Incarnation) }

// Token is a one-time invitation to join. Only the secret's hash is kept.
type Token struct {
	Hash    [32]byte // SHA-256 of the secret
	Role    MemberRole
	Name    string // "" = any name
	Expires Instant
}
