package cli

import (
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/triggerd/triggerd/cli/vty"
	"github.com/triggerd/triggerd/internal/journal"
)

// shown collects what a terminal shows.
type shown struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// take returns what was shown since the last look.
func (s *shown) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.text.Reset()
	return s.text.String()
}

// seated is a whole session at a terminal.
type seated struct {
	keys  io.WriteCloser
	shown *shown
}

func (l *lab) seat(name string) seated {
	x := l.login(name)
	r, w := io.Pipe()
	s := seated{w, &shown{}}
	session := vty.Session{In: r, Out: s.shown, Shell: x.Shell, Term: x.term}
	go func() {
		_ = session.Run(l.t.Context()) // ends when the test closes the pipe
		r.Close()
	}()
	return s
}

func (s seated) types(keys string) string {
	_, _ = io.WriteString(s.keys, keys)
	synctest.Wait()
	return s.shown.take()
}

func TestTerminalMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := busyLab(t)
		l.journal = journal.New(slog.DiscardHandler)
		log := slog.New(l.journal)
		alice, bob, root := l.seat("alice"), l.seat("bob"), l.seat("root")
		for _, s := range []seated{alice, bob, root} {
			defer s.keys.Close()
			if out := s.types("terminal monitor\r"); !strings.HasSuffix(out, "terminal monitor\r\ntrigger1# ") {
				t.Errorf("shows %q", out)
			}
		}
		log.Info("neighbor up", "neighbor", "192.0.2.20")
		alice.types("show ip b")
		amy := l.login("amy") // who lands in view and gets receipts
		amy.must("enable", "configure terminal", "router bgp 65534")
		amy.run("network 203.0.113.90/32 expire 2h reason SYN flood")
		time.Sleep(watchEvery)
		synctest.Wait()

		began := "2026-06-19 10:46:30 blackhole 203.0.113.90/32 has begun, until 12:46 UTC (SYN flood)\r\n"
		if out := alice.shown.take(); out != "\r\n"+began+"trigger1# show ip b" {
			t.Errorf("alice is shown %q", out)
		}
		if out := bob.shown.take(); out != "" {
			t.Errorf("bob, another customer, is shown %q", out)
		}
		out := root.shown.take()
		if !strings.Contains(out, " INFO neighbor up neighbor=192.0.2.20\r\n") ||
			!strings.Contains(out, strings.Replace(began, "/32 has", "/32 of acme has", 1)) {
			t.Errorf("root is shown %q", out)
		}

		root.types("terminal no monitor\r")
		l.pass(2 * time.Hour)
		time.Sleep(watchEvery)
		log.Info("neighbor down")
		synctest.Wait()
		if out := alice.shown.take(); !strings.Contains(out, "blackhole 203.0.113.90/32 has ended\r\n") {
			t.Errorf("alice is shown %q", out)
		}
		if out := root.shown.take(); out != "" {
			t.Errorf("root, who has switched it off, is shown %q", out)
		}
		if out := root.types("show logging | include neighbor\r"); !strings.Contains(out, " INFO neighbor down\r\n") {
			t.Errorf("root reads %q", out)
		}
		// A user who is disabled hears no more.
		l.asOperator("customer acme\n user alice\n  disable")
		time.Sleep(watchEvery)
		amy.run("network 203.0.113.91/32")
		time.Sleep(watchEvery)
		synctest.Wait()
		if out := alice.shown.take(); out != "" {
			t.Errorf("alice, who is disabled, is shown %q", out)
		}
	})
}

func TestMonitorWithoutATerminal(t *testing.T) {
	l := newLab(t)
	u, _ := l.st.User("alice")
	l.shell(Login{User: u}).must("terminal monitor", "terminal monitor", "terminal no monitor", "no terminal monitor")
}
