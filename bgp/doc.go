// Package bgp is the speaker of a trigger node: it announces the desired set
// of blackhole routes to the node's neighbors, over an embedded GoBGP.
//
// It must not know Raft, SSH or RPKI, nor why a route is wanted: it asks a
// [Source] for the whole desired set or for one prefix, and makes what is
// announced equal to it. internal/daemon builds it, wakes it after each applied
// log entry, and shows its state.
//
// The road of a route: [Speaker.Wake] marks prefixes dirty and returns at once;
// the reconciler compares the desired [rtbh.Route] with the one that is
// announced, value for value, and tells GoBGP the difference. What fails is
// tried again for ever. Every few minutes it compares the whole desired set with
// what GoBGP's table really holds.
//
// Order matters in [Speaker.Open]: all routes are in the table before the first
// neighbor exists, because End-of-RIB leaves right after the first dump, and a
// router that kept our routes over a restart (RFC 4724) drops at End-of-RIB
// what was not announced again.
//
// Neighbors with an export route-map are sent its picture of the blackholes, a
// [dialect]: a table of its own, evaluated by the pure core. Neighbors that send
// tables are in a second server, the monitor, so that a full table never holds
// up a blackhole; what they send goes to a [Receiver]. What was really written to
// a router's socket is in the ledger ([Speaker.Written]), and a router that has
// stopped reading is an alarm and never counts.
//
// GoBGP's types stop in the files gobgp*.go. bgp/sink is a receiver
// with a BGP implementation of its own, for the lab and for tests.
package bgp
