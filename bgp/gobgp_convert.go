package bgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// What a route must keep so that its UPDATE fits in one message (RFC 4271
// section 4: 4096 octets). GoBGP would only log that it could not send it.
const (
	maxAttributeBytes = 3000
	maxPrepend        = 100
)

// errRoute is a route that cannot be expressed on the wire.
var errRoute = errors.New("route cannot be announced")

func checkRoute(r rtbh.Route) error {
	switch {
	case !r.Prefix.IsValid() || r.Prefix != r.Prefix.Masked() || r.Prefix.Addr().Is4In6():
		return fmt.Errorf("%w: %s is not a prefix", errRoute, r.Prefix)
	case !r.NextHop.IsValid() || r.NextHop.IsUnspecified():
		return fmt.Errorf("%w: %s has no next-hop", errRoute, r.Prefix)
	case r.NextHop.Is4() != r.Prefix.Addr().Is4() || r.NextHop.Zone() != "":
		return fmt.Errorf("%w: %s has next-hop %s of the other address family", errRoute, r.Prefix, r.NextHop)
	case r.Origin > rtbh.OriginIncomplete:
		return fmt.Errorf("%w: %s has the unknown origin %d", errRoute, r.Prefix, r.Origin)
	case len(r.Prepend) > maxPrepend:
		return fmt.Errorf("%w: %s prepends %d AS numbers, the most is %d", errRoute, r.Prefix, len(r.Prepend), maxPrepend)
	}
	n := 4*len(r.Communities) + 12*len(r.Large) + 8*len(r.Ext) + 4*len(r.Prepend)
	if n > maxAttributeBytes {
		return fmt.Errorf("%w: the attributes of %s need %d bytes, the most is %d", errRoute, r.Prefix, n, maxAttributeBytes)
	}
	return nil
}

func familyOf(p netip.Prefix) gobgp.Family {
	if p.Addr().Is4() {
		return gobgp.RF_IPv4_UC
	}
	return gobgp.RF_IPv6_UC
}

// pathMaker makes paths for the table of a dialect. A route whose attributes are
// those of the one before, as most blackholes' are, shares them: to GoBGP they are
// values that it never changes, as the paths of a received UPDATE have theirs in
// common too.
type pathMaker struct {
	dialect string
	last    rtbh.Route // without its prefix
	attrs   []gobgp.PathAttributeInterface
}

// attributesOf returns what does not depend on the prefix.
func (m *pathMaker) attributesOf(r rtbh.Route) []gobgp.PathAttributeInterface {
	if r = r.At(netip.Prefix{}); m.attrs == nil || !m.last.Equal(r) {
		m.last, m.attrs = r, slices.Clip(attributesOf(m.dialect, r))
	}
	return m.attrs
}

// path is the route as GoBGP takes it.
func (m *pathMaker) path(r rtbh.Route) (*apiutil.Path, error) {
	if err := checkRoute(r); err != nil {
		return nil, err
	}
	nlri, err := gobgp.NewIPAddrPrefix(r.Prefix)
	if err != nil {
		return nil, err
	}
	nh, err := nextHopOf(r, nlri)
	if err != nil {
		return nil, err
	}
	return &apiutil.Path{
		Family: familyOf(r.Prefix),
		Nlri:   nlri,
		Age:    time.Now().Unix(),
		Attrs:  append(m.attributesOf(r), nh),
	}, nil
}

// nextHopOf puts an IPv6 next-hop into MP_REACH_NLRI (RFC 4760 section 3,
// RFC 2545) and an IPv4 one into NEXT_HOP.
func nextHopOf(r rtbh.Route, nlri gobgp.NLRI) (gobgp.PathAttributeInterface, error) {
	if r.NextHop.Is4() {
		return gobgp.NewPathAttributeNextHop(r.NextHop)
	}
	return gobgp.NewPathAttributeMpReachNLRI(gobgp.RF_IPv6_UC, []gobgp.PathNLRI{{NLRI: nlri}}, r.NextHop)
}

func attributesOf(dialect string, r rtbh.Route) []gobgp.PathAttributeInterface {
	var path []gobgp.AsPathParamInterface
	if len(r.Prepend) > 0 {
		path = append(path, gobgp.NewAs4PathParam(gobgp.BGP_ASPATH_ATTR_TYPE_SEQ, append([]uint32(nil), r.Prepend...)))
	}
	attrs := []gobgp.PathAttributeInterface{
		gobgp.NewPathAttributeOrigin(uint8(r.Origin)),
		gobgp.NewPathAttributeAsPath(path),
	}
	if r.MED.Set {
		attrs = append(attrs, gobgp.NewPathAttributeMultiExitDisc(r.MED.Value))
	}
	if r.LocalPref.Set {
		attrs = append(attrs, gobgp.NewPathAttributeLocalPref(r.LocalPref.Value))
	}
	if len(r.Communities) > 0 {
		cs := make([]uint32, len(r.Communities))
		for i, c := range r.Communities {
			cs[i] = uint32(c)
		}
		attrs = append(attrs, gobgp.NewPathAttributeCommunities(cs))
	}
	if len(r.Ext) > 0 {
		attrs = append(attrs, extFor(dialect, r.Ext))
	}
	if len(r.Large) > 0 {
		ls := make([]*gobgp.LargeCommunity, len(r.Large))
		for i, l := range r.Large {
			ls[i] = gobgp.NewLargeCommunity(l.Global, l.Local1, l.Local2)
		}
		attrs = append(attrs, gobgp.NewPathAttributeLargeCommunities(ls))
	}
	return attrs
}

// extOf hands the eight octets over as they are; GoBGP's typed communities
// would not all come back as the same octets.
func extOf(ext []rtbh.ExtCommunity) gobgp.PathAttributeInterface {
	cs := make([]gobgp.ExtendedCommunityInterface, len(ext))
	for i, c := range ext {
		b := binary.BigEndian.AppendUint64(nil, uint64(c))
		cs[i] = gobgp.NewUnknownExtended(gobgp.ExtendedCommunityAttrType(b[0]), b[1:])
	}
	return gobgp.NewPathAttributeExtendedCommunities(cs)
}

// withdrawalOf names the prefix to withdraw. GoBGP finds the path by prefix and
// source (ours), whatever its attributes are.
func withdrawalOf(p netip.Prefix) (*apiutil.Path, error) {
	nlri, err := gobgp.NewIPAddrPrefix(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRoute, err)
	}
	r := rtbh.Route{Prefix: p, NextHop: rtbh.DiscardNextHop4}
	if !p.Addr().Is4() {
		r.NextHop = rtbh.DiscardNextHop6
	}
	nh, err := nextHopOf(r, nlri)
	if err != nil {
		return nil, err
	}
	return &apiutil.Path{
		Family:     familyOf(p),
		Nlri:       nlri,
		Withdrawal: true,
		Attrs:      []gobgp.PathAttributeInterface{gobgp.NewPathAttributeOrigin(0), nh},
	}, nil
}

// routeOf is the way back, for the audit.
func routeOf(p *apiutil.Path) rtbh.Route {
	var r rtbh.Route
	if n, ok := p.Nlri.(*gobgp.IPAddrPrefix); ok {
		r.Prefix = n.Prefix
	}
	for _, a := range p.Attrs {
		readAttribute(&r, a)
	}
	return r
}

func readAttribute(r *rtbh.Route, a gobgp.PathAttributeInterface) {
	switch a := a.(type) {
	case extInDisguise:
		readAttribute(r, a.PathAttributeInterface)
	case *gobgp.PathAttributeOrigin:
		r.Origin = rtbh.Origin(a.Value)
	case *gobgp.PathAttributeAsPath:
		for _, seg := range a.Value {
			r.Prepend = append(r.Prepend, seg.GetAS()...)
		}
	case *gobgp.PathAttributeNextHop:
		r.NextHop = a.Value
	case *gobgp.PathAttributeMpReachNLRI:
		r.NextHop = a.Nexthop
	case *gobgp.PathAttributeMultiExitDisc:
		r.MED = rtbh.Some(a.Value)
	case *gobgp.PathAttributeLocalPref:
		r.LocalPref = rtbh.Some(a.Value)
	case *gobgp.PathAttributeCommunities:
		for _, c := range a.Value {
			r.Communities = append(r.Communities, rtbh.Community(c))
		}
	case *gobgp.PathAttributeLargeCommunities:
		for _, l := range a.Values {
			r.Large = append(r.Large, rtbh.LargeCommunity{Global: l.ASN, Local1: l.LocalData1, Local2: l.LocalData2})
		}
	case *gobgp.PathAttributeExtendedCommunities:
		for _, c := range a.Value {
			if b, err := c.Serialize(); err == nil && len(b) == 8 {
				r.Ext = append(r.Ext, rtbh.ExtCommunity(binary.BigEndian.Uint64(b)))
			}
		}
	}
}
