package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/triggerd/triggerd/testenv/console"
)

// process is one that the benchmark started, and ends.
type process struct {
	name  string
	log   string // what it says
	cmd   *exec.Cmd
	ended chan struct{}
}

// ground is where everything happens: a directory, and the ports below it.
type ground struct {
	dir   string
	port  uint16
	procs []*process
}

// dirFor makes a directory.
func (g *ground) dirFor(name string) (string, error) {
	dir := filepath.Join(g.dir, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// nextPort gives out ports below those that systems give to outgoing connections.
func (g *ground) nextPort() uint16 {
	g.port++
	return g.port
}

// start starts a program; its output goes to a file beside dir's others.
func (g *ground) start(name, dir string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own copy
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	return p, g.run(p)
}

// run starts what was prepared.
func (g *ground) run(p *process) error {
	if err := console.Start(p.cmd); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	g.procs = append(g.procs, p)
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill9 ends it as a power cut would.
func (p *process) kill9() {
	endGroup(p.pid(), syscall.SIGKILL)
	<-p.ended
}

// saying adds the last lines of what it said to an error.
func (p *process) saying(err error) error {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w; %s said last: %s", err, p.name, strings.Join(lines[max(0, len(lines)-3):], " | "))
}

// close ends everything that still runs.
func (g *ground) close() {
	for _, p := range g.procs {
		if p.running() {
			p.kill9()
		}
	}
}
