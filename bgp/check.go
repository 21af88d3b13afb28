package bgp

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"

	"github.com/triggerd/triggerd/internal/config"
)

// maxPassword is the longest key of TCP MD5 that kernels take (TCP_MD5SIG).
const maxPassword = 80

// Check says what in c this speaker cannot do on this platform, one error for
// each, nil when there is nothing. It touches nothing, so that `triggerd check`
// can call it. [Speaker.Open] fails only on errors that are about the router as
// a whole ([CheckRouter]); a neighbor with an error is left out with an alarm.
func Check(c config.BGP) []error {
	var errs []error
	if err := CheckRouter(c); err != nil {
		errs = append(errs, err)
	}
	for _, r := range c.Ranges {
		if err := CheckRange(c, r); err != nil {
			errs = append(errs, fmt.Errorf("range %s: %w", r.Prefix, err))
		}
	}
	seen := map[netip.Addr]bool{}
	for _, n := range c.Neighbors {
		if seen[n.Addr] {
			errs = append(errs, fmt.Errorf("neighbor %s is configured twice", n.Addr))
		}
		seen[n.Addr] = true
		if err := CheckNeighbor(c, n); err != nil {
			errs = append(errs, fmt.Errorf("neighbor %s: %w", n.Addr, err))
		}
	}
	return errs
}

// CheckRouter is the part of [Check] without the neighbors.
func CheckRouter(c config.BGP) error {
	switch {
	case c.ASN == 0:
		return errors.New("`router bgp` needs an AS number other than 0 (RFC 7607)")
	case !c.RouterID.Is4() || c.RouterID.IsUnspecified():
		return errors.New("`bgp router-id` must be an IPv4 address other than 0.0.0.0 (RFC 6286)")
	}
	if _, err := commonPort(c.Listen); err != nil {
		return err
	}
	_, err := commonPort(c.MonitorListen)
	return errors.Join(err, checkApart(c))
}

// commonPort is the one port of all listeners: GoBGP knows only one.
func commonPort(all []netip.AddrPort) (uint16, error) {
	if len(all) == 0 {
		return defaultPort, nil
	}
	port := all[0].Port()
	for _, l := range all[1:] {
		if l.Port() != port {
			return 0, fmt.Errorf("all BGP listen addresses must have the same port: %s and %s differ", all[0], l)
		}
	}
	return port, nil
}

// checkApart finds an address that both the announcer and the monitor would
// listen on.
func checkApart(c config.BGP) error {
	announcer := c.Listen
	if len(announcer) == 0 && !c.NoListen {
		announcer = []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), defaultPort), netip.AddrPortFrom(netip.IPv6Unspecified(), defaultPort),
		}
	}
	for _, m := range c.MonitorListen {
		for _, a := range announcer {
			same := a.Addr() == m.Addr() || a.Addr().Is4() == m.Addr().Is4() && (a.Addr().IsUnspecified() || m.Addr().IsUnspecified())
			if same && a.Port() == m.Port() && a.Port() != 0 {
				return fmt.Errorf("`bgp monitor listen` %s is where routers connect too (%s): take another port, or say "+
					"`bgp listen address` for the routers and another address for the monitor", m, a)
			}
		}
	}
	return nil
}

// CheckNeighbor says what is wrong with one neighbor of c, or nil.
func CheckNeighbor(c config.BGP, n config.Neighbor) error {
	return errors.Join(
		checkAddresses(n),
		checkSession(c, n),
		checkTTL(c, n),
		checkTimers(n),
		checkPassword(n, runtime.GOOS),
		checkMonitor(n),
		checkBFD(n),
	)
}

func checkAddresses(n config.Neighbor) error {
	switch {
	case !n.Addr.IsValid() || n.Addr.IsUnspecified() || n.Addr.IsMulticast() || n.Addr.Is4In6():
		return errors.New("this is not the address of a neighbor")
	case n.UpdateSource.IsValid() && n.UpdateSource.Is4() != n.Addr.Is4():
		return fmt.Errorf("update-source %s is of the other address family", n.UpdateSource)
	}
	return nil
}

func checkSession(c config.BGP, n config.Neighbor) error {
	switch {
	case n.RemoteAS == 0:
		return errors.New("remote-as is missing")
	case !n.IPv4 && !n.IPv6:
		return errors.New("no address family is activated: activate IPv4, IPv6 or both")
	case n.LocalAS != 0 && n.LocalAS != c.ASN && n.RemoteAS == c.ASN:
		return fmt.Errorf("local-as %d cannot be used towards a neighbor of our own AS %d", n.LocalAS, c.ASN)
	case n.Passive && !listensFor(c, n):
		return errors.New("passive needs a BGP listener of the same address family, and there is none (for a monitor session: `bgp monitor listen`)")
	case n.RestartTime > 4095:
		return errors.New("graceful-restart time is at most 4095 seconds (RFC 4724 section 3)")
	}
	return nil
}

func listensFor(c config.BGP, n config.Neighbor) bool {
	listen, none := c.Listen, c.NoListen
	if n.Monitor {
		listen, none = c.MonitorListen, len(c.MonitorListen) == 0
	}
	if none {
		return false
	}
	for _, l := range listen {
		if l.Addr().Is4() == n.Addr.Is4() {
			return true
		}
	}
	return len(listen) == 0
}

func checkTTL(c config.BGP, n config.Neighbor) error {
	local := n.LocalAS
	if local == 0 {
		local = c.ASN
	}
	switch {
	case n.Multihop > 0 && n.TTLSecurity > 0:
		return errors.New("ebgp-multihop and ttl-security exclude each other")
	case n.Multihop > 0 && n.RemoteAS == local:
		return errors.New("ebgp-multihop is for eBGP; an iBGP session may cross hops without it")
	case n.TTLSecurity > 254:
		return errors.New("ttl-security hops is at most 254")
	}
	return nil
}

func checkTimers(n config.Neighbor) error {
	switch {
	case n.Hold != 0 && n.Hold < 3:
		return errors.New("the hold time is at least 3 seconds (RFC 4271 section 4.2)")
	case n.Hold != 0 && n.Keepalive >= n.Hold:
		return fmt.Errorf("keepalive %d s must be less than the hold time %d s", n.Keepalive, n.Hold)
	}
	return nil
}

// checkPassword knows what GoBGP can do on each platform: TCP MD5 on a
// connection of its own only on Linux and OpenBSD, on a listener also on
// FreeBSD (with keys from setkey(8)).
func checkPassword(n config.Neighbor, goos string) error {
	if n.Password == "" {
		return nil
	}
	if len(n.Password) > maxPassword {
		return fmt.Errorf("the password has %d bytes, TCP MD5 takes at most %d", len(n.Password), maxPassword)
	}
	switch {
	case goos == "linux":
		return nil
	case goos == "freebsd" && n.Passive:
		return nil
	case goos == "freebsd":
		return errors.New("TCP MD5 on FreeBSD works only for a passive neighbor, with its key set by setkey(8): " +
			"add `passive`, and let the router connect")
	default:
		return fmt.Errorf("TCP MD5 is not available on %s: remove the password, or run this node on Linux", goos)
	}
}

// checkMonitor refuses what would have to be sent to a neighbor that is sent
// nothing.
func checkMonitor(n config.Neighbor) error {
	switch {
	case !n.Monitor:
		return nil
	case n.RouteMapOut != "":
		return errors.New("a monitor session is sent nothing, so it can have no `route-map ... out`")
	case n.MaxAnnounced != 0:
		return errors.New("a monitor session is sent nothing, so it can have no `maximum-announced`")
	case n.RestartTime != 0:
		return errors.New("a monitor session is sent nothing, so `graceful-restart` would keep nothing")
	}
	return nil
}

// checkBFD refuses what GoBGP's BFD, which is of one hop (RFC 5881), cannot do.
func checkBFD(n config.Neighbor) error {
	switch {
	case n.BFD.Enabled && n.Multihop > 1:
		return errors.New("bfd is for one hop (RFC 5881), and `ebgp-multihop` says more: leave one of them out")
	case n.BFD.Enabled && n.Monitor:
		return errors.New("bfd on a monitor session watches nothing that matters: leave it out")
	}
	return nil
}
