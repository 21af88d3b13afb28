package vrp

import (
	"fmt"
	"net/netip"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// State is the verdict of origin validation, with the reason of an invalid one.
type State uint8

// The states. The zero value is what every route is without VRPs.
const (
	NotFound      State = iota // no VRP covers the prefix
	Valid                      // a covering VRP has this origin and is long enough
	InvalidAS                  // covered, by other origins only
	InvalidLength              // covered by this origin too, whose maxLength is too short
)

// Invalid tells whether the state is one of the two kinds of invalid.
func (s State) Invalid() bool { return s == InvalidAS || s == InvalidLength }

// String is the state without the reason.
func (s State) String() string {
	switch s {
	case NotFound:
		return "not-found"
	case Valid:
		return "valid"
	case InvalidAS, InvalidLength:
		return "invalid"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Reason is why a route is invalid: "as", "length", or "" when it is not.
func (s State) Reason() string {
	switch s {
	case InvalidAS:
		return "as"
	case InvalidLength:
		return "length"
	}
	return ""
}

// Origin is the AS that a route claims to come from. None is a path that ends in
// an AS_SET: nothing matches it.
type Origin struct {
	ASN  uint32
	None bool
}

// matches: AS 0 is nobody's (RFC 6483 section 4, RFC 7607), whatever a VRP says.
func (o Origin) matches(asn uint32) bool { return !o.None && asn != 0 && o.ASN == asn }

// Validate is RFC 6811 section 2.
func (t *Table) Validate(p netip.Prefix, o Origin) State {
	state := NotFound
	bits := p.Bits()
	for _, c := range t.family(p).Supernets(p) {
		if state == NotFound {
			state = InvalidAS
		}
		if o.matches(c.asn) {
			if bits <= int(c.max) {
				return Valid
			}
			state = InvalidLength
		}
		if c.more == nil {
			continue
		}
		for _, e := range *c.more {
			if o.matches(e.asn) {
				if bits <= int(e.max) {
					return Valid
				}
				state = InvalidLength
			}
		}
	}
	return state
}

// Explanation is a verdict with the VRPs that made it, as the validity API of
// Routinator shows them.
type Explanation struct {
	State           State
	Matched         []rtr.VRP // this origin, long enough
	UnmatchedAS     []rtr.VRP // covering, of other origins
	UnmatchedLength []rtr.VRP // this origin, maxLength too short
}

// Explain validates and names every covering VRP, the longest prefix first.
func (t *Table) Explain(p netip.Prefix, o Origin) Explanation {
	e := Explanation{State: NotFound}
	for _, v := range t.Covering(p) {
		switch {
		case !o.matches(v.ASN):
			e.UnmatchedAS = append(e.UnmatchedAS, v)
		case p.Bits() > int(v.MaxLen):
			e.UnmatchedLength = append(e.UnmatchedLength, v)
		default:
			e.Matched = append(e.Matched, v)
		}
	}
	switch {
	case len(e.Matched) > 0:
		e.State = Valid
	case len(e.UnmatchedLength) > 0:
		e.State = InvalidLength
	case len(e.UnmatchedAS) > 0:
		e.State = InvalidAS
	}
	return e
}

// String says in words why the verdict is what it is, without a comma.
func (e Explanation) String() string {
	switch e.State {
	case Valid:
		return "authorized by " + some(e.Matched)
	case InvalidLength:
		return "longer than the maxLength of " + some(e.UnmatchedLength)
	case InvalidAS:
		return "authorized for other origins only: " + some(e.UnmatchedAS)
	}
	return "no VRP covers it"
}

// some names the first VRP and counts the others.
func some(all []rtr.VRP) string {
	if len(all) == 1 {
		return all[0].String()
	}
	return fmt.Sprintf("%s and %d more", all[0], len(all)-1)
}
