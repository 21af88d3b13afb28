package soak

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/triggerd/triggerd/testenv/soak/history"
)

// timeline writes what happens: all of it to a file beside the nodes' logs, what
// people want to read along to them as well.
type timeline struct {
	people io.Writer

	mu   sync.Mutex
	file *os.File
	all  *bufio.Writer
}

func newTimeline(dir string, people io.Writer) (*timeline, error) {
	f, err := os.Create(filepath.Join(dir, "timeline"))
	if err != nil {
		return nil, fmt.Errorf("making the timeline: %w", err)
	}
	return &timeline{people: people, file: f, all: bufio.NewWriter(f)}, nil
}

// note writes to the file.
func (t *timeline) note(format string, a ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.all, "%s  %s\n", history.Clock(time.Now()), fmt.Sprintf(format, a...))
}

// say writes to the file and to people.
func (t *timeline) say(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	t.note("%s", text)
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.people, "%s  %s\n", history.Clock(time.Now()), text)
}

func (t *timeline) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.all.Flush() // what is missing from a file on a full disk is seen there
}

func (t *timeline) close() {
	t.flush()
	_ = t.file.Close()
}
