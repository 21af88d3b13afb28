//go:build !linux

package bench

import (
	"errors"
	"runtime"
	"syscall"
	"time"
)

// Enter is for Linux.
func Enter() (status int, ran bool, why error) {
	return 0, false, errors.New("network namespaces are Linux's")
}

func endGroup(pid int, s syscall.Signal) { _ = syscall.Kill(pid, s) }

type usage struct {
	cpu       time.Duration
	rss, peak int64
}

func usageOf(int) usage { return usage{} }

func machine() string { return runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version() }

func load() string { return "unknown" }
