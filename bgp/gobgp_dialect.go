package bgp

import (
	"context"
	"fmt"

	"github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/triggerd/triggerd/internal/rtbh"
)

// How one neighbor is sent other attributes than the next. GoBGP's export
// policies cannot say every route-map (an AS path of several numbers behind our
// own, for one), so each dialect has its own table: a VRF of GoBGP. A neighbor
// of the VRF is an ordinary BGP neighbor with plain IPv4 and IPv6 routes; what
// it is sent are the paths of its VRF, attributes as they were put there. The
// route distinguisher and the route target never leave the process.
//
// Two details of v4.8.0: the way out of a VRF deletes the extended communities
// along with the route target, so ours travel in an attribute that calls itself
// another type until it is written; and a neighbor keeps its VRF for life, so
// changing the name at a neighbor opens its session anew.

// vrfs numbers the dialects of an engine.
type vrfs struct {
	last    uint32
	numbers map[string]uint32 // by name of the route-map
}

// vrfOf is the name of the VRF of a dialect, "" for the own attributes.
func vrfOf(dialect string) string {
	if dialect == "" {
		return ""
	}
	return "route-map " + dialect
}

// addDialect makes the table of a dialect. It does nothing when it is there.
func (e *engine) addDialect(ctx context.Context, name string) error {
	if _, ok := e.dialects.numbers[name]; ok || name == "" {
		return nil
	}
	n := e.dialects.last + 1
	target := []*api.RouteTarget{{Rt: &api.RouteTarget_TwoOctetAsSpecific{TwoOctetAsSpecific: &api.TwoOctetAsSpecificExtended{
		IsTransitive: true, SubType: uint32(gobgp.EC_SUBTYPE_ROUTE_TARGET), LocalAdmin: n,
	}}}}
	err := e.srv.AddVrf(ctx, &api.AddVrfRequest{Vrf: &api.Vrf{
		Name: vrfOf(name), Id: n, ImportRt: target, ExportRt: target,
		Rd: &api.RouteDistinguisher{Rd: &api.RouteDistinguisher_TwoOctetAsn{
			TwoOctetAsn: &api.RouteDistinguisherTwoOctetASN{Assigned: n},
		}},
	}})
	if err != nil {
		return fmt.Errorf("making the table of route-map %s: %w", name, err)
	}
	e.dialects.last = n
	e.dialects.numbers[name] = n
	return nil
}

// dropDialect takes the table of a dialect away with all in it. No neighbor may
// have it any more.
func (e *engine) dropDialect(ctx context.Context, name string) error {
	if _, ok := e.dialects.numbers[name]; !ok {
		return nil
	}
	e.lockTable()
	defer e.settling.write.Unlock()
	if err := e.srv.DeleteVrf(ctx, &api.DeleteVrfRequest{Name: vrfOf(name)}); err != nil {
		return fmt.Errorf("taking away the table of route-map %s: %w", name, err)
	}
	delete(e.dialects.numbers, name)
	delete(e.makers, name)
	return nil
}

// extInDisguise are extended communities on their way through a VRF.
type extInDisguise struct {
	gobgp.PathAttributeInterface
}

// disguised is a type that GoBGP does not know. It is between those of the
// attributes before and behind, so that they are written in ascending order.
const disguised = gobgp.BGPAttrType(20)

// GetType is what GoBGP sorts and deletes by; what is written says 16.
func (extInDisguise) GetType() gobgp.BGPAttrType { return disguised }

// extFor is the attribute of extended communities for a dialect's table.
func extFor(dialect string, ext []rtbh.ExtCommunity) gobgp.PathAttributeInterface {
	a := extOf(ext)
	if dialect == "" {
		return a
	}
	return extInDisguise{a}
}
