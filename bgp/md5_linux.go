package bgp

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/triggerd/triggerd/internal/config"
)

// probePassword sets the neighbor's TCP MD5 key on a socket that is thrown
// away, to have the kernel's refusal as an error here: GoBGP would only fail to
// connect, again and again.
func probePassword(n config.Neighbor) error {
	if n.Password == "" {
		return nil
	}
	family := unix.AF_INET
	if n.Addr.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("making a socket to test TCP MD5: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.SetsockoptTCPMD5Sig(fd, unix.IPPROTO_TCP, unix.TCP_MD5SIG, md5Sig(n.Addr, n.Password)); err != nil {
		return fmt.Errorf("this kernel refuses the TCP MD5 password: %w", err)
	}
	return nil
}

// md5Sig is struct tcp_md5sig of tcp(7): the address as a sockaddr, the key.
func md5Sig(addr netip.Addr, key string) *unix.TCPMD5Sig {
	s := &unix.TCPMD5Sig{Keylen: uint16(len(key))}
	if addr.Is4() {
		b := addr.As4()
		s.Addr.Family = unix.AF_INET
		copy(s.Addr.Data[2:], b[:]) // after the port
	} else {
		b := addr.As16()
		s.Addr.Family = unix.AF_INET6
		copy(s.Addr.Data[6:], b[:]) // after the port and the flow label
	}
	copy(s.Key[:], key)
	return s
}
