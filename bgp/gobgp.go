package bgp

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/config/oc"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/route"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// The files named gobgp_* and this one are the only ones that know GoBGP's types.

// engine is one GoBGP server. A Speaker has one that announces, and one for the
// neighbors that only send tables, see monitor. Everything here takes GoBGP's one lock, so callers must not hold a lock of their own
// that a callback needs.
type engine struct {
	srv      *server.BgpServer
	log      *engineLog
	warn     *slog.Logger
	asn      uint32
	cancel   context.CancelFunc // ends the watch
	settling settling
	dialects vrfs
	makers   map[string]*pathMaker // by dialect; guarded by settling.write
	in       *inlet
}

// newEngine makes a server that does nothing yet.
func newEngine(log *slog.Logger, asn uint32, events engineEvents, in *inlet) *engine {
	e := &engine{
		warn: log, asn: asn,
		settling: settling{peers: map[string]struct{}{}, most: settleMost},
		dialects: vrfs{numbers: map[string]uint32{}},
		makers:   map[string]*pathMaker{},
		in:       in,
	}
	events.comingUp = e.settling.comingUp
	if in.wanted() {
		voided := events.session
		events.session = func(addr netip.Addr, up bool) {
			if voided != nil {
				voided(addr, up)
			}
			in.put(inflow{peer: addr, session: true, up: up})
		}
		events.received = func(addr netip.Addr, updates []route.Update) { in.put(inflow{peer: addr, updates: updates}) }
	}
	l := newEngineLog(log, events)
	e.log = l
	return e
}

// start opens the listeners and installs the policy. No session can open yet:
// there are no neighbors, and GoBGP closes connections from strangers.
func (e *engine) start(ctx context.Context, c config.BGP, listen []netip.AddrPort, port int32, onPeer func(peerEvent)) error {
	e.srv = server.NewBgpServer(server.LoggerOption(slog.New(e.log), nil), server.TimingHookOption(e.log.events))
	go e.srv.Serve()
	if err := e.startAlone(ctx, globalOf(c, listen, port)); err != nil {
		e.srv.Stop()
		return err
	}
	if err := e.refuseReceived(ctx); err != nil {
		e.srv.Stop()
		e.forget()
		return fmt.Errorf("installing the import policy: %w", err)
	}
	watch, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	e.in.open()
	err := e.srv.WatchEvent(watch, server.WatchEventMessageCallbacks{
		OnPeerUpdate: func(m *apiutil.WatchEventMessage_PeerEvent, at time.Time) {
			if m.Type == apiutil.PEER_EVENT_STATE {
				onPeer(peerEventOf(m, at))
			}
		},
	}, server.WatchPeer())
	if err != nil {
		cancel()
		e.srv.Stop()
		e.forget()
		e.in.close()
		return fmt.Errorf("watching the neighbors: %w", err)
	}
	return nil
}

// families are the tables that GoBGP makes, in the numbers of its configuration:
// our routes, and their dialects, which are VRFs. Without them it makes two of every
// family that it knows, of 2,048 parts each: 20 MB and 600,000 objects in every
// process, which each garbage collection visits.
var families = []uint32{
	uint32(oc.AfiSafiTypeToIntMap[oc.AFI_SAFI_TYPE_IPV4_UNICAST]),
	uint32(oc.AfiSafiTypeToIntMap[oc.AFI_SAFI_TYPE_IPV6_UNICAST]),
	uint32(oc.AfiSafiTypeToIntMap[oc.AFI_SAFI_TYPE_L3VPN_IPV4_UNICAST]),
	uint32(oc.AfiSafiTypeToIntMap[oc.AFI_SAFI_TYPE_L3VPN_IPV6_UNICAST]),
	uint32(oc.AfiSafiTypeToIntMap[oc.AFI_SAFI_TYPE_RTC]), // looked up when a VRF goes
}

// globalOf is the router itself in GoBGP's terms.
func globalOf(c config.BGP, listen []netip.AddrPort, port int32) *api.Global {
	g := &api.Global{Asn: c.ASN, RouterId: c.RouterID.String(), ListenPort: port, Families: families}
	for _, l := range listen {
		g.ListenAddresses = append(g.ListenAddresses, l.Addr().String())
	}
	return g
}

// refuseReceived lets only our own routes into the table that is announced:
// nothing received from a neighbor is ever sent on. The Adj-RIB-In still fills.
func (e *engine) refuseReceived(ctx context.Context) error {
	own := &api.Policy{Name: "own-routes", Statements: []*api.Statement{{
		Name:       "own-routes-accept",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}}}
	if err := e.srv.AddPolicy(ctx, &api.AddPolicyRequest{Policy: own}); err != nil {
		return err
	}
	return e.srv.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name:          "global",
		Direction:     api.PolicyDirection_POLICY_DIRECTION_IMPORT,
		Policies:      []*api.Policy{own},
		DefaultAction: api.RouteAction_ROUTE_ACTION_REJECT,
	}})
}

// stop ends all sessions and listeners. With graceful, neighbors that
// negotiated graceful restart get no NOTIFICATION and keep our routes; all
// others get a CEASE. It waits for GoBGP's goroutines as long as ctx allows.
func (e *engine) stop(ctx context.Context, graceful bool) error {
	e.cancel()
	done := make(chan error, 1)
	go func() {
		err := e.srv.StopBgp(context.Background(), &api.StopBgpRequest{AllowGracefulRestart: graceful})
		e.log.silence() // Stop would complain that the server is stopped already
		e.srv.Stop()    // and ends what StopBgp leaves running (BFD)
		e.forget()
		e.in.close()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for BGP sessions to close: %w", ctx.Err())
	}
}

// put announces routes in a dialect, replacing what is announced for the same
// prefixes: to neighbors a replacement is one UPDATE without a withdrawal (RFC
// 4271 section 3.1). The result is nil, or has one error (or nil) for each route.
func (e *engine) put(dialect string, routes []rtbh.Route) []error {
	e.lockTable()
	defer e.settling.write.Unlock()
	errs := make([]error, len(routes))
	failed := false
	paths := make([]*apiutil.Path, 0, len(routes))
	for i, r := range routes {
		p, err := e.pathOf(dialect, r)
		if err != nil {
			errs[i], failed = err, true
			continue
		}
		paths = append(paths, p)
	}
	if len(paths) > 0 {
		if _, err := e.srv.AddPath(apiutil.AddPathRequest{VRFID: vrfOf(dialect), Paths: paths}); err != nil {
			return e.putEach(dialect, routes)
		}
	}
	if !failed {
		return nil
	}
	return errs
}

// putEach finds the routes that fail: GoBGP's answer for a batch tells only
// that some did. Those that passed before are replaced by themselves.
func (e *engine) putEach(dialect string, routes []rtbh.Route) []error {
	errs := make([]error, len(routes))
	for i, r := range routes {
		p, err := e.pathOf(dialect, r)
		if err == nil {
			_, err = e.srv.AddPath(apiutil.AddPathRequest{VRFID: vrfOf(dialect), Paths: []*apiutil.Path{p}})
		}
		errs[i] = err
	}
	return errs
}

// pathOf is the route as GoBGP takes it for the table of a dialect.
func (e *engine) pathOf(dialect string, r rtbh.Route) (*apiutil.Path, error) {
	m := e.makers[dialect]
	if m == nil {
		m = &pathMaker{dialect: dialect}
		e.makers[dialect] = m
	}
	return m.path(r)
}

// remove withdraws what is announced in a dialect for these prefixes.
func (e *engine) remove(dialect string, prefixes []netip.Prefix) error {
	e.lockTable()
	defer e.settling.write.Unlock()
	paths := make([]*apiutil.Path, 0, len(prefixes))
	for _, p := range prefixes {
		w, err := withdrawalOf(p)
		if err != nil {
			return err
		}
		paths = append(paths, w)
	}
	if len(paths) == 0 {
		return nil
	}
	return e.srv.DeletePath(apiutil.DeletePathRequest{VRFID: vrfOf(dialect), Paths: paths})
}

// held lists what GoBGP's table of a dialect really holds, in no order. A path
// that cannot be expressed as a route is listed with its prefix alone, so that
// the audit sees the difference.
func (e *engine) held(dialect string) ([]rtbh.Route, error) {
	startMu.RLock()
	defer startMu.RUnlock()
	var routes []rtbh.Route
	kind := api.TableType_TABLE_TYPE_GLOBAL
	if dialect != "" {
		kind = api.TableType_TABLE_TYPE_VRF
	}
	for _, f := range []gobgp.Family{gobgp.RF_IPv4_UC, gobgp.RF_IPv6_UC} {
		req := apiutil.ListPathRequest{TableType: kind, Name: vrfOf(dialect), Family: f}
		err := e.srv.ListPath(req, func(_ gobgp.NLRI, paths []*apiutil.Path) {
			for _, p := range paths {
				routes = append(routes, routeOf(p))
			}
		})
		if err != nil {
			return nil, fmt.Errorf("listing the announced routes: %w", err)
		}
	}
	return routes, nil
}
