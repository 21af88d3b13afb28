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
// left out: it is never more than a help. A connection whose own address is known
// is asked for by itself, since for a dump the kernel goes through its whole table.
// GoBGP doesn't tell that address, so each connection is found by a dump first.
func pressureOf(want []socket) map[socket]pressure {
	found := map[socket]pressure{}
	if len(want) == 0 {
		return found
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return found
	}
	defer func() { _ = unix.Close(fd) }()
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	buf, missing := make([]byte, 1<<16), map[socket]bool{}
	for i, s := range want {
		if !s.local.Addr().IsValid() {
			missing[s] = true
		} else if p, ok := ask(fd, uint32(i+1), s, buf); ok {
			found[s] = p
		}
	}
	for s := range missing {
		if _, ok := found[s]; !ok { // not with another's dump
			dump(fd, addressFamily(s.remote.Addr()), buf, func(of socket, p pressure) {
				if missing[of] {
					found[of] = p
				}
			})
		}
	}
	return found
}

func addressFamily(a netip.Addr) uint8 {
	if a.Unmap().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

const (
	diagRequestBytes = 56 // struct inet_diag_req_v2
	diagAnswerBytes  = 72 // struct inet_diag_msg
	diagAnyCookie    = 1<<64 - 1
	inetDiagInfo     = 2   // INET_DIAG_INFO
	tcpInfoQuiet     = 52  // tcpi_last_data_recv in struct tcp_info, milliseconds
	tcpInfoAcked     = 120 // tcpi_bytes_acked
)

// ask asks for one connection. Without one there is an error, or an answer to
// nothing that was asked.
func ask(fd int, seq uint32, s socket, buf []byte) (p pressure, ok bool) {
	request := diagRequest(seq, unix.NLM_F_REQUEST, addressFamily(s.remote.Addr()))
	id := request[unix.NLMSG_HDRLEN+8:] // struct inet_diag_sockid
	binary.BigEndian.PutUint16(id, s.local.Port())
	binary.BigEndian.PutUint16(id[2:], s.remote.Port())
	copy(id[4:20], s.local.Addr().Unmap().AsSlice())
	copy(id[20:36], s.remote.Addr().Unmap().AsSlice())
	binary.NativeEndian.PutUint64(id[40:], diagAnyCookie)
	exchange(fd, request, buf, func(_ socket, got pressure) { p, ok = got, true })
	return p, ok
}

// dump calls f for each established TCP connection of a family.
func dump(fd int, family uint8, buf []byte, f func(s socket, p pressure)) {
	exchange(fd, diagRequest(0, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, family), buf, f)
}

// exchange sends a request and reads what answers it, to the end of a dump.
func exchange(fd int, request, buf []byte, f func(s socket, p pressure)) {
	if unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}) != nil {
		return
	}
	dumps := binary.NativeEndian.Uint16(request[6:])&unix.NLM_F_DUMP == unix.NLM_F_DUMP
	for more := true; more; {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return
		}
		more = eachAnswer(buf[:n], binary.NativeEndian.Uint32(request[8:]), func(m []byte) { readAnswer(m, f) }) && dumps
	}
}

// diagRequest is a netlink message with struct inet_diag_req_v2.
func diagRequest(seq uint32, flags uint16, family uint8) []byte {
	b := make([]byte, unix.NLMSG_HDRLEN+diagRequestBytes)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	binary.NativeEndian.PutUint16(b[6:], flags)
	binary.NativeEndian.PutUint32(b[8:], seq)
	r := b[unix.NLMSG_HDRLEN:]
	r[0], r[1] = family, unix.IPPROTO_TCP
	r[2] = 1 << (inetDiagInfo - 1)                                    // with struct tcp_info
	binary.NativeEndian.PutUint32(r[4:], 1<<unix.BPF_TCP_ESTABLISHED) // states
	return b
}

// eachAnswer calls f for each message that answers a request; it is false at the
// end of a dump, and after an error.
func eachAnswer(b []byte, seq uint32, f func([]byte)) (more bool) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		kind := binary.NativeEndian.Uint16(b[4:])
		if size < unix.NLMSG_HDRLEN || size > len(b) || kind == unix.NLMSG_DONE || kind == unix.NLMSG_ERROR {
			return false
		}
		if binary.NativeEndian.Uint32(b[8:]) == seq {
			f(b[unix.NLMSG_HDRLEN:size])
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return true
}

// readAnswer reads struct inet_diag_msg and the struct tcp_info behind it. The
// socket is without its own address, as it is asked for; that is in the pressure.
func readAnswer(b []byte, f func(s socket, p pressure)) {
	if len(b) < diagAnswerBytes {
		return
	}
	local, remote := netip.AddrFrom4([4]byte(b[8:12])), netip.AddrFrom4([4]byte(b[24:28]))
	if b[0] == unix.AF_INET6 {
		local, remote = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	}
	p := pressure{local: local, unacked: int(binary.NativeEndian.Uint32(b[60:]))}
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
	f(socket{
		remote: netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[6:])),
		local:  netip.AddrPortFrom(netip.Addr{}, binary.BigEndian.Uint16(b[4:])),
	}, p)
}

// The offsets are where the kernel's header has them, and for ever: struct tcp_info
// only grows at its end.
var (
	_ [tcpInfoAcked]struct{} = [unsafe.Offsetof(unix.TCPInfo{}.Bytes_acked)]struct{}{}
	_ [tcpInfoQuiet]struct{} = [unsafe.Offsetof(unix.TCPInfo{}.Last_data_recv)]struct{}{}
)
