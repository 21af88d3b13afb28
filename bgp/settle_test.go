package bgp

import (
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"testing"

	"github.com/triggerd/triggerd/bgp/sink"
)

// GoBGP by itself loses what is written between the first dump to a neighbor
// and the moment that it calls the session established: a blackhole that this
// neighbor never hears of, or one that never ends there.
func TestNothingIsLostWhileSessionsComeUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs many loopback addresses")
	}
	conf := routerConf()
	from := adr("127.2.0.1")
	for range 300 {
		conf.Neighbors = append(conf.Neighbors, passive(from.String(), 64501))
		from = from.Next()
	}
	speaker := open(t, want(), conf)
	var routers []*router
	for i, n := range conf.Neighbors {
		r := listener(t, sink.Config{LocalAS: 64501})
		up := make(chan struct{})
		inner := r.OnUp(func() { close(up) })
		_ = inner
		if err := r.Dial("trigger", speaker.address(), n.Addr); err != nil {
			t.Fatal(err)
		}
		<-up
		speaker.set(hole(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String() + "/" + strconv.Itoa(32)))
		routers = append(routers, r)
	}
	for i, r := range routers {
		eventually(t, fmt.Sprintf("router %d has all routes", i), r.holds(300))
	}
}
