// Package journal keeps the last lines of the node's log, so that operators can
// read them without a way to the machine (`show logging`) and have new ones
// printed as they come (`terminal monitor`).
//
// A [Journal] is a [slog.Handler] in front of another one, through which all
// parts log as ever. It must not know who logs or who reads, and a reader that is
// slow holds nobody up. internal/daemon puts it in front of the process's log; cli
// reads it.
package journal

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Keep is how many lines are kept.
const Keep = 500

// maxLine bounds one kept line, in bytes.
const maxLine = 2000

// Journal is the handler. Its clones by WithAttrs and WithGroup share what is
// kept.
type Journal struct {
	next slog.Handler
	text slog.Handler // writes into the book's scratch buffer
	*book
}

// book is what all clones share.
type book struct {
	mu        sync.Mutex
	scratch   bytes.Buffer
	lines     []string // oldest first
	following map[int]func(string)
	lastID    int
}

// New keeps what is logged at [slog.LevelInfo] and above, whatever next keeps, and
// passes on to next what that is for.
func New(next slog.Handler) *Journal {
	b := &book{following: map[int]func(string){}}
	text := slog.NewTextHandler(&b.scratch, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: withoutHead})
	return &Journal{next: next, text: text, book: b}
}

// withoutHead drops what stands at the beginning of a line, where it has another
// form.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

// Enabled is [slog.Handler]'s.
func (j *Journal) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || j.next.Enabled(ctx, l)
}

// Handle is [slog.Handler]'s.
func (j *Journal) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		j.keep(ctx, r)
	}
	if !j.next.Enabled(ctx, r.Level) {
		return nil
	}
	return j.next.Handle(ctx, r)
}

// WithAttrs is [slog.Handler]'s.
func (j *Journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Journal{next: j.next.WithAttrs(attrs), text: j.text.WithAttrs(attrs), book: j.book}
}

// WithGroup is [slog.Handler]'s.
func (j *Journal) WithGroup(name string) slog.Handler {
	return &Journal{next: j.next.WithGroup(name), text: j.text.WithGroup(name), book: j.book}
}

// keep writes the record as one line and tells who follows.
func (j *Journal) keep(ctx context.Context, r slog.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.scratch.Reset()
	if j.text.Handle(ctx, r) != nil { // a buffer takes everything
		return
	}
	line := r.Time.UTC().Format(time.DateTime) + " " + r.Level.String() + " " + r.Message
	if rest := strings.TrimSpace(j.scratch.String()); rest != "" {
		line += " " + rest
	}
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine], "") + "..."
	}
	if len(j.lines) == Keep {
		j.lines = append(j.lines[:0], j.lines[1:]...)
	}
	j.lines = append(j.lines, line)
	for _, f := range j.following {
		f(line)
	}
}

// Lines returns the kept lines, oldest first.
func (j *Journal) Lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

// Follow calls f with each new line until stop is called. f must neither wait nor
// log.
func (j *Journal) Follow(f func(line string)) (stop func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lastID++
	id := j.lastID
	j.following[id] = f
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.following, id)
	}
}
