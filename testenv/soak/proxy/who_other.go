//go:build !linux

package proxy

import "net"

// ByProcess can't find out who dialed on this system.
func ByProcess(func() map[int]string) Who {
	return func(_, _ *net.TCPAddr) string { return "" }
}
