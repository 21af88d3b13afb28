package testenv

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is one program that the lab started, known by its id until it has been
// waited for. Its output goes to a file of its own.
type Process struct {
	Name string // host/program
	Log  string // file with standard output and standard error

	lab  *Lab
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and was waited for
	err  error         // how it ended; read after done
}

// logTail is how much of each log a failed test prints.
const logTail = 6 << 10

// stopPatience bounds a clean stop.
const stopPatience = 15 * time.Second

// Run starts a program on the host. Each start has its own log file
// (PROGRAM.N.log). With stdin nil it reads nothing.
func (h *Host) Run(stdin io.Reader, program string, args ...string) *Process {
	h.lab.t.Helper()
	base := filepath.Base(program)
	p := &Process{Name: h.Name + "/" + base, lab: h.lab, cmd: h.Command(program, args...), done: make(chan struct{})}
	p.Log = h.Path(fmt.Sprintf("%s.%d.log", base, len(h.lab.processes)))
	log, err := os.Create(p.Log)
	if err != nil {
		h.lab.t.Fatal(err)
	}
	defer log.Close() // the child has its own copy
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the test, not for the daemons
	if err := p.cmd.Start(); err != nil {
		h.lab.t.Fatalf("%s: %v", p.Name, err)
	}
	h.lab.processes = append(h.lab.processes, p)
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// Running says whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.done }

// Kill9 ends the process as a power cut would, and waits until it is gone.
func (p *Process) Kill9() {
	p.lab.t.Helper()
	if !p.Running() {
		p.lab.t.Fatalf("%s should be killed but has already ended: %v\n%s", p.Name, p.err, p.Report())
	}
	p.end()
}

// Stop asks the process to end (SIGTERM) and fails the test when it does not
// within 15 s, or ends with an error.
func (p *Process) Stop() {
	p.lab.t.Helper()
	if !p.Running() {
		p.lab.t.Fatalf("%s should be stopped but has already ended: %v\n%s", p.Name, p.err, p.Report())
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	patience := time.NewTimer(stopPatience)
	defer patience.Stop()
	select {
	case <-p.done:
		if p.err != nil {
			p.lab.t.Errorf("%s was asked to end and ended with: %v\n%s", p.Name, p.err, p.Report())
		}
	case <-patience.C:
		p.end()
		p.lab.t.Errorf("%s did not end within %v of SIGTERM", p.Name, stopPatience)
	}
}

// Freeze stops the process without ending it (SIGSTOP); Thaw lets it go on.
func (p *Process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw undoes Freeze.
func (p *Process) Thaw() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	p.lab.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.lab.t.Fatalf("%s: %v: %v", p.Name, s, err)
	}
}

// end kills the process if it still runs and waits for it. os.Process never
// signals an id that has been waited for.
func (p *Process) end() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Output is all that the process has written so far.
func (p *Process) Output() string {
	content, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// Report is the end of the log under a heading, for people.
func (p *Process) Report() string {
	state := "running"
	if !p.Running() {
		state = fmt.Sprintf("ended: %v", p.err)
		if p.err == nil {
			state = "ended with status 0"
		}
	}
	text := p.Output()
	if len(text) > logTail {
		text = "...\n" + text[len(text)-logTail:]
	}
	text = "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
	return fmt.Sprintf("--- %s (%s; %s)\n%s", p.Name, state, strings.Join(p.cmd.Args[1:], " "), text)
}
