// Package sink is a small BGP receiver: it opens sessions, notes every route
// that arrives with the moment it was read from the socket, and announces
// nothing itself.
//
// It is a witness of what is on the wire, so its BGP is its own and it must not
// import GoBGP, nor anything of the speaker. The lab, the benchmarks and the
// router of `triggerd dev` use it.
//
// It speaks RFC 4271 with 4-octet AS numbers (RFC 6793), IPv4 and IPv6 unicast
// (RFC 4760), route refresh as a capability (RFC 2918) and, when asked, the
// receiving side of graceful restart (RFC 4724). It is strict: a malformed
// message ends the session with a NOTIFICATION, because a witness that forgives
// proves nothing.
package sink
