package bgp

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pressureOf asks the kernel for the send queues of connections (sock_diag(7),
// what `ss -ti` prints). GoBGP gives nobody its sockets. What cannot be asked is
// left out: it is never more than a help.
func pressureOf(want []socket) map[socket]pressure {
	found := map[socket]pressure{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		asked := map[socket]bool{}
		for _, s := range want {
			if s.remote.Addr().Is4() == (family == unix.AF_INET) {
				asked[s] = true
			}
		}
		if len(asked) > 0 {
			diagnose(family, asked, found)
		}
	}
	return found
}

const (
	diagRequestBytes = 56  // struct inet_diag_req_v2
	diagAnswerBytes  = 72  // struct inet_diag_msg
	inetDiagInfo     = 2   // INET_DIAG_INFO
	tcpInfoQuiet     = 52  // tcpi_last_data_recv in struct tcp_info, milliseconds
	tcpInfoAcked     = 120 // tcpi_bytes_acked
)

// diagnose dumps the established TCP connections of a family.
func diagnose(family uint8, asked map[socket]bool, found map[socket]pressure) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	if unix.Sendto(fd, diagRequest(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		return
	}
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil || !eachAnswer(buf[:n], func(b []byte) { readAnswer(b, asked, found) }) {
			return
		}
	}
}

// diagRequest is a netlink message with struct inet_diag_req_v2.
func diagRequest(family uint8) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+diagRequestBytes)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	r := b[unix.NLMSG_HDRLEN:]
	r[0], r[1] = family, unix.IPPROTO_TCP
	r[2] = 1 << (inetDiagInfo - 1)                                    // with struct tcp_info
	binary.NativeEndian.PutUint32(r[4:], 1<<unix.BPF_TCP_ESTABLISHED) // states
	return b
}

// eachAnswer calls f for each message; it is false at the end of the dump.
func eachAnswer(b []byte, f func([]byte)) (more bool) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		kind := binary.NativeEndian.Uint16(b[4:])
		if size < unix.NLMSG_HDRLEN || size > len(b) || kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR {
			return false
		}
		f(b[unix.NLMSG_HDRLEN:size])
		b = b[min(len(b), (size+3)&^3):]
	}
	return true
}

// readAnswer reads struct inet_diag_msg and the struct tcp_info behind it.
func readAnswer(b []byte, asked map[socket]bool, found map[socket]pressure) {
	if len(b) < diagAnswerBytes {
		return
	}
	remote := netip.AddrFrom4([4]byte(b[24:28]))
	if b[0] == unix.AF_INET6 {
		remote = netip.AddrFrom16([16]byte(b[24:40]))
	}
	s := socket{netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[6:])), binary.BigEndian.Uint16(b[4:])}
	if !asked[s] {
		return
	}
	p := pressure{unacked: int(binary.NativeEndian.Uint32(b[60:]))}
	for a := b[diagAnswerBytes:]; len(a) >= unix.SizeofRtAttr; {
		size := int(binary.NativeEndian.Uint16(a))
		if size < unix.SizeofRtAttr || size > len(a) {
			break
		}
		if info := a[unix.SizeofRtAttr:size]; binary.NativeEndian.Uint16(a[2:]) == inetDiagInfo && len(info) >= tcpInfoAcked+8 {
			p.acked = binary.NativeEndian.Uint64(info[tcpInfoAcked:])
			p.quiet = time.Duration(binary.NativeEndian.Uint32(info[tcpInfoQuiet:])) * time.Millisecond
		}
		a = a[min(len(a), (size+3)&^3):]
	}
	found[s] = p
}

// The offsets are where the kernel's header has them, and for ever: struct tcp_info
// only grows at its end.
var (
	_ [tcpInfoAcked]struct{} = [unsafe.Offsetof(unix.TCPInfo{}.Bytes_acked)]struct{}{}
	_ [tcpInfoQuiet]struct{} = [unsafe.Offsetof(unix.TCPInfo{}.Last_data_recv)]struct{}{}
)
