package cli

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// peerUID names the user at the other end of a unix socket, and refuses all
// but root and the one that this process runs as: whatever the file modes say.
func peerUID(conn net.Conn) (string, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return "", fmt.Errorf("%T is no unix socket", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return "", err
	}
	var cred *syscall.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return "", fmt.Errorf("who is there: %w", err)
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return "", fmt.Errorf("uid %d may not use this socket", cred.Uid)
	}
	return fmt.Sprintf("uid %d", cred.Uid), nil
}
