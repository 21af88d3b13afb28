package bgp

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"time"

	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
)

// Neighbors of a range (`bgp listen range P peer-group G`) exist while their
// session does: one that is not there is no alarm, because nobody knows that it
// should be. They are sent the blackholes with their own attributes.

// openRanges lets in the neighbors of the ranges. One that cannot be is an
// alarm, and stops no other.
func (s *Speaker) openRanges(ctx context.Context) {
	for _, r := range s.conf.Ranges {
		err := CheckRange(s.conf, r)
		if err == nil {
			err = s.engine.addRange(ctx, r)
		}
		if err != nil {
			s.alarms.Raise(alarm.NeighborConfig, r.Prefix.String(), "range "+r.Prefix.String()+" is not listened for: "+err.Error())
		}
	}
}

// CheckRange says what is wrong with a range of c, or nil.
func CheckRange(c config.BGP, r config.Range) error {
	n := r.Neighbor
	n.Addr, n.Passive = r.Prefix.Addr().Next(), true
	if n.Password != "" && runtime.GOOS != "linux" {
		return errors.New("a password for a range works only on Linux: name the neighbors one by one")
	}
	if n.RouteMapOut != "" || n.Monitor || n.Shutdown {
		return errors.New("neighbors of a range can have no `route-map ... out`, `monitor` or `shutdown`: name those that need it")
	}
	if n.BFD.Enabled {
		return errors.New("neighbors of a range can have no `bfd`: name those that need it")
	}
	return CheckNeighbor(c, n)
}

// welcome makes the neighbor of an address that has come up and lies in a
// range; nil when it does not. The caller holds mu.
func (s *Speaker) welcome(e peerEvent) *neighbor {
	r, ok := rangeOf(s.conf.Ranges, e.addr)
	if !ok || e.state != Established {
		return nil
	}
	conf := r.Neighbor
	conf.Addr, conf.Passive = e.addr, true
	n := newNeighbor(conf, time.Now())
	n.set, n.dynamic = true, true
	s.neighbors[e.addr] = n
	return n
}

// rangeOf finds the longest range around an address.
func rangeOf(ranges []config.Range, addr netip.Addr) (best config.Range, ok bool) {
	for _, r := range ranges {
		if r.Prefix.Contains(addr) && (!ok || r.Prefix.Bits() > best.Prefix.Bits()) {
			best, ok = r, true
		}
	}
	return best, ok
}
