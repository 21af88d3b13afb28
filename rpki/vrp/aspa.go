package vrp

import (
	"slices"

	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/rpki/rtr"
)

// PathState is the verdict of AS path verification.
type PathState uint8

// The states of a path.
const (
	PathUnverified PathState = iota // the neighbor has no role, or there are no ASPAs at all
	PathUnknown
	PathValid
	PathInvalid // a route leak, or a forged path
)

func (s PathState) String() string {
	return [...]string{"unverified", "unknown", "valid", "invalid"}[min(s, PathInvalid)]
}

// ASPAs are attestations by customer. They never change; nil is empty.
type ASPAs struct{ providers map[uint32][]uint32 }

// NewASPAs makes the lookup of attestations, one for each customer.
func NewASPAs(all []rtr.ASPA) *ASPAs {
	a := &ASPAs{make(map[uint32][]uint32, len(all))}
	for _, one := range all {
		a.providers[one.Customer] = one.Providers
	}
	return a
}

// Len returns the number of customers.
func (a *ASPAs) Len() int {
	if a == nil {
		return 0
	}
	return len(a.providers)
}

// Providers returns what a customer attests, and whether it attests anything.
func (a *ASPAs) Providers(customer uint32) ([]uint32, bool) {
	if a == nil {
		return nil, false
	}
	p, there := a.providers[customer]
	return p, there
}

// Changed returns the customers whose attestation differs, sorted.
func Changed(before, after []rtr.ASPA) []uint32 {
	b, a := NewASPAs(before), NewASPAs(after)
	var out []uint32
	for c, p := range b.providers {
		if q, there := a.providers[c]; !there || !slices.Equal(p, q) {
			out = append(out, c)
		}
	}
	for c := range a.providers {
		if _, there := b.providers[c]; !there {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return out
}

// hop is what an attestation says about a pair of neighbors in a path.
type hop uint8

const (
	noAttestation hop = iota // the customer attests nothing
	provider                 // it is one of its providers
	notProvider              // it is none
)

func (a *ASPAs) hop(customer, other uint32) hop {
	providers, there := a.Providers(customer)
	switch {
	case !there:
		return noAttestation
	case other != 0 && slices.Contains(providers, other):
		return provider
	}
	return notProvider
}

// Verify checks the AS path of a route from a neighbor: of customers, lateral
// peers, route servers and their clients by the rules for upstream paths, of
// providers by those for downstream paths (draft-ietf-sidrops-aspa-verification
// sections 6 and 7).
func (a *ASPAs) Verify(p route.Path, from route.Peer) PathState {
	switch {
	case from.Role == route.RoleNone || a.Len() == 0:
		return PathUnverified
	case len(p.ASNs) == 0 || p.Sets:
		return PathInvalid
	// A route server may leave itself out of the path; nobody else may.
	case from.Role != route.RoleRouteServer && p.ASNs[0] != from.AS:
		return PathInvalid
	}
	up := climb(p.ASNs)
	if from.Role == route.RoleProvider {
		return a.downstream(up)
	}
	return a.upstream(up)
}

// climb returns the path from the origin on, each AS once in a row.
func climb(asns []uint32) []uint32 {
	up := slices.Compact(slices.Clone(asns))
	slices.Reverse(up)
	return up
}

// upstream: every hop from the origin to us must go up.
func (a *ASPAs) upstream(up []uint32) PathState {
	state := PathValid
	for i := range len(up) - 1 {
		switch a.hop(up[i], up[i+1]) {
		case notProvider:
			return PathInvalid
		case noAttestation:
			state = PathUnknown
		}
	}
	return state
}

// downstream: the path may go up, then at most once sideways, then down. The
// ramps are how far it goes up from the origin and down to us, at most (no hop is
// denied) and at least (every hop is attested).
func (a *ASPAs) downstream(up []uint32) PathState {
	n := len(up)
	if n <= 2 {
		return PathValid
	}
	down := slices.Clone(up)
	slices.Reverse(down)
	maxUp, minUp := a.ramps(up)
	maxDown, minDown := a.ramps(down)
	switch {
	case maxUp+maxDown < n:
		return PathInvalid
	case minUp+minDown < n:
		return PathUnknown
	}
	return PathValid
}

func (a *ASPAs) ramps(path []uint32) (longest, shortest int) {
	longest, shortest = len(path), len(path)
	for i := range len(path) - 1 {
		h := a.hop(path[i], path[i+1])
		if h != provider && shortest == len(path) {
			shortest = i + 1
		}
		if h == notProvider {
			return i + 1, shortest
		}
	}
	return longest, shortest
}
