// Package dev runs a whole cluster on one machine for people who want to try
// or test triggerd: two triggers, a witness and a small receiving router in
// one process, on loopback and high ports, as an ordinary user.
//
// It uses only what an installation uses: node files, init, tokens, join, and
// the daemon's own start. It must not know how any of them works. cmd/triggerd
// calls it for `triggerd dev`.
package dev
