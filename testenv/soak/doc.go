// Package soak keeps a real cluster under load, breaks it again and again, and
// says whether it kept its word: two triggers and a witness as processes of
// triggerd on loopback, customers that announce and withdraw over SSH, two
// routers (bgp/sink) that hear both triggers, a proxy in front of each node's
// cluster port (soak/proxy).
//
// Run makes kills, then faults. Everything that is asked and seen goes to
// soak/history, which judges it while the soak runs and at its end: nothing
// acknowledged is lost, nothing withdrawn comes back, equal index is equal
// digest, no router loses a route without a reason, and the history of each
// contested prefix is linearizable.
//
// It knows triggerd by its command line, its file, its doors and its routes, and
// nothing of how it works. Called by testenv/soak/cmd (`make soak`) and by its
// own tests, which run it short.
package soak
