// Package bench measures triggerd beside what people use for the same today:
// FRR, BIRD, ExaBGP, OpenBGPD, gobgpd, and two FRRs kept alike by a script over
// telnet. `make bench` runs it by testenv/bench/cmd.
//
// Whoever is measured runs at the same time on the same machine, and tries are
// interleaved: what else the machine does then hits all of them. So figures are
// ratios; they say nothing about another machine. Routes are timed where they
// arrive, by the same two receivers for all (bgp/sink), at the moment when the
// message that carries them was read from the socket.
//
// The plan is data: contestants (contenders.go) are the rows, sections
// (sections.go) say what is measured and so which columns there are. A cell that
// would take too long is cut and says after how many tries; who cannot run here
// is named with the reason. The result is a Markdown table and JSON.
//
// It knows triggerd by its command line, its file, its doors and its routes, and
// the others by what their manuals say. Everything runs in a network namespace of
// its own on its loopback; without the right to make one, on the machine's own.
package bench
