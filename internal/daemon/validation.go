package daemon

import (
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/rpki"
	"github.com/triggerd/triggerd/rpki/rtr"
	"github.com/triggerd/triggerd/rpki/vrp"
)

// validation is the RPKI side as the command line sees it.
type validation struct{ *rpki.Service }

// Caches returns the configured caches, best first.
func (v validation) Caches() []cli.RTRCache {
	var out []cli.RTRCache
	for _, s := range v.Service.Caches() {
		out = append(out, cacheStatus(s))
	}
	return out
}

func cacheStatus(s rtr.Status) cli.RTRCache {
	host, text, _ := net.SplitHostPort(s.Name)
	port, _ := strconv.ParseUint(text, 10, 16)
	return cli.RTRCache{
		Host: host, Port: uint16(port), Transport: s.Transport, Preference: s.Preference,
		InUse: s.InUse, Up: s.Up(), State: s.State.String(), Since: s.Since, Version: s.Version,
		HasData: s.HasEpoch, Session: s.Session, Serial: s.Serial, Updated: s.Updated, Expires: s.Expires,
		IPv4: s.VRPs4, IPv6: s.VRPs6, ASPAs: s.ASPAs, RouterKeys: s.Keys, LastError: s.LastError,
	}
}

// VRPs are those that count, or false when there are none to judge by.
func (v validation) VRPs() (iter.Seq[cli.VRP], bool) {
	e := v.Effective()
	if e.Data == nil {
		return func(func(cli.VRP) bool) {}, false
	}
	return func(yield func(cli.VRP) bool) {
		for r := range e.Data.Set().All() {
			if !yield(cli.VRP(r)) {
				return
			}
		}
	}, true
}

// Covering returns the VRPs whose prefix covers p, the longest first.
func (v validation) Covering(p netip.Prefix) []cli.VRP {
	covering, _ := v.Service.Covering(p)
	return vrps(covering)
}

func vrps(all []rtr.VRP) []cli.VRP {
	out := make([]cli.VRP, 0, len(all))
	for _, r := range all {
		out = append(out, cli.VRP(r))
	}
	return out
}

// ASPAs are those that count.
func (v validation) ASPAs() []cli.ASPA {
	var out []cli.ASPA
	for _, a := range v.Effective().Data.Attestations() {
		out = append(out, cli.ASPA(a))
	}
	return out
}

// sampled is how many VRPs of a difference are named for each cache.
const sampled = 20

// Differences compares the best cache that has data with every other one.
func (v validation) Differences() []cli.CacheDifference {
	var out []cli.CacheDifference
	for _, d := range v.Service.Differences(sampled) {
		out = append(out, cli.CacheDifference{A: d.A, B: d.B, OnlyA: d.OnlyA, OnlyB: d.OnlyB, SampleA: vrps(d.SampleA), SampleB: vrps(d.SampleB)})
	}
	return out
}

// statesOf are the states by their names; "" is any.
var statesOf = map[string][]vrp.State{
	vrp.Valid.String():     {vrp.Valid},
	vrp.InvalidAS.String(): {vrp.InvalidAS, vrp.InvalidLength},
	vrp.NotFound.String():  {vrp.NotFound},
}

// pathsOf are the states of paths by their names; "" is any.
var pathsOf = map[string][]vrp.PathState{
	vrp.PathValid.String():   {vrp.PathValid},
	vrp.PathInvalid.String(): {vrp.PathInvalid},
	vrp.PathUnknown.String(): {vrp.PathUnknown},
}

// Received returns received routes with their states.
func (v validation) Received(q cli.ReceivedQuery) ([]cli.Received, bool) {
	a := v.Routes(rpki.Query{Prefix: q.Within, Origin: q.Origin, States: statesOf[q.State], Paths: pathsOf[q.Path], Limit: q.Limit})
	out := make([]cli.Received, 0, len(a.Routes))
	for _, r := range a.Routes {
		out = append(out, cli.Received{
			Prefix: r.Prefix, Neighbor: r.Peer, NeighborAS: r.PeerAS, Origin: r.Origin.ASN, NoOrigin: r.Origin.None,
			State: r.State.String(), Reason: r.State.Reason(), Why: v.Explain(r.Prefix, r.Origin).String(),
			Path: r.Path.String(),
		})
	}
	return out, a.More
}

// Usable tells whether there are VRPs to judge by.
func (v validation) Usable() bool { return v.Effective().Data != nil }

// Blackhole judges the route of a blackhole as a neighbor would.
func (v validation) Blackhole(p netip.Prefix, origin uint32) cli.RPKIAdvice {
	a := v.Service.Blackhole(p, origin)
	return cli.RPKIAdvice{
		Text: a.String(), Known: a.Known, Refused: a.Refused(), State: a.Verdict.State.String(), Reason: a.Verdict.State.Reason(),
		VRPs: vrps(slices.Concat(a.Verdict.Matched, a.Verdict.UnmatchedLength, a.Verdict.UnmatchedAS)),
	}
}
