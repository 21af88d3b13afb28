package consensus

import (
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime reads CLOCK_BOOTTIME: Go's own monotonic clock (CLOCK_MONOTONIC)
// stops while the machine is suspended.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return processTime()
	}
	return time.Duration(ts.Nano())
}

// bootID is a random id that the kernel draws at each boot.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// datasync flushes a file's bytes; its size does not change.
func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
