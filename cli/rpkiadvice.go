package cli

import (
	"net/netip"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// showRPKIBlackhole tells beforehand what neighbors that validate will make of a
// blackhole (RFC 7999 section 3.3, RFC 9319).
func showRPKIBlackhole(c *call, m *match) error {
	p, err := c.ownPrefix(m)
	if err != nil {
		return err
	}
	a, ok := c.advice(p, c.originOf(p))
	switch {
	case !ok:
		c.noCache(m)
	case m.Has("json"):
		all := []vrpJSON{}
		for _, v := range a.VRPs {
			all = append(all, vrpAsJSON(v))
		}
		c.json(struct {
			Prefix   string    `json:"prefix"`
			Origin   uint32    `json:"origin"`
			Known    bool      `json:"known"`
			State    string    `json:"state"`
			Reason   string    `json:"reason,omitempty"`
			Refused  bool      `json:"refusedByValidators"`
			Text     string    `json:"text"`
			Prefixes []vrpJSON `json:"prefixes"`
		}{p.String(), c.originOf(p), a.Known, a.State, a.Reason, a.Refused, a.Text, all})
	default:
		c.print("%s\n", a.Text)
	}
	return nil
}

// advice is false when there is nothing that could advise.
func (c *call) advice(p netip.Prefix, origin uint32) (RPKIAdvice, bool) {
	if c.ports.RPKI == nil || origin == 0 {
		return RPKIAdvice{}, false
	}
	return c.ports.RPKI.Blackhole(p, origin), true
}

// originOf is the AS that neighbors take for the origin of a blackhole: the
// node's, or the last one that the route-map puts before the path.
func (c *call) originOf(p netip.Prefix) (origin uint32) {
	if bgp := c.ports.Node.Current().BGP; bgp != nil {
		origin = bgp.ASN
	}
	c.view(func(s *rtbh.State, now rtbh.Instant) {
		if r, ok := s.RouteFor(p, now); ok && len(r.Prepend) > 0 {
			origin = r.Prepend[len(r.Prepend)-1]
		}
	})
	return origin
}

// acceptRPKI lets a sudden loss of VRPs take effect at this node.
func acceptRPKI(c *call, _ *match) error {
	if c.ports.RPKI == nil || !c.ports.RPKI.Accept() {
		return saying("% No loss of VRPs is held off at this node.")
	}
	return c.record("rpki accept")
}

// resetRPKI asks the caches for what is new.
func resetRPKI(c *call, _ *match) error {
	if len(c.caches()) == 0 {
		return saying("% No RPKI caches are configured; add an `rpki` block to the node's file.")
	}
	c.ports.RPKI.Refresh()
	return nil
}

// warnRPKI says that routers may drop a blackhole that was accepted. It is no
// error: many make an exception for blackholes.
func (c *call) warnRPKI(x rtbh.Announce) {
	if c.ports.RPKI == nil || !c.ports.RPKI.Usable() {
		return
	}
	if a, ok := c.advice(x.Prefix, c.originOf(x.Prefix)); ok && a.Refused {
		c.print("Warning: %s.\n", a.Text)
	}
}
