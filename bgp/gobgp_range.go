package bgp

import (
	"context"
	"errors"
	"fmt"

	"github.com/osrg/gobgp/v4/api"

	"github.com/triggerd/triggerd/internal/config"
)

// addRange lets neighbors in from a prefix. GoBGP makes each of them when it
// connects and forgets it when its session is lost.
func (e *engine) addRange(ctx context.Context, r config.Range) error {
	name, prefix := "range "+r.Prefix.String(), r.Prefix.String()
	p := peerOf(r.Neighbor, true)
	group := &api.PeerGroup{
		Conf: &api.PeerGroupConf{
			PeerGroupName: name, PeerAsn: p.Conf.PeerAsn, LocalAsn: p.Conf.LocalAsn, AuthPassword: p.Conf.AuthPassword,
			AllowAspathLoopLocal: true,
		},
		Timers: p.Timers, Transport: &api.Transport{PassiveMode: true}, EbgpMultihop: p.EbgpMultihop,
		TtlSecurity: p.TtlSecurity, GracefulRestart: p.GracefulRestart, AfiSafis: p.AfiSafis, Bfd: p.Bfd,
	}
	if err := e.srv.AddPeerGroup(ctx, &api.AddPeerGroupRequest{PeerGroup: group}); err != nil {
		return fmt.Errorf("listening for neighbors from %s: %w", prefix, err)
	}
	e.log.forgetMD5(prefix)
	err := e.srv.AddDynamicNeighbor(ctx, &api.AddDynamicNeighborRequest{
		DynamicNeighbor: &api.DynamicNeighbor{Prefix: prefix, PeerGroup: name},
	})
	if why := e.log.forgetMD5(prefix); err == nil && why != "" {
		err = errors.Join(fmt.Errorf("%w: %s", errMD5, why),
			e.srv.DeleteDynamicNeighbor(ctx, &api.DeleteDynamicNeighborRequest{Prefix: prefix, PeerGroup: name}))
	}
	if err != nil {
		return fmt.Errorf("listening for neighbors from %s: %w", prefix, err)
	}
	return nil
}
