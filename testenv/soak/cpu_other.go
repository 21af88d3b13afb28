//go:build !linux

package soak

import (
	"errors"
	"time"
)

func cpuTime(int) (time.Duration, error) {
	return 0, errors.New("only Linux is asked for the time that a process has used")
}
