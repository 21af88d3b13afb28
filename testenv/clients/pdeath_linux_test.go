package clients

import "syscall"

// dieWithUs makes a child end with the test process, also when that is killed.
func dieWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
