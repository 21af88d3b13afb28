// Package history is the judge of the soak: it holds what was asked of a
// cluster and what was seen of it, and says where the two cannot both be true.
//
// A Book has every write with its outcome (acknowledged, refused, unknown) and
// derives from that, for any prefix and moment, whether the blackhole must be
// there, must not be there, or may be either. A Wire has what the routers saw
// and when. Digests and lists of the nodes are compared as they come, and
// Linearizable judges the histories of single prefixes, reads included.
//
// It must not know processes, SSH or BGP: it is told of moments and prefixes, so
// that its own tests can make up histories with a fault in them that it has to
// find. Called by testenv/soak, and nothing else.
package history
