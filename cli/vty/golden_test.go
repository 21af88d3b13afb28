package vty

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// step is keys sent and what the terminal shows for them.
type step struct{ keys, shown string }

// readTranscript reads the notation of the recorded originals: sent keys stand
// between « and », control bytes are written as in Go strings, line ends of the
// file count for nothing, and lines that begin with "# " before the first
// prompt are comments.
func readTranscript(t *testing.T, path string) (first string, steps []step, closed bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "# ") {
			body.WriteString(strings.TrimSuffix(line, "\n"))
		}
	}
	all, closed := strings.CutSuffix(body.String(), "[[CLOSED]]")
	first, rest, _ := strings.Cut(all, "«")
	for rest != "" {
		var s step
		s.keys, rest, _ = strings.Cut(rest, "»")
		s.shown, rest, _ = strings.Cut(rest, "«")
		steps = append(steps, step{unquote(t, s.keys), unquote(t, s.shown)})
	}
	return unquote(t, first), steps, closed
}

func unquote(t *testing.T, s string) string {
	t.Helper()
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return out
}

// screen collects what the session writes.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

// read takes what has been written since.
func (s *screen) read() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.buf.Reset()
	return s.buf.String()
}

// desk is a session under test with somebody typing.
type desk struct {
	*router
	screen
	keys io.WriteCloser
	done chan error
}

// sit starts a session inside a synctest bubble.
func sit(t *testing.T, term *Terminal, tweak func(*Session)) *desk {
	t.Helper()
	pr, pw := io.Pipe()
	d := &desk{router: &router{term: term}, keys: pw, done: make(chan error, 1)}
	s := &Session{In: pr, Out: &d.screen, Shell: d.router, Term: term}
	if tweak != nil {
		tweak(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		_ = pr.Close()
	})
	go func() { d.done <- s.Run(ctx) }()
	synctest.Wait()
	return d
}

// types sends keys and returns what they made the session show.
func (d *desk) types(t *testing.T, keys string) string {
	t.Helper()
	if _, err := io.WriteString(d.keys, keys); err != nil {
		t.Fatalf("typing %q: %v", keys, err)
	}
	synctest.Wait()
	return d.read()
}

func TestSessionsLookAsInTheTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			first, steps, closed := readTranscript(t, file)
			synctest.Test(t, func(t *testing.T) {
				d := sit(t, NewTerminal(80, 10), nil)
				if got := d.read(); got != first {
					t.Fatalf("at first it shows\n%q\nwant\n%q", got, first)
				}
				for _, s := range steps {
					if got := d.types(t, s.keys); got != s.shown {
						t.Fatalf("%q shows\n%q\nwant\n%q", s.keys, got, s.shown)
					}
				}
				select {
				case <-d.done:
					if !closed {
						t.Error("the session has ended")
					}
				default:
					if closed {
						t.Error("the session has not ended")
					}
				}
			})
		})
	}
}
