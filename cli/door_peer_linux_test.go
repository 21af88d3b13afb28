package cli

import (
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// Should the modes of socket and directory ever be loosened, the kernel still
// tells who is there.
func TestAnotherUserAtTheLocalSocketIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	b := openBackDoor(t)
	for path, mode := range map[string]os.FileMode{b.path: 0o666, b.path[:len(b.path)-len("/cli")]: 0o755, b.path[:len(b.path)-len("/run/cli")]: 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan error, 1)
	go func() {
		// This thread alone becomes nobody; as it stays locked it ends with
		// the goroutine.
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			got <- errno
			return
		}
		conn, err := net.Dial("unix", b.path)
		if err == nil {
			_ = (&frameWriter{w: conn}).hello(frameHello, localHello{})
			_, _, err = readFrame(conn)
			conn.Close()
		}
		got <- err
	}()
	if err := <-got; err == nil {
		t.Error("nobody got in")
	}
	until(t, "the refusal is logged", func() bool { return strings.Contains(b.log.String(), "uid 65534 may not use this socket") })
}
