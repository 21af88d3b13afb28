package vty

import (
	"slices"
	"sync"
)

// Terminal is what the commands `terminal length`, `terminal width` and
// `show history` need of the session that they are typed in. All methods may
// be called from any goroutine and on a nil Terminal, where they do nothing:
// sessions without a terminal have no size and no history.
type Terminal struct {
	mu         sync.Mutex
	cols, rows int
	width      int // `terminal width`; -1 = as the window
	length     int // `terminal length`; -1 = as the window
	history    []string
	bytes      int // sum of the lengths of history

	told  []string      // to be shown at the prompt; see Tell
	lost  int           // lines that were too many
	news  chan struct{} // told has something; capacity 1
	ended chan struct{} // the session is over
}

// NewTerminal makes the settings of a session whose window has cols columns
// and rows rows; 0 means unknown.
func NewTerminal(cols, rows int) *Terminal {
	t := &Terminal{width: -1, length: -1, news: make(chan struct{}, 1), ended: make(chan struct{})}
	t.Resize(cols, rows)
	return t
}

// Resize is called by the door when the client's window changes.
func (t *Terminal) Resize(cols, rows int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cols, t.rows = max(cols, 0), max(rows, 0)
}

// SetLength is `terminal length N`: rows of one page, 0 for no paging, below 0
// for `terminal no length`, which follows the window again.
func (t *Terminal) SetLength(n int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.length = n
}

// SetWidth is `terminal width N`: columns of one row, 0 for no wrapping, below
// 0 to follow the window again.
func (t *Terminal) SetWidth(n int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.width = n
}

// minColumns is the narrowest window that is believed. Tools allocate
// terminals of 0x0 or a few columns and expect whole lines.
const minColumns = 20

// Columns is the width that lines wrap at, 0 for no wrapping.
func (t *Terminal) Columns() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.cols
	if t.width >= 0 {
		n = t.width
	}
	if n < minColumns {
		return 0
	}
	return n
}

// Rows is the length of one page, 0 for no paging.
func (t *Terminal) Rows() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.length >= 0 {
		return t.length
	}
	return t.rows
}

// History is what `show history` prints: the lines of this session, oldest
// first, without the one that is running.
func (t *Terminal) History() []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.history)
}

// Bounds of the history. Quagga keeps 20 lines.
const (
	maxHistory      = 100
	maxHistoryBytes = 64 << 10
)

// remember adds a line, unless it is empty or repeats the last one.
func (t *Terminal) remember(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if line == "" || len(line) > maxHistoryBytes {
		return
	}
	if n := len(t.history); n > 0 && t.history[n-1] == line {
		return
	}
	t.history = append(t.history, line)
	t.bytes += len(line)
	for len(t.history) > maxHistory || t.bytes > maxHistoryBytes {
		t.bytes -= len(t.history[0])
		t.history = slices.Delete(t.history, 0, 1)
	}
}
