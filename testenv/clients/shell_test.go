package clients

import "os/exec"

// shell runs a line in the shell of this machine.
func shell(line string) *exec.Cmd { return exec.Command("sh", "-c", line) }
