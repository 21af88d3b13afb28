// Package rtbh is the pure core of triggerd: the vocabulary of remotely
// triggered blackholing (customers, users, blackholes, route-maps), the
// commands that change it, the rules that allow or refuse them, and the state
// that results.
//
// It holds values only. It knows no clock, no randomness, no I/O, no goroutine
// and no logger, and it must not know Raft, BGP, SSH or files: every node
// applies the same log to it and must reach the same state, byte for byte.
// Time comes in as an [Instant] stamped by the leader, and iteration that can
// be seen from outside is always sorted.
//
// consensus replicates it (encoding, [State.Apply], [State.Digest]); bgp takes
// its [Route] values; cli builds its [Command] values and shows its state;
// internal/daemon plugs those together.
//
// The road of a request: a door makes an [Entry] with one or more commands,
// [State.Authorize] gives the fast friendly refusal at the node where it was
// typed, and [State.Apply] decides again on every node, when the entry is
// committed. Only the second verdict counts.
package rtbh
