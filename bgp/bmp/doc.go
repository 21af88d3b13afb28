// Package bmp tells monitoring stations what this node's BGP sessions carry, in
// the BGP Monitoring Protocol (RFC 7854): which sessions are up, what was really
// written to each neighbor (Adj-RIB-Out, RFC 8671), and what each sends
// (Adj-RIB-In, before any policy).
//
// It must not know GoBGP, the desired set or why a route is there: bgp tells an
// [Exporter] what it sees, and never waits for it. The exporter's one goroutine
// keeps a copy of the tables, so that a station that connects is sent all of it;
// each station has a goroutine and a bounded backlog of its own. One that cannot be
// reached or does not read is an alarm, and costs nobody anything.
package bmp
