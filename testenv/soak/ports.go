package soak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are chosen below those that systems give to outgoing connections: a port
// from among those could be taken while its node is down.
const lowestPort, highestPort = 17000, 32000

// freePorts finds different ports that nobody listens on now.
func freePorts(n int) (ports []uint16, err error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for tries := 0; len(ports) < n; tries++ {
		if tries > 1000 {
			return nil, errors.New("no free ports")
		}
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, uint16(port))
	}
	return ports, nil
}
