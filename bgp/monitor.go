package bgp

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/triggerd/triggerd/internal/config"
)

// The monitor is a second GoBGP server in the process, for neighbors that send
// tables to be validated (`neighbor X monitor`). One lock serialises everything
// in a server: deleting or losing a neighbor with a full table holds it for
// seconds, and a blackhole may not wait for that. So it shares nothing with the
// announcer, neither the listener nor the port, and it announces nothing.
//
// What GoBGP says of a neighbor with a full table costs the same lock, so the
// status of a monitor session is what its events tell: state, times, families,
// but no message counters.

// engines are the two servers, as the neighbors see them.
type engines struct{ announcer, monitor *engine }

func (e engines) of(n config.Neighbor) *engine {
	if n.Monitor {
		return e.monitor
	}
	return e.announcer
}

func (e engines) addPeer(ctx context.Context, n config.Neighbor, restarting bool) error {
	return e.of(n).addPeer(ctx, n, restarting && !n.Monitor)
}

func (e engines) updatePeer(ctx context.Context, n config.Neighbor) error {
	return e.of(n).updatePeer(ctx, n)
}

func (e engines) deletePeer(ctx context.Context, n config.Neighbor) error {
	return e.of(n).deletePeer(ctx, n)
}

func (e engines) shutDown(ctx context.Context, n config.Neighbor) error {
	return e.of(n).shutDown(ctx, n)
}

func (e engines) enable(ctx context.Context, n config.Neighbor) error {
	return e.of(n).enable(ctx, n)
}

func (e engines) addDialect(ctx context.Context, routeMap string) error {
	return e.announcer.addDialect(ctx, routeMap)
}

func (e engines) dropDialect(ctx context.Context, routeMap string) error {
	return e.announcer.dropDialect(ctx, routeMap)
}

// startMonitor starts the second server, listening or not.
func (s *Speaker) startMonitor(ctx context.Context) error {
	port := int32(-1)
	if len(s.conf.MonitorListen) > 0 {
		settled, p, err := settleListen(s.conf.MonitorListen)
		if err != nil {
			return err
		}
		s.conf.MonitorListen, port = settled, p
	}
	if err := s.monitor.start(ctx, s.conf, s.conf.MonitorListen, port, s.onPeer); err != nil {
		return fmt.Errorf("starting the monitor: %w", err)
	}
	return nil
}

// MonitorListening returns the addresses that accept monitor sessions.
func (s *Speaker) MonitorListening() []netip.AddrPort {
	s.confMu.Lock()
	defer s.confMu.Unlock()
	if !s.live.Load() {
		return nil
	}
	return append([]netip.AddrPort(nil), s.conf.MonitorListen...)
}
