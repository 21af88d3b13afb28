package testenv

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/triggerd/triggerd/rpki/rtr/rtrtest"
)

// RTRCache lets a cache of this process, which can be made to misbehave in any
// way, listen on the host.
func (h *Host) RTRCache(port uint16, cache *rtrtest.Cache) netip.AddrPort {
	t := h.lab.t
	t.Helper()
	at := netip.AddrPortFrom(h.Addr4(), port)
	var door net.Listener
	err := h.Do(func() (err error) {
		door, err = net.Listen("tcp", at.String())
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
	go cache.Listen(door)
	h.lab.onClose(func() { _ = door.Close(); cache.Drop() })
	return at
}

// RPKI prints an `rpki` block, as FRR and triggerd have it, with caches of
// falling preference.
func RPKI(caches ...netip.AddrPort) []string {
	lines := []string{"rpki", " rpki polling_period 10", " rpki retry_interval 2"}
	for i, c := range caches {
		lines = append(lines, fmt.Sprintf(" rpki cache %s %d preference %d", c.Addr(), c.Port(), i+1))
	}
	return append(lines, "exit")
}
