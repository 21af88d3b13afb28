package cli

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// The local socket carries frames: one byte that says what it is, four bytes
// of length, big-endian, and the payload. Both ends are the same binary, so
// there is no version; an unknown frame ends the connection.
const (
	frameHello  = 'h' // client: a localHello, first of all
	frameData   = 'd' // client: typed bytes; server: output
	frameWindow = 'w' // client: a localHello with the new size
	frameEnd    = 'e' // client: end of its input
	frameStatus = 'x' // server: exit status, one byte, last of all
)

// maxFrame bounds a payload.
const maxFrame = 1 << 20

// localHello says how the session is to be.
type localHello struct {
	TTY    bool    `json:"tty"`
	Cols   int     `json:"cols"`
	Rows   int     `json:"rows"`
	Script *string `json:"script,omitempty"` // `triggerd cli -c`; nil otherwise
}

// errFrame is a frame that is not understood.
var errFrame = errors.New("not a frame of triggerd's local socket")

// readFrame reads one frame.
func readFrame(r io.Reader) (kind byte, payload []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: %d bytes long", errFrame, n)
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	return head[0], payload, nil
}

// frameWriter writes frames from several goroutines. As an io.Writer it makes
// data frames.
type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frameWriter) frame(kind byte, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	_, err := f.w.Write(append(head, payload...))
	return err
}

func (f *frameWriter) hello(kind byte, h localHello) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return f.frame(kind, text)
}

// Write sends p as data.
func (f *frameWriter) Write(p []byte) (int, error) {
	if err := f.frame(frameData, p); err != nil {
		return 0, err
	}
	return len(p), nil
}
