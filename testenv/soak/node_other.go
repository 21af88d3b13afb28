//go:build !linux

package soak

import (
	"os/exec"
	"syscall"
)

// startCommand starts a process in a group of its own: Ctrl-C is for the soak.
func startCommand(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}
