// Package rpki knows of every route that neighbors send whether RPKI authorizes
// its origin (RFC 6811, RFC 8481) and its path (ASPA), always as of now: it
// follows the caches, keeps the one index of received routes with their states,
// and after each change of either judges again what the change can have touched,
// and only that.
//
// Every answer is of one epoch: while a large change is being worked through,
// readers see the states before it, then all of those after it.
//
// It must not know Raft, GoBGP, SSH or what is done about an invalid route. The
// daemon builds a Service, feeds it with what bgp received and plugs its answers
// into the command line, the API and the alerts.
package rpki
