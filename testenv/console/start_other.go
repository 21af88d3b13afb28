//go:build !linux

package console

import (
	"os/exec"
	"syscall"
)

// Start starts a process in a group of its own: Ctrl-C is for us alone. Whoever
// starts it has to end it.
func Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}
