// Package daemon builds one node out of its parts, starts and stops them in
// one straight line, and translates between them: what the command line asks
// of the cluster or the speaker, what the speaker asks of the state.
//
// It is the only place that knows everyone, and it knows none of the parts'
// rules. cmd/triggerd runs it; internal/daemon/dev runs several in one process.
package daemon
