// Package rtr speaks the RPKI-to-Router protocol: it fetches validated ROA
// payloads (VRPs), ASPAs and router keys from caches and keeps them current.
// It knows versions 2 (draft-ietf-sidrops-8210bis), 1 (RFC 8210) and 0
// (RFC 6810), over TCP, TLS, SSH and TCP with MD5.
//
// A Client follows one cache, a Group follows several and says which data
// count. Both hand out whole epochs: a Data value never changes after it was
// handed out, and nothing between two epochs is ever visible.
//
// It must not know routes, validation states, prefixes of customers, alarms or
// the command line. Package rpki runs a Group; the subcommands for work offline
// use Fetch.
package rtr
