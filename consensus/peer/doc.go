// Package peer is the one TCP port between the members of a cluster: mutual
// TLS 1.3 under the cluster's own CA, who a node is (on disk and on the wire),
// how a new node joins, and two things to do with an admitted connection: hand
// it to Raft as it is, or make calls of opaque bytes over it.
//
// A connection lives through four steps. TLS proves that the other side holds
// a key that the CA signed (a joining node, which has no certificate yet,
// pins the CA by the fingerprint in its token instead). Both sides then say
// hello: cluster, generation with its signature, name, incarnation and what
// the connection is for. Each side judges what it heard and tells the other
// its verdict; one refusal is enough to cut, and both sides log the reason.
// Only then is the connection used.
//
// The order in the judgement is part of fencing: a node that was recovered
// away must hear that there is a newer generation even when the newer cluster
// no longer counts it as a member. See judge.
//
// Package peer must not know Raft, the replicated state, BGP or SSH: which
// server ids are members, what a call means and whether a token is good are
// functions that its caller brings. Only package consensus (and the daemon
// that wires it) calls it.
package peer
