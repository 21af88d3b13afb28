//go:build !linux

package cli

import "net"

// acknowledge does nothing where acknowledgements can not be asked for.
func acknowledge(net.Conn) {}
