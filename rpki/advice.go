package rpki

import (
	"fmt"
	"net/netip"

	"github.com/triggerd/triggerd/rpki/vrp"
)

// Advice is what a neighbor that validates will make of a blackhole, before
// somebody needs it (RFC 7999 section 3.3, RFC 9319).
type Advice struct {
	Prefix  netip.Prefix
	Origin  uint32
	Known   bool // there are VRPs to judge by
	Verdict vrp.Explanation
}

// Blackhole judges the route of a blackhole as a neighbor would see it.
func (s *Service) Blackhole(p netip.Prefix, origin uint32) Advice {
	return Advice{p.Masked(), origin, s.Effective().Data != nil, s.Explain(p, vrp.Origin{ASN: origin})}
}

// Refused tells whether neighbors that drop invalid routes will drop it, unless
// they make an exception for blackholes.
func (a Advice) Refused() bool { return a.Known && a.Verdict.State.Invalid() }

// String says in a line what to expect and what to do.
func (a Advice) String() string {
	switch {
	case !a.Known:
		return fmt.Sprintf("%s from AS%d: not known, no RPKI cache has usable data", a.Prefix, a.Origin)
	case a.Verdict.State == vrp.InvalidLength:
		return fmt.Sprintf("%s from AS%d is RPKI invalid upstream (%s): neighbors that validate drop it unless they except blackholes; "+
			"ask them, or publish a ROA with maxLength %d for it", a.Prefix, a.Origin, a.Verdict, a.Prefix.Bits())
	case a.Verdict.State == vrp.InvalidAS:
		return fmt.Sprintf("%s from AS%d is RPKI invalid upstream (%s): the holder of the prefix must publish a ROA for AS%d",
			a.Prefix, a.Origin, a.Verdict, a.Origin)
	}
	return fmt.Sprintf("%s from AS%d is RPKI %s upstream (%s)", a.Prefix, a.Origin, a.Verdict.State, a.Verdict)
}
