package peer

import (
	"fmt"
	"strings"
)

// Reason is why a connection was refused, in a word that logs, counters and
// alarms share and that travels to the other side.
type Reason string

// The reasons that exist.
const (
	NotTLS          Reason = "not-tls"             // something else than TLS came
	OldTLS          Reason = "tls-version"         // TLS, but not 1.3
	ForeignCert     Reason = "foreign-certificate" // signed by another CA, expired, or for another use
	TLSRejected     Reason = "tls-rejected"        // the other side broke off the TLS handshake
	NoCert          Reason = "no-certificate"      // only a joining node may come without one
	BadHello        Reason = "bad-hello"           // not our protocol inside TLS
	OtherVersion    Reason = "protocol-version"    // no protocol version that both speak
	WrongCluster    Reason = "wrong-cluster"       // another cluster's id
	WrongName       Reason = "wrong-name"          // the certificate is another node's
	Unexpected      Reason = "unexpected-member"   // a member, but not the one that was dialed
	NotMember       Reason = "not-a-member"        // unknown, or removed from the cluster
	OlderGeneration Reason = "older-generation"    // the other side was left behind by a recovery
	NewerGeneration Reason = "newer-generation"    // this side was
	OtherLineage    Reason = "other-lineage"       // both sides were recovered
	Unproven        Reason = "unproven-generation" // a higher generation without the CA's signature
	BadChannel      Reason = "unknown-channel"     // a purpose that this binary does not know
	TooMany         Reason = "too-many"            // too many handshakes at once
	Incomplete      Reason = "incomplete"          // the other side went away or was too slow
	NotReady        Reason = "not-ready"           // nobody takes such connections now; try again
)

// quiet reasons are part of ordinary life (a member restarts, a link flaps)
// and raise no alarm; loud ones say that somebody is there who should not be.
func (r Reason) quiet() bool { return r == NotReady || r == Incomplete || r == TooMany }

var reasons = map[Reason]bool{
	NotTLS: true, OldTLS: true, ForeignCert: true, TLSRejected: true, NoCert: true, BadHello: true,
	OtherVersion: true, WrongCluster: true, WrongName: true, Unexpected: true, NotMember: true,
	OlderGeneration: true, NewerGeneration: true, OtherLineage: true, Unproven: true, BadChannel: true,
	TooMany: true, Incomplete: true, NotReady: true,
}

// Refusal says why a connection was cut. Dial and Call errors hold one where a
// refusal was the cause: errors.As finds it.
type Refusal struct {
	Reason Reason
	Text   string // for people: what is wrong and what to do
	ByPeer bool   // the other side refused this node
}

func refuse(r Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: r, Text: fmt.Sprintf(format, args...)}
}

// Error prints who refused and why.
func (r *Refusal) Error() string {
	who := "refused"
	if r.ByPeer {
		who = "refused by the other side"
	}
	return fmt.Sprintf("%s (%s): %s", who, r.Reason, r.Text)
}

// label is the reason as the counters have it. What a peer sends is mapped to
// the known words: it must not be able to invent counters.
func (r *Refusal) label() string {
	reason := r.Reason
	if !reasons[reason] {
		reason = "other"
	}
	if r.ByPeer {
		return "by-peer:" + string(reason)
	}
	return string(reason)
}

// tame makes text that came over the wire fit for a log line and a terminal.
func tame(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
}
