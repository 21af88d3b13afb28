package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asTriggerd in the environment makes the test binary be triggerd, so that what
// runs as a process here is the code under test, race detector and all.
const asTriggerd = "TRIGGERD_TEST_IS_TRIGGERD"

func TestMain(m *testing.M) {
	if os.Getenv(asTriggerd) != "" {
		main()
	}
	// A child gets the default back for what is caught here. Under nohup it would
	// inherit a SIGHUP that is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// patience bounds every wait; a wait that succeeds never uses it up.
const patience = 60 * time.Second

// eventually looks until it is so.
func eventually(t testing.TB, what string, look func() (ok bool, saw string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for pause := 10 * time.Millisecond; ; pause = min(pause*3/2, 200*time.Millisecond) {
		ok, saw := look()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s\nlast seen: %s", patience, what, saw)
		}
		<-time.After(pause)
	}
}

// output collects what a process prints; it may be read while the process runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is one running triggerd.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// triggerdCommand is a command line of triggerd, not started yet.
func triggerdCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asTriggerd+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// launch starts the command. What still runs at the end of the test is killed.
func launch(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the status is in ProcessState
	}()
	t.Cleanup(func() {
		p.kill9()
		p.checkClean()
		if t.Failed() {
			t.Logf("%s\nstdout: %s\nstderr: %s", strings.Join(cmd.Args[1:], " "), &p.stdout, &p.stderr)
		}
	})
	return p
}

// start starts triggerd with these arguments.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	return launch(t, triggerdCommand(t, args...))
}

// checkClean fails the test for what no process of ours may ever print.
func (p *process) checkClean() {
	p.t.Helper()
	for _, never := range []string{"DATA RACE", "panic:", "goroutine 1 ["} {
		if strings.Contains(p.stderr.String(), never) {
			p.t.Errorf("triggerd %s printed %q:\n%s", strings.Join(p.cmd.Args[1:], " "), never, &p.stderr)
		}
	}
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

func (p *process) kill9() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait returns the exit status; -1 is the end by a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("still running after %v:\n%s", patience, &p.stderr)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop ends the process by the signal, which must be a clean end.
func (p *process) stop(s syscall.Signal) {
	p.t.Helper()
	p.signal(s)
	if status := p.wait(); status != 0 {
		p.t.Errorf("ended with status %d on %v:\n%s", status, s, &p.stderr)
	}
}

// says waits until standard error has this text.
func (p *process) says(text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("standard error says %q", text), func() (bool, string) {
		return strings.Contains(p.stderr.String(), text), p.stderr.String()
	})
}

// result is a command that has run to its end.
type result struct {
	stdout, stderr string
	status         int
}

func (r result) String() string {
	return fmt.Sprintf("status %d\nstdout: %s\nstderr: %s", r.status, r.stdout, r.stderr)
}

// triggerd runs a subcommand to its end.
func triggerd(t testing.TB, stdin string, args ...string) result {
	t.Helper()
	cmd := triggerdCommand(t, args...)
	cmd.Stdin = strings.NewReader(stdin)
	p := launch(t, cmd)
	status := p.wait()
	return result{p.stdout.String(), p.stderr.String(), status}
}

// refusedWith expects the status and each of the texts on standard error, and no
// usage message or stack in between.
func (r result) refusedWith(t testing.TB, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("want status %d, got %v", status, r)
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("want %q on standard error, got %v", text, r)
		}
	}
	if strings.Contains(r.stderr, "goroutine") || strings.Contains(r.stderr, "Usage:") {
		t.Errorf("standard error is not for people: %v", r)
	}
}

// works expects status 0.
func (r result) works(t testing.TB) result {
	t.Helper()
	if r.status != 0 {
		t.Fatalf("want status 0, got %v", r)
	}
	return r
}
