package bgp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"github.com/triggerd/triggerd/internal/config"
)

// errMD5 is a neighbor whose password could not be set on a listener. GoBGP
// only warns, and would then accept the session without a password.
var errMD5 = errors.New("the TCP MD5 password could not be set on the BGP listener")

// addPeer sets up a neighbor. restarting says in our OPEN that this process
// has just started with its routes in place (RFC 4724 section 3, R and F bits).
func (e *engine) addPeer(ctx context.Context, n config.Neighbor, restarting bool) error {
	addr := n.Addr.String()
	e.log.forgetMD5(addr)
	if err := e.srv.AddPeer(ctx, &api.AddPeerRequest{Peer: peerOf(n, restarting)}); err != nil {
		return err
	}
	return e.checkMD5(ctx, addr)
}

func (e *engine) checkMD5(ctx context.Context, addr string) error {
	why := e.log.forgetMD5(addr)
	if why == "" {
		return nil
	}
	err := fmt.Errorf("%w: %s", errMD5, why)
	return errors.Join(err, e.srv.DeletePeer(ctx, &api.DeletePeerRequest{Address: addr}))
}

// updatePeer changes a neighbor that exists; GoBGP resets the session only
// when the change touches it.
func (e *engine) updatePeer(ctx context.Context, n config.Neighbor) error {
	addr := n.Addr.String()
	e.log.forgetMD5(addr)
	if _, err := e.srv.UpdatePeer(ctx, &api.UpdatePeerRequest{Peer: peerOf(n, true)}); err != nil {
		return err
	}
	return e.checkMD5(ctx, addr)
}

// deletePeer removes a neighbor with a CEASE. DeletePeer leaves the password
// on the listener, where it would refuse the same address without one, so it
// is taken off by an update first.
func (e *engine) deletePeer(ctx context.Context, n config.Neighbor) error {
	if n.Password != "" {
		n.Password, n.Shutdown, n.Passive = "", true, true
		if err := e.updatePeer(ctx, n); err != nil {
			return err
		}
	}
	return e.srv.DeletePeer(ctx, &api.DeletePeerRequest{Address: n.Addr.String()})
}

// shutDown closes the session with a CEASE that says why (RFC 9003) and keeps
// it closed. GoBGP says it when the session is up, and to nobody else.
func (e *engine) shutDown(ctx context.Context, n config.Neighbor) error {
	return e.srv.DisablePeer(ctx, &api.DisablePeerRequest{Address: n.Addr.String(), Communication: n.Reason})
}

// enable undoes shutDown.
func (e *engine) enable(ctx context.Context, n config.Neighbor) error {
	return e.srv.EnablePeer(ctx, &api.EnablePeerRequest{Address: n.Addr.String()})
}

// reset closes the session; it opens again by itself.
func (e *engine) reset(ctx context.Context, addr netip.Addr) error {
	return e.srv.ResetPeer(ctx, &api.ResetPeerRequest{Address: addr.String()})
}

// refresh sends all routes again (out), or applies the import policy again to
// what was received (in); the session stays.
func (e *engine) refresh(ctx context.Context, addr netip.Addr, in, out bool) error {
	dir := api.ResetPeerRequest_DIRECTION_OUT
	switch {
	case in && out:
		dir = api.ResetPeerRequest_DIRECTION_BOTH
	case in:
		dir = api.ResetPeerRequest_DIRECTION_IN
	}
	return e.srv.ResetPeer(ctx, &api.ResetPeerRequest{Address: addr.String(), Soft: true, Direction: dir})
}

// counters reads the counters of all neighbors. It is cheap on an announcer; on
// a server that holds full tables it would stall it for seconds.
func (e *engine) counters(ctx context.Context) (map[netip.Addr]counters, error) {
	all := map[netip.Addr]counters{}
	err := e.srv.ListPeer(ctx, &api.ListPeerRequest{}, func(p *api.Peer) {
		addr, err := netip.ParseAddr(p.GetState().GetNeighborAddress())
		if err != nil {
			return
		}
		c := counters{
			in:        messagesOf(p.GetState().GetMessages().GetReceived()),
			out:       messagesOf(p.GetState().GetMessages().GetSent()),
			hold:      uint16(p.GetTimers().GetState().GetNegotiatedHoldTime()),
			keepalive: uint16(p.GetTimers().GetState().GetKeepaliveInterval()),
		}
		for _, f := range p.GetAfiSafis() {
			if f.GetConfig().GetFamily().GetAfi() == api.Family_AFI_IP {
				c.ipv4 += int(f.GetState().GetReceived())
			} else {
				c.ipv6 += int(f.GetState().GetReceived())
			}
		}
		all[addr] = c
	})
	return all, err
}

func messagesOf(m *api.Message) Messages {
	return Messages{
		Opens: m.GetOpen(), Updates: m.GetUpdate(), Keepalives: m.GetKeepalive(),
		Notifications: m.GetNotification(), Refreshes: m.GetRefresh(), Total: m.GetTotal(),
	}
}

// peerOf is the neighbor in GoBGP's terms. The description stays with us:
// GoBGP resets the session when it changes.
func peerOf(n config.Neighbor, restarting bool) *api.Peer {
	p := &api.Peer{
		Conf: &api.PeerConf{
			NeighborAddress: n.Addr.String(),
			PeerAsn:         n.RemoteAS,
			LocalAsn:        n.LocalAS,
			AuthPassword:    n.Password,
			AdminDown:       n.Shutdown,
			Vrf:             vrfOf(n.RouteMapOut),
			// Without it a route-map that prepends the neighbor's own AS would
			// make GoBGP keep the route to itself, and say so to nobody.
			AllowAspathLoopLocal: true,
		},
		Transport: &api.Transport{PassiveMode: n.Passive, RemotePort: uint32(n.Port)},
		Timers:    &api.Timers{Config: timersOf(n)},
		AfiSafis:  familiesOf(n),
	}
	if n.UpdateSource.IsValid() {
		p.Transport.LocalAddress = n.UpdateSource.String()
	}
	if n.Multihop > 0 {
		p.EbgpMultihop = &api.EbgpMultihop{Enabled: true, MultihopTtl: uint32(n.Multihop)}
	}
	if n.TTLSecurity > 0 {
		// RFC 5082 section 3: a neighbor h hops away arrives with 255-(h-1).
		p.TtlSecurity = &api.TtlSecurity{Enabled: true, TtlMin: 256 - uint32(n.TTLSecurity)}
	}
	if n.BFD.Enabled {
		p.Bfd = &api.BfdPeerConfig{
			Enabled:                  true,
			DetectionMultiplier:      uint32(cmp.Or(n.BFD.Multiplier, bfdMultiplier)),
			RequiredMinimumReceive:   uint32(cmp.Or(n.BFD.Rx, bfdInterval)) * 1000,
			DesiredMinimumTxInterval: uint32(cmp.Or(n.BFD.Tx, bfdInterval)) * 1000,
		}
	}
	if n.RestartTime > 0 {
		p.GracefulRestart = &api.GracefulRestart{
			Enabled:             true,
			RestartTime:         uint32(n.RestartTime),
			DeferralTime:        deferralSeconds,
			NotificationEnabled: true, // RFC 8538
			LocalRestarting:     restarting,
		}
	}
	return p
}

func timersOf(n config.Neighbor) *api.TimersConfig {
	or := func(v uint16, standard uint64) uint64 {
		if v == 0 {
			return standard
		}
		return uint64(v)
	}
	return &api.TimersConfig{
		ConnectRetry:           or(n.ConnectRetry, defaultConnectRetry),
		HoldTime:               or(n.Hold, defaultHold),
		KeepaliveInterval:      or(n.Keepalive, defaultKeepalive),
		IdleHoldTimeAfterReset: idleAfterReset,
	}
}

func familiesOf(n config.Neighbor) []*api.AfiSafi {
	var fs []*api.AfiSafi
	add := func(afi api.Family_Afi) {
		fs = append(fs, &api.AfiSafi{
			Config: &api.AfiSafiConfig{
				Family:  &api.Family{Afi: afi, Safi: api.Family_SAFI_UNICAST},
				Enabled: true,
			},
			MpGracefulRestart: &api.MpGracefulRestart{
				Config: &api.MpGracefulRestartConfig{Enabled: n.RestartTime > 0},
			},
		})
	}
	if n.IPv4 {
		add(api.Family_AFI_IP)
	}
	if n.IPv6 {
		add(api.Family_AFI_IP6)
	}
	return fs
}

func peerEventOf(m *apiutil.WatchEventMessage_PeerEvent, at time.Time) peerEvent {
	e := peerEvent{
		addr:     m.Peer.State.NeighborAddress,
		state:    stateOf(m.Peer.State.SessionState),
		reason:   m.Peer.State.DisconnectMessage,
		at:       at,
		routerID: m.Peer.State.RouterID,
		as:       m.Peer.State.PeerASN,
		socket: socket{
			remote: netip.AddrPortFrom(m.Peer.State.NeighborAddress, uint16(m.Peer.Transport.RemotePort)),
			local:  netip.AddrPortFrom(netip.Addr{}, uint16(m.Peer.Transport.LocalPort)), // LocalAddress would be the configured one
		},
	}
	e.offers4, e.offers6 = familiesOffered(m.Peer.State.RemoteCap)
	e.capabilities = capabilities{m.Peer.State.LocalCap, m.Peer.State.RemoteCap}
	return e
}

// capabilities are what both sides offered.
type capabilities struct {
	local, remote []gobgp.ParameterCapabilityInterface
}

// familiesOffered tells which families the neighbor's OPEN offers. One that
// offers none means IPv4 (RFC 4760 section 8).
func familiesOffered(caps []gobgp.ParameterCapabilityInterface) (ipv4, ipv6 bool) {
	none := true
	for _, c := range caps {
		if mp, ok := c.(*gobgp.CapMultiProtocol); ok {
			none = false
			ipv4 = ipv4 || mp.CapValue == gobgp.RF_IPv4_UC
			ipv6 = ipv6 || mp.CapValue == gobgp.RF_IPv6_UC
		}
	}
	return ipv4 || none, ipv6
}

// stateOf translates GoBGP's number of a state.
func stateOf(s gobgp.FSMState) State {
	switch s {
	case gobgp.BGP_FSM_IDLE:
		return Idle
	case gobgp.BGP_FSM_CONNECT:
		return Connect
	case gobgp.BGP_FSM_ACTIVE:
		return Active
	case gobgp.BGP_FSM_OPENSENT:
		return OpenSent
	case gobgp.BGP_FSM_OPENCONFIRM:
		return OpenConfirm
	case gobgp.BGP_FSM_ESTABLISHED:
		return Established
	default:
		return State("Unknown(" + strconv.Itoa(int(s)) + ")")
	}
}
