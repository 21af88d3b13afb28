// Package console is what the operator of a node has beside its files: the
// subcommands of triggerd, the node's process, and the node's own door, at which
// lines are typed and answers read as JSON.
//
// The benchmark and the soak call it: programs that run for long, outside of a
// test, and whose nodes must not outlive them. It knows no cluster, no role and no
// port, and nothing of what the lines mean; package testenv has the same for tests,
// in namespaces.
package console
