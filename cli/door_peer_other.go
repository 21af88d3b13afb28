//go:build !linux

package cli

import "net"

// peerUID relies on the modes of the socket (0600) and its directory (0700).
func peerUID(net.Conn) (string, error) { return "by file mode", nil }
