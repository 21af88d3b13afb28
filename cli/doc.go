// Package cli is the command line that people and their scripts meet: the SSH
// server with its sessions, and the [Shell], which runs one logged-in user's
// lines in the manner of Quagga.
//
// A Shell parses a line with the table of cli/grammar into a typed
// [rtbh.Command], asks the state for a friendly refusal, proposes the command
// through its [Cluster] port and prints what became of it. Each noun of the
// command line (network, customer, user, route-map, ...) has its file, each show
// its printer and its JSON form.
//
// It must not know Raft, GoBGP, RPKI or how a daemon is put together: it sees
// the small interfaces of ports.go, which internal/daemon fills. It decides no
// right by itself either: what a user may do is the state's verdict, given when
// the entry is applied; the table's role filter only hides what would be
// refused anyway.
package cli
