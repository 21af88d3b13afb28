package bgp

import (
	"sync"
	"testing"

	"github.com/triggerd/triggerd/bgp/sink"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// Both servers while their neighbors come and go, routes change and somebody looks:
// what the race detector is for. A router that stays must miss nothing.
func TestFlappingNeighborsOfBothServers(t *testing.T) {
	t.Parallel()
	const flaps = 4 // GoBGP waits some seconds after each
	router := map[string]uint32{"127.0.0.2": 64502, "127.0.0.3": 64503}
	feeder := map[string]uint32{"127.0.0.4": 64504, "127.0.0.5": 64505}
	conf := withMonitor(passive("127.0.0.1", 64501))
	for addr, as := range router {
		conf.Neighbors = append(conf.Neighbors, restartable(addr, as))
	}
	for addr, as := range feeder {
		conf.Neighbors = append(conf.Neighbors, monitored(addr, as))
	}
	speaker, x := receiving(t, want(manyHoles(50)...), conf)
	stays := dialing(t, speaker.address(), "127.0.0.1", sink.Config{LocalAS: 64501})
	eventually(t, "routes", stays.holds(50))

	var work sync.WaitGroup
	for addr, as := range router {
		work.Go(func() {
			for range flaps {
				r := dialing(t, speaker.address(), addr, sink.Config{LocalAS: as})
				eventually(t, "routes of "+addr, func() bool { return len(r.Routes()) >= 50 })
				r.Close()
			}
		})
	}
	for addr, as := range feeder {
		work.Go(func() {
			for range flaps {
				r := dialing(t, speaker.MonitorListening()[0], addr, sink.Config{LocalAS: as})
				eventually(t, "session of "+addr, func() bool { return speaker.neighbor(addr).Up() && len(r.Up()) == 1 })
				if err := r.Send("trigger", feed("203.0.113.0/24", "198.51.100.0/24")); err != nil {
					t.Error(err)
				}
				eventually(t, "table of "+addr, func() bool { _, ok := x.get("203.0.113.0/24", addr); return ok })
				r.Close()
				eventually(t, "loss of "+addr, func() bool { return !speaker.neighbor(addr).Up() })
			}
		})
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	last := hole("192.0.2.99/32")
	go func() {
		defer close(stopped)
		for i := uint32(1); ; i++ {
			select {
			case <-stop:
				return
			default:
				last.MED = rtbh.Some(i)
				speaker.set(last)
				_ = speaker.Neighbors()
				_ = speaker.Written(last.Prefix)
			}
		}
	}()
	work.Wait()
	close(stop)
	<-stopped
	eventually(t, "the last change", func() bool {
		r, ok := stays.route("192.0.2.99/32")
		return ok && r.MED == last.MED
	})
	if stays.count(sink.Established) != 1 || stays.count(sink.Withdraw) != 0 {
		t.Errorf("the router that stays saw %d sessions and %d withdrawals", stays.count(sink.Established), stays.count(sink.Withdraw))
	}
}
