package rtr

import (
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// md5Control signs the segments to the one address that is dialed (RFC 2385).
func md5Control(password string) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, c syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		sig := unix.TCPMD5Sig{}
		sig.Keylen = uint16(copy(sig.Key[:], password))
		sig.Addr.Family = unix.AF_INET6
		a := to.Addr().As16()
		if to.Addr().Unmap().Is4() {
			sig.Addr.Family = unix.AF_INET
			four := to.Addr().Unmap().As4()
			copy(sig.Addr.Data[2:], four[:])
		} else {
			copy(sig.Addr.Data[6:], a[:])
		}
		var failed error
		err = c.Control(func(fd uintptr) {
			failed = unix.SetsockoptTCPMD5Sig(int(fd), unix.IPPROTO_TCP, unix.TCP_MD5SIG, &sig)
		})
		if err == nil && failed != nil {
			err = fmt.Errorf("TCP MD5: %w", failed)
		}
		return err
	}
}
