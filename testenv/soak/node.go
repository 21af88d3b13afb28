package soak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/testenv/console"
)

// node is one member: its file, and the process when it runs.
type node struct {
	name   string
	role   string
	dir    string
	conf   config.Node
	binary string
	level  string             // of the log
	died   func(*node, error) // the process ended though nobody asked it to

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process was waited for
	asked  bool          // to end
	starts int
}

func (n *node) file() string { return filepath.Join(n.dir, "triggerd.conf") }

// logFile has what all processes of the node have said, one after the other.
func (n *node) logFile() string { return filepath.Join(n.dir, "log") }

// write writes the node's file.
func (n *node) write() error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of %s: %w", n.name, err)
	}
	if err := os.WriteFile(n.file(), []byte(n.conf.String()), 0o600); err != nil {
		return fmt.Errorf("writing the file of %s: %w", n.name, err)
	}
	return nil
}

// subcommand runs a subcommand of triggerd to its end.
func (n *node) subcommand(ctx context.Context, args ...string) (string, error) {
	return console.Subcommand(ctx, n.binary, args...)
}

// start starts the process; it does not wait until the node can do anything.
func (n *node) start() error {
	if n.running() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("starting %s: %w", n.name, err)
	}
	defer log.Close() // the child has its own copy
	n.starts++
	cmd := exec.Command(n.binary, "run", "-c", n.file(), "--log-level", cmp.Or(n.level, "info"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := console.Start(cmd); err != nil {
		return fmt.Errorf("starting %s: %w", n.name, err)
	}
	fmt.Fprintf(log, "---- %s start %d, process %d\n", time.Now().UTC().Format("15:04:05.000"), n.starts, cmd.Process.Pid)
	ended := make(chan struct{})
	n.cmd, n.ended, n.asked = cmd, ended, false
	go func() {
		err := cmd.Wait()
		n.mu.Lock()
		asked := n.asked
		n.mu.Unlock()
		close(ended)
		if !asked {
			n.died(n, err)
		}
	}()
	return nil
}

// end sends the signal that is to end the process, and waits until it has.
func (n *node) end(s syscall.Signal, within time.Duration) error {
	n.mu.Lock()
	cmd, ended := n.cmd, n.ended
	n.asked = true
	n.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(s) // an error means that it has ended
	select {
	case <-ended:
		return nil
	case <-time.After(within):
		_ = cmd.Process.Kill()
		<-ended
		return fmt.Errorf("%s did not end within %v of signal %v", n.name, within, s)
	}
}

func (n *node) kill9() { _ = n.end(syscall.SIGKILL, time.Minute) }

// stop is the planned end.
func (n *node) stop() error { return n.end(syscall.SIGTERM, 20*time.Second) }

// signal sends SIGSTOP or SIGCONT.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(s) // an error means that it has ended
	}
}

// running tells whether there is a process.
func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.ended:
		return false
	default:
		return true
	}
}

// pid is the process id, 0 without a process.
func (n *node) pid() int {
	if !n.running() {
		return 0
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd.Process.Pid
}

// types types lines at the operator's door of the node.
func (n *node) types(ctx context.Context, lines ...string) (string, error) {
	return console.Type(ctx, &n.conf, lines...)
}

// asks asks for something that is printed as JSON.
func (n *node) asks(ctx context.Context, question string, into any) error {
	return console.Ask(ctx, &n.conf, question, into)
}

// answers waits until the node's own door is open.
func (n *node) answers(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		_, err := n.types(ctx, "show version")
		if err == nil {
			return nil
		}
		if !n.running() {
			return fmt.Errorf("%s ended while it started; see %s", n.name, n.logFile())
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not answer within %v", n.name, within), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
