package bmp

import (
	"errors"
	"sync"
)

// maxBacklog is how many octets may wait for a station that reads slowly, beside the
// tables that it is sent when it connects.
const maxBacklog = 16 << 20

// errSlow is a station for which too much waits.
var errSlow = errors.New("it does not read what it is sent")

// backlog is what waits for a station.
type backlog struct {
	mu      sync.Mutex
	waiting [][]byte
	octets  int
	failed  error
	bell    chan struct{} // one slot
	cut     func()        // ends a write that waits
}

func newBacklog(first [][]byte, cut func()) *backlog {
	return &backlog{waiting: first, bell: make(chan struct{}, 1), cut: cut}
}

// add never waits.
func (b *backlog) add(messages ...[]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil {
		return
	}
	for _, m := range messages {
		b.octets += len(m)
	}
	b.waiting = append(b.waiting, messages...)
	if b.octets > maxBacklog {
		b.waiting, b.failed = nil, errSlow
		b.cut()
	}
	select {
	case b.bell <- struct{}{}:
	default:
	}
}

// take returns what waits.
func (b *backlog) take() ([][]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.waiting
	b.waiting, b.octets = nil, 0
	return all, b.failed
}
