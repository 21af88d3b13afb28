// Package consensus makes the pure core (internal/rtbh) replicated: one Raft
// log that every member applies to the same state. It holds everything that
// this takes and nothing else: the node's directory, making a cluster and
// joining one, boot from snapshot and log, the log's clock, forwarding to the
// leader, membership, and what is known of the other members.
//
// It must not know BGP, SSH, RPKI or what a command means. internal/daemon
// opens a [Node], proposes entries through it, reads the state in
// [Node.View], and is woken by [Node.OnApply]. Only this package imports
// hashicorp/raft; the port between the nodes is consensus/peer, behind the
// small interface in transport.go.
//
// # What an answer means
//
// [Node.Propose] returns a [Receipt] when the entry is durable on a majority,
// applied here, and applied on every announcing member that can be reached.
// [*NotAccepted] is certain: nothing happened and nothing will. Everything
// else is [*NotConfirmed]: it may still take effect, and proposing it again
// under the same request id is safe, because the state remembers the id. A
// refusal by a rule is no error: it is in the result, and it is in the log.
//
// # Commit push
//
// Followers of hashicorp/raft learn that an entry is committed with the next
// message of the log stream, up to twice CommitTimeout later; heartbeats don't
// say it. So a leader that applies an entry of its own term sends every peer
// one more AppendEntries at once, through the transport's ordinary call: no
// entries, PrevLogEntry = LeaderCommitIndex = i, PrevLogTerm = Term = its term.
//
// Why this is safe. (1) The message claims nothing untrue: entry i has term T
// and is committed, the sender leads T. It is one that Raft itself might send.
// (2) A follower whose term is newer refuses it; so a late one from a deposed
// leader does nothing. (3) A follower accepts only if its own entry i has term
// T. By log matching its log up to i then equals the leader's, and since
// LeaderCommitIndex is i and not more, it commits nothing beyond that prefix.
// (4) Repeated, reordered or lost ones change nothing: commit indexes only
// rise, and the log stream says the same again within CommitTimeout. (5) Only
// entries of the leader's own term are pushed: an older term's entry at i may
// be replaced by another leader (Raft paper, section 5.4.2), so one tiny entry
// (a Tick) is proposed on gaining leadership, and pushing begins with it.
// (6) The answer is not fed into Raft: it counts neither for the commit nor
// for the leader's lease.
//
// One goroutine with a one-slot channel per peer sends them, so a burst
// collapses into its last index and a slow peer delays nobody.
//
// # Two indexes
//
// Raft's AppliedIndex means "queued for applying". The state has its own
// index, of the last command in it. Between them lies the one that is used
// for all waiting here, "seen": the last command or configuration change that
// the state machine went through. It is in the mark and in each snapshot.
package consensus
