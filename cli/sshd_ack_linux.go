package cli

import (
	"net"
	"syscall"
)

// acknowledge tells the kernel to acknowledge now what was read. It would rather
// wait for up to 40 ms, for an answer to send along; OpenSSH's client meanwhile holds
// back its next small packet (Nagle), which it does until it has logged in. The
// kernel forgets this with the next answer (tcp(7), TCP_QUICKACK), so it is told
// after each read. An error is no harm: then it is as slow as it was.
func acknowledge(conn net.Conn) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
