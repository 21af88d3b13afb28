package testenv

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inNamespace runs f on a thread that has entered the network namespace. The
// thread is thrown away afterwards (the goroutine ends locked to it), so no other
// goroutine can ever find itself in the wrong namespace. Sockets opened by f
// belong to the namespace for good and may be used from any goroutine.
func inNamespace(path string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != os.Getpid() {
			done <- enterAndRun(path, f)
			return // still locked: the thread dies with the goroutine
		}
		// The process's first thread never dies, and its namespace counts as the
		// process's. While it is held here, the next goroutine gets another thread.
		done <- inNamespace(path, f)
		runtime.UnlockOSThread()
	}()
	return <-done
}

func enterAndRun(path string, f func() error) error {
	ns, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the namespace: %w", err)
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the namespace %s: %w", path, err)
	}
	return f()
}
