package testenv

import (
	"fmt"
	"net/netip"
)

// Port is one host's end of a wire, with its addresses there.
type Port struct {
	Host  *Host
	Addrs []netip.Prefix
}

// On is host with addresses such as "198.51.100.7/24", for Wire and LAN. Use
// documentation and private ranges.
func (h *Host) On(addrs ...string) Port {
	h.lab.t.Helper()
	port := Port{Host: h}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a)
		if err != nil {
			h.lab.t.Fatalf("%s: %v", h.Name, err)
		}
		port.Addrs = append(port.Addrs, p)
	}
	return port
}

// Wire joins two hosts with a veth pair. Each end is named after the other host.
func (l *Lab) Wire(a, b Port) {
	l.t.Helper()
	a.Host.IP(fmt.Sprintf("link add name %s type veth peer name %s netns %s", b.Host.Name, a.Host.Name, b.Host.namespace))
	a.bringUp(b.Host.Name)
	b.bringUp(a.Host.Name)
}

// LAN joins any number of hosts with a bridge, which is a host of its own named
// lan1, lan2 and so on. Each host's end has the LAN's name.
func (l *Lab) LAN(ports ...Port) *Host {
	l.t.Helper()
	l.lans++
	lan := l.Host(fmt.Sprintf("lan%d", l.lans))
	lan.IP("link add name bridge type bridge", "link set dev bridge up")
	for _, p := range ports {
		lan.IP(
			fmt.Sprintf("link add name %s type veth peer name %s netns %s", p.Host.Name, lan.Name, p.Host.namespace),
			fmt.Sprintf("link set dev %s master bridge up", p.Host.Name))
		p.bringUp(lan.Name)
	}
	return lan
}

// bringUp gives the device its addresses and starts it.
func (p Port) bringUp(device string) {
	p.Host.lab.t.Helper()
	lines := []string{"link set dev " + device + " up"}
	for _, a := range p.Addrs {
		line := fmt.Sprintf("address add %s dev %s", a, device)
		if a.Addr().Is6() {
			line += " nodad"
		}
		lines = append(lines, line)
		p.Host.addrs = append(p.Host.addrs, a.Addr())
	}
	p.Host.IP(lines...)
}

// Forwards makes the host a router for both families.
func (h *Host) Forwards() {
	h.lab.t.Helper()
	h.Sysctl("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1")
}

// DefaultVia sends everything that has no better route to the gateway, one per
// family.
func (h *Host) DefaultVia(gateways ...netip.Addr) {
	h.lab.t.Helper()
	for _, g := range gateways {
		h.IP("route add default via " + g.String())
	}
}

// Unplug takes the host's wire out of the LAN: frames go nowhere in either
// direction, and the host itself is not told (its end stays up).
func (h *Host) Unplug(lan *Host) {
	h.lab.t.Helper()
	lan.IP("link set dev " + h.Name + " nomaster")
}

// Plug undoes Unplug.
func (h *Host) Plug(lan *Host) {
	h.lab.t.Helper()
	lan.IP("link set dev " + h.Name + " master bridge")
}

// LinkDown takes the host's own end of a LAN down, as when a cable is pulled: the
// system knows at once that nothing goes out there. LinkUp undoes it.
func (h *Host) LinkDown(lan *Host) {
	h.lab.t.Helper()
	h.IP("link set dev " + lan.Name + " down")
}

// LinkUp undoes LinkDown.
func (h *Host) LinkUp(lan *Host) {
	h.lab.t.Helper()
	h.IP("link set dev " + lan.Name + " up")
}

// Loses makes all IPv4 packets that the host sends to another on a LAN vanish,
// while the other's still arrive here: a cut in one direction, of which neither
// system is told. The host takes the other to have a hardware address that
// nobody has.
func (h *Host) Loses(lan, to *Host) {
	h.lab.t.Helper()
	h.IP(fmt.Sprintf("neigh replace %s lladdr 02:00:00:00:de:ad dev %s nud permanent", to.Addr4(), lan.Name))
}

// Delivers undoes Loses.
func (h *Host) Delivers(lan, to *Host) {
	h.lab.t.Helper()
	h.IP(fmt.Sprintf("neigh del %s dev %s", to.Addr4(), lan.Name))
}
