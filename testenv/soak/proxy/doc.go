// Package proxy stands in front of the cluster port of each node and lets a
// soak break the network between them: a link cut both ways or one way, slow,
// or reset. There is no netem where a soak runs, and no need for root.
//
// Each node advertises its proxy's address. A TCP stream can't lose bytes, so a
// cut holds them, as the sender's kernel would, and lets them arrive late when
// the link heals: late messages are part of what a cluster has to stand.
//
// Who dials is found out from /proc on Linux. Elsewhere it is not known, and
// only a node's whole traffic can be cut. Called by testenv/soak.
package proxy
