package console

import (
	"os/exec"
	"runtime"
	"syscall"
)

// starter runs on a thread of its own, which lives as long as the process: the
// kernel ends a child with Pdeathsig when the thread that started it ends.
var starter = func() chan func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range jobs {
			f()
		}
	}()
	return jobs
}()

// Start starts a process in a group of its own (Ctrl-C is for us alone) that does
// not outlive this one, however this one ends.
func Start(cmd *exec.Cmd) (err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done := make(chan struct{})
	starter <- func() {
		defer close(done)
		err = cmd.Start()
	}
	<-done
	return err
}
