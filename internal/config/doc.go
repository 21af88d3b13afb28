// Package config reads and prints the node's own configuration file: what a
// node needs before there is a majority, in the syntax of Quagga and FRR. The
// `hostname`, `router bgp` and `neighbor` lines of an old bgpd.conf work as they
// stand; lines whose place is in the cluster's log now (networks, route-maps,
// lists, passwords) are skipped with a [Warning]; anything else is an [Error]
// with its place.
//
// It must not know the daemon, the replicated state or what a platform can do
// (bgp.Check says that); it reads from an io.Reader and touches no files. The
// lines are rows of a cli/grammar table, as the commands of the command line
// are. cmd/triggerd and internal/daemon call [Parse]; cli prints [Node.Lines].
//
// What [Node.Lines] prints parses back to the same Node.
package config
