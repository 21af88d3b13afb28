package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// single is what all systems of one daemon have in common.
type single struct {
	env  *env
	name string
	dir  string
	at   netip.AddrPort // where routers dial it
	proc *process
}

// newSingle makes its directory.
func newSingle(e *env, name string) single {
	return single{env: e, name: name, dir: filepath.Join(e.dir, name), at: loopback(e.nextPort())}
}

func (s *single) nodes() []string { return []string{s.name} }

func (s *single) processes() []*process { return []*process{s.proc} }

// feedAt is where a whole table may be sent.
func (s *single) feedAt() netip.AddrPort { return s.at }

func (s *single) close() {
	if s.proc != nil && s.proc.running() {
		s.proc.kill9()
	}
}

// file writes a file of the daemon's and returns its path.
func (s *single) file(name, text string, mode os.FileMode) (string, error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(s.dir, name)
	return path, write(path, text, mode)
}

// run starts the daemon.
func (s *single) run(env []string, name string, args ...string) error {
	file, err := program(name)
	if err != nil {
		return err
	}
	s.proc, err = s.env.ground.start(s.name, s.dir, env, file, args...)
	return err
}

// answers waits until the daemon takes a question.
func (s *single) answers(ctx context.Context, ask func() error) error {
	return until(ctx, func() error {
		if !s.proc.running() {
			return s.proc.saying(fmt.Errorf("%s has ended", s.name))
		}
		return ask()
	})
}

// dialed tells the routers where it is.
func (s *single) dialed() error { return s.env.routers.dial(s.name, s.at) }
