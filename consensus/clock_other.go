//go:build !linux

package consensus

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime reads CLOCK_MONOTONIC: on macOS it goes on in sleep, on FreeBSD a
// suspended machine's clock is corrected by the leader when it is back.
func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return processTime()
	}
	return time.Duration(ts.Nano())
}

// bootID is not known here, so a restarted daemon asks the leader for the time.
func bootID() string { return "" }

func datasync(f *os.File) error { return f.Sync() }
